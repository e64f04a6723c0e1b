package vanity_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wholeFiles are the examples that pkg.go.dev shows with all of their file: see doc.Examples for when it does.
var wholeFiles = []string{"Store", "_callersRights", "_monorepo", "_openGosub", "_personalSite", "_sharedStore", "_testing"}

// forRuns are what examples have from example_host_test.go, which no reader sees.
var forRuns = []string{"gitHost", "bareRepositories", "runAsTest"}

// TestExamples looks at the examples as pkg.go.dev does.
func TestExamples(t *testing.T) {
	t.Parallel()
	files, testFiles, p := parsePackage(t)
	examples := doc.Examples(testFiles...)
	var whole []string
	for _, ex := range examples {
		if ex.Output == "" {
			t.Errorf("Example%s has no output, so that nothing is tested", ex.Name)
		}
		if ex.Doc == "" {
			t.Errorf("Example%s has no comment", ex.Name)
		}
		if _, ok := ex.Code.(*ast.File); ok {
			whole = append(whole, ex.Name)
		}
	}
	if diff := cmp.Diff(wholeFiles, whole); diff != "" {
		t.Errorf("examples shown with their file (-want +got):\n%s", diff)
	}
	if attached := attachedExamples(p); len(attached) != len(examples) {
		t.Errorf("%d of %d examples are shown: %v", len(attached), len(examples), attached)
	}
	for _, f := range testFiles {
		if len(doc.Examples(f)) > 0 {
			checkShown(t, filepath.Base(files.Position(f.Pos()).Filename), f)
		}
	}
}

// TestExamplesMention wants each exported name in an example, and each method to have one of its own.
func TestExamplesMention(t *testing.T) {
	t.Parallel()
	_, testFiles, p := parsePackage(t)
	known := attachedExamples(p)
	for _, ex := range doc.Examples(testFiles...) {
		ast.Inspect(ex.Code, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "vanity" {
					known = append(known, s.Sel.Name)
				}
			}
			return true
		})
	}
	names := exportedNames(p)
	if len(names) < 40 {
		t.Errorf("only these are exported: %v", names)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			t.Errorf("no example shows %s", name)
		}
	}
}

// parsePackage has this package's files as go doc has them.
func parsePackage(t *testing.T) (fset *token.FileSet, testFiles []*ast.File, p *doc.Package) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	fset = token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
		if strings.HasSuffix(name, "_test.go") {
			testFiles = append(testFiles, f)
		}
	}
	if p, err = doc.NewFromFiles(fset, files, "example.com/vanity"); err != nil {
		t.Fatal(err)
	}
	return fset, testFiles, p
}

// attachedExamples names what has an example beside it, as often as it has one: "" is the package.
func attachedExamples(p *doc.Package) (names []string) {
	add := func(name string, examples []*doc.Example) {
		for range examples {
			names = append(names, name)
		}
	}
	add("", p.Examples)
	for _, f := range p.Funcs {
		add(f.Name, f.Examples)
	}
	for _, typ := range p.Types {
		add(typ.Name, typ.Examples)
		for _, f := range typ.Funcs {
			add(f.Name, f.Examples)
		}
		for _, m := range typ.Methods {
			add(typ.Name+"."+m.Name, m.Examples)
		}
	}
	return names
}

// exportedNames are the names of all that a package exports, but for fields.
func exportedNames(p *doc.Package) (names []string) {
	for _, v := range slices.Concat(p.Consts, p.Vars) {
		names = append(names, v.Names...)
	}
	for _, f := range p.Funcs {
		names = append(names, f.Name)
	}
	for _, typ := range p.Types {
		names = append(names, typ.Name)
		for _, v := range slices.Concat(typ.Consts, typ.Vars) {
			names = append(names, v.Names...)
		}
		for _, f := range typ.Funcs {
			names = append(names, f.Name)
		}
		for _, m := range typ.Methods {
			names = append(names, typ.Name+"."+m.Name)
		}
	}
	return names
}

// checkShown wants a reader of an example to see all that it is made of, but for what only its run needs here.
func checkShown(t *testing.T, name string, f *ast.File) {
	t.Helper()
	if n := len(doc.Examples(f)); n > 1 {
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
				continue
			}
			if f, ok := d.(*ast.FuncDecl); !ok || !strings.HasPrefix(f.Name.Name, "Example") {
				t.Errorf("%s has %d examples, and something besides, which is shown with none of them", name, n)
			}
		}
	}
	known := make(map[string]bool)
	for _, name := range slices.Concat(forRuns, types.Universe.Names()) {
		known[name] = true
	}
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil || strings.Contains(path, "internal/") {
			t.Errorf("%s imports %s, which a reader can't", name, path)
		}
		known[path[strings.LastIndex(path, "/")+1:]] = true
	}
	for _, ident := range f.Unresolved {
		if !known[ident.Name] {
			t.Errorf("%s has %s from another file, where no reader sees it", name, ident.Name)
		}
	}
}
