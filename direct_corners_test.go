package vanity_test

import (
	"crypto/sha256"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestDirectCorners asserts that no corner of what the go command does is forgotten. The file CORNERS beside the
// scripts names for each the scripts that go there, or says why there can be none:
//
//	source FILE HASH                     the file of the go command that was read
//	fact PHRASE: SCRIPT...               something that was found out, and would be easy to get wrong
//	code FUNC HASH EXCERPT: SCRIPT...    a statement of the go command that leaves a function, or makes an error
//	other: SCRIPT...                     scripts that are about none of these
//
// and in place of scripts, (a reason). A statement's hash is that of its text and of the conditions around it, so that
// it stays as it is when lines move. Where the go command at hand is another version than the one that was read, the
// statements are not compared.
func TestDirectCorners(t *testing.T) {
	c := readCorners(t)
	scripts := make(map[string]bool)
	for _, s := range readScripts(t) {
		scripts[s.name] = true
	}
	named := make(map[string]bool)
	for key, names := range c.scripts {
		for _, name := range names {
			if named[name] = true; !scripts[name] {
				t.Errorf("%s: there is no script %s", key, name)
			}
		}
	}
	for name := range scripts {
		if !named[name] {
			t.Errorf("script %s goes to no corner: say which, or add it to the others", name)
		}
	}
	for _, file := range []string{"coderepo.go", "codehost/git.go"} {
		t.Run(file, func(t *testing.T) { c.compare(t, file) })
	}
}

// Corners are what the file CORNERS says.
type corners struct {
	sources map[string]string   // hashes by file
	code    map[string]bool     // "FUNC HASH" of statements
	scripts map[string][]string // by what stands before the colon
}

func readCorners(t *testing.T) corners {
	t.Helper()
	c := corners{make(map[string]string), make(map[string]bool), make(map[string][]string)}
	for line := range strings.Lines(read(t, "testdata/direct/CORNERS")) {
		line = strings.TrimSpace(line)
		words := strings.Fields(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if words[0] == "source" && len(words) == 3 {
			c.sources[words[1]] = words[2]
			continue
		}
		i := strings.LastIndex(line, ": ")
		if i < 0 {
			t.Fatalf("CORNERS: malformed line %q", line)
		}
		key, value := line[:i], line[i+2:]
		if words[0] == "code" {
			c.code[words[1]+" "+words[2]] = true
		}
		if _, ok := c.scripts[key]; ok {
			t.Errorf("CORNERS: %q is there twice", key)
		}
		c.scripts[key] = strings.Fields(value)
		if strings.HasPrefix(value, "(") && strings.HasSuffix(value, ")") {
			c.scripts[key] = nil
		}
	}
	return c
}

// compare compares the statements of a file of the go command with those that were read.
func (c corners) compare(t *testing.T, file string) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(strings.TrimSpace(string(root)), "src/cmd/go/internal/modfetch", filepath.FromSlash(file))
	data, err := os.ReadFile(name)
	if err != nil {
		t.Skipf("NOT COMPARED: the go command's source is not at hand: %v", err)
	}
	found, err := statements(file, data)
	if err != nil {
		t.Fatal(err)
	}
	if hash := fmt.Sprintf("%x", sha256.Sum256(data)); hash != c.sources[file] {
		t.Skipf("NOT COMPARED: %s of %s is not the file that was read, but %s", file, runtime.Version(), hash)
	}
	keys := make(map[string]bool)
	for _, s := range found {
		key := strings.Join(strings.Fields(s)[:2], " ")
		if keys[key] = true; !c.code[key] {
			t.Errorf("not in CORNERS:\ncode %s: ", s)
		}
	}
	for key := range c.code {
		if slices.Contains(cornered[file], strings.Fields(key)[0]) && !keys[key] {
			t.Errorf("CORNERS has %s, and %s has not", key, file)
		}
	}
}

// cornered are the functions that decide what a module is.
var cornered = map[string][]string{
	"coderepo.go": {
		"newCodeRepo", "codeRepo.Versions", "codeRepo.appendIncompatibleVersions", "codeRepo.Stat", "codeRepo.Latest",
		"codeRepo.convert", "codeRepo.validatePseudoVersion", "codeRepo.revToRev", "codeRepo.versionToRev",
		"codeRepo.findDir", "isMajor", "codeRepo.canReplaceMismatchedVersionDueToBug", "codeRepo.GoMod",
		"codeRepo.retractedVersions", "codeRepo.Zip",
	},
	"codehost/git.go": {
		"gitRepo.Latest", "gitRepo.stat", "gitRepo.statLocal", "gitRepo.ReadFile", "gitRepo.RecentTag",
		"gitRepo.DescendsFrom", "gitRepo.ReadZip",
	},
}

// statements lists those that leave a function or a turn of a loop, and those that make an error.
func statements(file string, src []byte) (found []string, err error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, decl := range f.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || !slices.Contains(cornered[file], funcName(fn)) {
			continue
		}
		v := &cornerVisitor{fset: fset, name: funcName(fn), seen: make(map[string]int)}
		v.walk(fn.Body, "")
		found = append(found, v.found...)
	}
	return found, nil
}

func funcName(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	recv := fn.Recv.List[0].Type
	if star, ok := recv.(*ast.StarExpr); ok {
		recv = star.X
	}
	return recv.(*ast.Ident).Name + "." + fn.Name.Name
}

// A cornerVisitor finds the statements of a function.
type cornerVisitor struct {
	fset  *token.FileSet
	name  string
	seen  map[string]int
	found []string
}

// walk visits what is below a node. The text of the nearest condition, of an if or a case, goes along.
func (v *cornerVisitor) walk(root ast.Node, condition string) {
	ast.Inspect(root, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BlockStmt:
			v.list(n.List, condition)
			return false
		case *ast.CaseClause:
			label := "default"
			for i, x := range n.List {
				label = [...]string{"case ", label + ", "}[min(i, 1)] + v.text(x)
			}
			v.list(n.Body, label)
			return false
		case *ast.ReturnStmt, *ast.BranchStmt:
			v.add(condition, n)
		case *ast.AssignStmt:
			if call, ok := n.Rhs[0].(*ast.CallExpr); ok && slices.Contains([]string{"invalidf", "fmt.Errorf"}, v.text(call.Fun)) {
				v.add(condition, n)
			}
		}
		return true
	})
}

// list visits statements. A condition on an error is told with what made the error.
func (v *cornerVisitor) list(stmts []ast.Stmt, condition string) {
	before := ""
	for _, stmt := range stmts {
		if n, ok := stmt.(*ast.IfStmt); ok {
			v.branch(n, before, condition)
		} else {
			v.walk(stmt, condition)
		}
		before = v.text(stmt)
	}
}

// branch visits both sides of an if.
func (v *cornerVisitor) branch(n *ast.IfStmt, before, condition string) {
	cond := v.text(n.Cond)
	if n.Init != nil {
		v.walk(n.Init, condition)
		before = v.text(n.Init)
	}
	if strings.Contains(cond, "err") && strings.Contains(before, "=") {
		cond = before + "; " + cond
	}
	v.walk(n.Body, "if "+cond)
	if other, ok := n.Else.(*ast.IfStmt); ok {
		v.branch(other, before, "else of "+cond)
	} else if n.Else != nil {
		v.walk(n.Else, "else of "+cond)
	}
}

// add adds a statement, under a key that is the n-th of its kind in the function.
func (v *cornerVisitor) add(condition string, stmt ast.Node) {
	text := strings.TrimPrefix(condition+": ", ": ") + v.text(stmt)
	v.seen[text]++
	hash := sha256.Sum256(fmt.Appendf(nil, "%s\n%d", text, v.seen[text]))
	if len(text) > 160 {
		text = text[:160] + "..."
	}
	v.found = append(v.found, fmt.Sprintf("%s %.4x %s", v.name, hash[:4], strings.ReplaceAll(text, ": ", " : ")))
}

// text is a node's source on one line.
func (v *cornerVisitor) text(n ast.Node) string {
	var b strings.Builder
	if err := printer.Fprint(&b, v.fset, n); err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
