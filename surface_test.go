package vanity_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"testing"
)

// TestSurface wants a use of every exported name, method and field by a test or an example from outside.
func TestSurface(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles what the tests import")
	}
	vanity, used := usedByTests(t)
	unused := make(map[string]bool)
	want := func(name string, object types.Object) {
		if object.Exported() && !used[object] {
			unused[name] = true
		}
	}
	for _, name := range vanity.Scope().Names() {
		object := vanity.Scope().Lookup(name)
		if !object.Exported() {
			continue
		}
		want(name, object)
		named, ok := object.Type().(*types.Named)
		if _, isType := object.(*types.TypeName); !isType || !ok {
			continue
		}
		for method := range named.Methods() {
			want(name+"."+method.Name(), method)
		}
		switch under := named.Underlying().(type) {
		case *types.Struct:
			for field := range under.Fields() {
				want(name+"."+field.Name(), field)
			}
		case *types.Interface:
			for method := range under.Methods() {
				want(name+"."+method.Name(), method)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(unused)) {
		t.Errorf("no test from outside uses %s", name)
	}
}

// usedByTests gives the package as its tests see it, and what they use.
func usedByTests(t *testing.T) (vanity *types.Package, used map[types.Object]bool) {
	out, err := exec.Command("go", "list", "-test", "-export", "-deps", "-json=ImportPath,Export,XTestGoFiles", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	exports := make(map[string]string)
	var files []string
	for list := json.NewDecoder(bytes.NewReader(out)); list.More(); {
		var p struct {
			ImportPath, Export string
			XTestGoFiles       []string
		}
		if err := list.Decode(&p); err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		if p.ImportPath == "example.com/vanity" {
			files = p.XTestGoFiles
		}
	}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	var trees []*ast.File
	for _, name := range files {
		tree, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		trees = append(trees, tree)
	}
	info := &types.Info{Uses: make(map[*ast.Ident]types.Object)}
	if _, err := (&types.Config{Importer: imports}).Check("example.com/vanity_test", fset, trees, info); err != nil {
		t.Fatal(err)
	}
	if vanity, err = imports.Import("example.com/vanity"); err != nil {
		t.Fatal(err)
	}
	used = make(map[types.Object]bool)
	for _, object := range info.Uses {
		used[object] = true
	}
	return vanity, used
}
