package vanity_test

import (
	"go/ast"
	"go/build"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestComments keeps the documentation complete, as far as a program can tell: each exported name, field and method has a
// comment that begins with it, and says what nothing, nil and many callers at the same time mean where that is a question.
func TestComments(t *testing.T) {
	p := documentation(t)
	checkComment(t, p, "", "Package vanity", p.Doc)
	for _, v := range p.Vars {
		checkComment(t, p, v.Names[0], v.Names[0], v.Doc)
	}
	funcs := p.Funcs
	for _, typ := range p.Types {
		checkType(t, p, typ)
		funcs = append(funcs, typ.Funcs...)
		funcs = append(funcs, typ.Methods...)
	}
	for _, f := range funcs {
		checkFunc(t, p, f)
	}
	if len(p.Types) < 5 || len(funcs) < 20 {
		t.Errorf("%d types and %d functions are too few: the test has not found them all", len(p.Types), len(funcs))
	}
}

// documentation is the package's, as go doc and pkg.go.dev have it, with the bodies of functions.
func documentation(t *testing.T) *doc.Package {
	t.Helper()
	in, err := build.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range in.GoFiles {
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	p, err := doc.NewFromFiles(fset, files, "example.com/vanity", doc.PreserveAST)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// checkType wants what a type's zero value is, and the same of each field of a struct.
func checkType(t *testing.T, p *doc.Package, typ *doc.Type) {
	checkComment(t, p, typ.Name, typ.Name, strings.TrimPrefix(strings.TrimPrefix(typ.Doc, "A"), "n"))
	switch def := typ.Decl.Specs[0].(*ast.TypeSpec).Type.(type) {
	case *ast.StructType:
		if !strings.Contains(typ.Doc, "zero") {
			t.Errorf("%s: the comment does not say what is zero, or that the zero value is of no use", typ.Name)
		}
		isData := slices.ContainsFunc(typ.Methods, func(f *doc.Func) bool { return f.Name == "Validate" }) || typ.Name == "Import"
		for _, field := range def.Fields.List {
			checkField(t, p, typ.Name, field, isData)
		}
	case *ast.InterfaceType:
		for _, method := range def.Methods.List {
			checkMember(t, p, typ.Name, method)
		}
	}
}

// checkField wants what it means that a field is zero, by the word for its type. Of data that somebody fills in, that is what
// follows if he leaves the field out.
func checkField(t *testing.T, p *doc.Package, typeName string, field *ast.Field, isData bool) {
	name, text := checkMember(t, p, typeName, field)
	zero := map[string]string{"string": "empty", "bool": "false", "int": "zero", "int64": "zero", "time.Duration": "zero", "time.Time": "zero", "error": "nil"}[types.ExprString(field.Type)]
	switch field.Type.(type) {
	case *ast.ArrayType, *ast.MapType:
		zero = "empty"
	}
	switch {
	case zero == "":
		t.Errorf("%s: there is no word for the zero value of a %s: add it to this test", name, types.ExprString(field.Type))
	case isData && !regexp.MustCompile(`\b(If `+zero+`|required)\b`).MatchString(text):
		t.Errorf(`%s: the comment says neither "If %s, …" nor that it is required`, name, zero)
	case !isData && !regexp.MustCompile(`\b(`+zero+`|otherwise nil)\b`).MatchString(text):
		t.Errorf("%s: the comment does not say when it is %s", name, zero)
	}
}

// checkPanic wants said what makes a function panic, and its name in the text that it panics with, unless that is the text of
// Validate.
func checkPanic(t *testing.T, name, text string, value ast.Expr) {
	if !strings.Contains(text, "panics") {
		t.Errorf("%s: the comment does not say what makes it panic", name)
	}
	call, ok := value.(*ast.CallExpr)
	if !ok {
		if types.ExprString(value) != "err" || !strings.Contains(text, "Validate]") {
			t.Errorf("%s panics with %s, which is not what Validate returns", name, types.ExprString(value))
		}
		return
	}
	if what, want := types.ExprString(call.Args[0]), `"vanity: `+name+": "; !strings.HasPrefix(what, want) {
		t.Errorf("%s panics with %s…, not with %s…", name, what, want)
	}
}

// checkMember wants one comment for each field or method, above it.
func checkMember(t *testing.T, p *doc.Package, typeName string, member *ast.Field) (name, text string) {
	if len(member.Names) != 1 {
		t.Fatalf("%s has fields without a name, or several in one line: each wants a comment", typeName)
	}
	name, text = member.Names[0].Name, member.Doc.Text()
	checkComment(t, p, typeName, name, text)
	return typeName + "." + name, text
}

// checkFunc wants said what nil means where something may be nil, what makes the function panic, and whether it is safe to call
// it, or what it was given, from several goroutines.
func checkFunc(t *testing.T, p *doc.Package, f *doc.Func) {
	name, results := f.Name, types.ExprString(f.Decl.Type)
	if f.Recv != "" {
		name = f.Recv + "." + f.Name
	}
	checkComment(t, p, strings.TrimPrefix(f.Recv, "*"), f.Name, f.Doc)
	isOption := strings.HasSuffix(results, " Option") && f.Recv == ""
	takesFunc := false
	for _, param := range f.Decl.Type.Params.List {
		_, isFunc := param.Type.(*ast.FuncType)
		takesFunc = takesFunc || isFunc
		isNilable := isFunc || slices.Contains([]string{"http.Handler", "Store"}, types.ExprString(param.Type))
		if _, ok := param.Type.(*ast.StarExpr); ok && isOption {
			isNilable = true
		}
		if isNilable && !regexp.MustCompile(`\bnil\b`).MatchString(f.Doc) {
			t.Errorf("%s: the comment does not say what a nil %s means", name, param.Names[0])
		}
	}
	ast.Inspect(f.Decl.Body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && types.ExprString(call.Fun) == "panic" {
			checkPanic(t, name, f.Doc, call.Args[0])
		}
		return true
	})
	if (!isOption || takesFunc) && !strings.Contains(f.Doc, "concurrent use") {
		t.Errorf("%s: the comment does not say whether it is safe for concurrent use", name)
	}
}

// dangling is what looks like a link in a comment, and leads nowhere.
var dangling = regexp.MustCompile(`\[\*?[A-Za-z][\w./]*\]`)

// checkComment wants a comment that begins with a name, links that lead somewhere, and each name of the package that it mentions
// to be a link once, but for that which it is about.
func checkComment(t *testing.T, p *doc.Package, about, name, text string) {
	t.Helper()
	at := name
	if about != "" && about != name {
		at = about + "." + name
	}
	if !strings.HasPrefix(strings.TrimPrefix(text, " "), name+" ") {
		t.Errorf("%s: the comment begins with %.40q", at, text)
	}
	var plain strings.Builder
	linked := map[string]bool{about: true, name: true}
	for block := range proseOf(p.Parser().Parse(text).Content) {
		switch block := block.(type) {
		case comment.Plain:
			plain.WriteString(string(block))
		case *comment.DocLink:
			if block.ImportPath == "" {
				linked[block.Name], linked[block.Recv] = true, true
			}
		}
	}
	for _, link := range dangling.FindAllString(plain.String(), -1) {
		t.Errorf("%s: the link %s leads nowhere", at, link)
	}
	for _, word := range regexp.MustCompile(`\w+`).FindAllString(plain.String(), -1) {
		if isName(p, word) && !linked[word] {
			linked[word] = true
			t.Errorf("%s: %s is never a link: write [%[2]s] where it comes first", at, word)
		}
	}
}

// proseOf gives the text of blocks and the links in it, headings and code left out.
func proseOf(blocks []comment.Block) func(yield func(comment.Text) bool) {
	return func(yield func(comment.Text) bool) {
		for _, block := range blocks {
			switch block := block.(type) {
			case *comment.Paragraph:
				for _, text := range append(block.Text, comment.Plain("\n")) {
					if !yield(text) {
						return
					}
				}
			case *comment.List:
				for _, item := range block.Items {
					for text := range proseOf(item.Content) {
						if !yield(text) {
							return
						}
					}
				}
			}
		}
	}
}

// isName reports whether a word is the name of something of the package at its top level.
func isName(p *doc.Package, word string) bool {
	named := func(f *doc.Func) bool { return f.Name == word }
	return slices.ContainsFunc(p.Funcs, named) || slices.ContainsFunc(p.Types, func(typ *doc.Type) bool {
		return typ.Name == word || slices.ContainsFunc(typ.Funcs, named)
	}) || slices.ContainsFunc(p.Vars, func(v *doc.Value) bool { return slices.Contains(v.Names, word) })
}
