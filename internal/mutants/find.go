package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
)

// A mutant is another text for a part of a file.
type mutant struct {
	file     string // as overlays and survivors.txt name it: relative to the module, with slashes
	line     int
	decl     string // what the change is in: a function, Type.Method, or the first name of a declaration
	operator string
	from, to int // bytes of the file
	text     string
	diff     string // its lines before and after
	nth      int    // of those that look the same
}

// name names a mutant without its line, so that it is the same when lines are added above.
func (m mutant) name() string {
	name := fmt.Sprintf("%s %s %s: %s", m.file, m.decl, m.operator, m.diff)
	if m.nth > 1 {
		name += fmt.Sprintf(" (%d)", m.nth)
	}
	return name
}

// apply makes the changed file.
func (m mutant) apply(src []byte) []byte {
	return slices.Concat(src[:m.from], []byte(m.text), src[m.to:])
}

// A finder looks for the places of one file.
type finder struct {
	file  string
	src   []byte // comments are blank
	fset  *token.FileSet
	stack []ast.Node // of what is looked at, the outermost first
	found []mutant
}

// findIn gives all mutants of a file.
func findIn(name string, src []byte) ([]mutant, error) {
	f := &finder{file: name, src: slices.Clone(src), fset: token.NewFileSet()}
	tree, err := parser.ParseFile(f.fset, name, src, parser.SkipObjectResolution|parser.ParseComments)
	if err != nil {
		return nil, err
	}
	for _, comment := range tree.Comments {
		f.blank(comment)
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		if n == nil {
			f.stack = f.stack[:len(f.stack)-1]
			return true
		}
		f.stack = append(f.stack, n)
		for _, op := range operators {
			op.find(f, op.name, n)
		}
		return true
	})
	slices.SortStableFunc(f.found, func(a, b mutant) int { return cmp.Compare(a.from, b.from) })
	seen := make(map[string]int)
	for i := range f.found {
		m := &f.found[i]
		seen[m.name()]++
		m.nth = seen[m.name()]
	}
	return f.found, nil
}

// blank puts spaces in place of comments, which names of mutants are without.
func (f *finder) blank(comment ast.Node) {
	file := f.fset.File(comment.Pos())
	text := f.src[file.Offset(comment.Pos()):file.Offset(comment.End())]
	for i := range text {
		if text[i] != '\n' {
			text[i] = ' '
		}
	}
}

// add notes that text may stand in place of what is from here to there.
func (f *finder) add(operator string, from, to token.Pos, text string) {
	file := f.fset.File(from)
	m := mutant{file: f.file, line: file.Line(from), decl: f.decl(), operator: operator, text: text,
		from: file.Offset(from), to: file.Offset(to)}
	begin := file.Offset(file.LineStart(m.line))
	end := len(f.src)
	if line := file.Line(to); line < file.LineCount() {
		end = file.Offset(file.LineStart(line + 1))
	}
	m.diff = excerpt(f.src[begin:end]) + " => " + excerpt(slices.Concat(f.src[begin:m.from], []byte(text), f.src[m.to:end]))
	f.found = append(f.found, m)
}

// excerpt puts lines into one that is not too long.
func excerpt(lines []byte) string {
	const limit = 100
	line := []rune(strings.Join(strings.Fields(string(lines)), " "))
	switch {
	case len(line) == 0:
		return "nothing"
	case len(line) > limit:
		return string(line[:limit]) + "…"
	}
	return string(line)
}

// text is what stands in the file.
func (f *finder) text(n ast.Node) string {
	file := f.fset.File(n.Pos())
	return string(f.src[file.Offset(n.Pos()):file.Offset(n.End())])
}

// decl names what is declared around a place.
func (f *finder) decl() string {
	for _, n := range f.stack {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv != nil && len(n.Recv.List) == 1 {
				return strings.TrimPrefix(f.text(n.Recv.List[0].Type), "*") + "." + n.Name.Name
			}
			return n.Name.Name
		case *ast.ValueSpec:
			return n.Names[0].Name
		case *ast.TypeSpec:
			return n.Name.Name
		}
	}
	return "-"
}

// results are the types that the function around a place returns.
func (f *finder) results() (types []string) {
	var typ *ast.FuncType
	for _, n := range slices.Backward(f.stack) {
		if lit, ok := n.(*ast.FuncLit); ok {
			typ = lit.Type
		} else if decl, ok := n.(*ast.FuncDecl); ok {
			typ = decl.Type
		}
		if typ != nil {
			break
		}
	}
	if typ == nil || typ.Results == nil {
		return nil
	}
	for _, field := range typ.Results.List {
		types = append(types, slices.Repeat([]string{f.text(field.Type)}, max(len(field.Names), 1))...)
	}
	return types
}

// draw puts mutants into an order by chance: an operator first, so that the rare ones come, too, and then one of its places.
func draw(mutants []mutant, seed uint64) (drawn []mutant) {
	rnd := rand.New(rand.NewPCG(seed, 0))
	var byOperator [][]mutant
	for _, op := range operators {
		var of []mutant
		for _, m := range mutants {
			if m.operator == op.name {
				of = append(of, m)
			}
		}
		if len(of) > 0 {
			byOperator = append(byOperator, of)
		}
	}
	for len(byOperator) > 0 {
		i := rnd.IntN(len(byOperator))
		j := rnd.IntN(len(byOperator[i]))
		drawn = append(drawn, byOperator[i][j])
		byOperator[i] = slices.Delete(byOperator[i], j, j+1)
		if len(byOperator[i]) == 0 {
			byOperator = slices.Delete(byOperator, i, i+1)
		}
	}
	return drawn
}

// matching is the mutants whose names match.
func matching(mutants []mutant, only *regexp.Regexp) []mutant {
	return slices.DeleteFunc(slices.Clone(mutants), func(m mutant) bool { return !only.MatchString(m.name()) })
}
