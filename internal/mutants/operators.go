package main

import (
	"go/ast"
	"go/token"
	"strings"
)

// operators find where each of them fits. What they make need not compile: types are not known here.
var operators = []struct {
	name string
	find func(f *finder, name string, n ast.Node)
}{
	{"negate", negate},
	{"compare", swap(map[token.Token]token.Token{
		token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR, token.EQL: token.NEQ, token.NEQ: token.EQL,
	})},
	{"logic", swap(map[token.Token]token.Token{token.LAND: token.LOR, token.LOR: token.LAND})},
	{"arithmetic", swap(map[token.Token]token.Token{
		token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL, token.SHL: token.SHR, token.SHR: token.SHL,
	})},
	{"constant", constant},
	{"drop", drop},
	{"zero", zero},
	{"empty", empty},
	{"branch", branch},
}

// negate turns a condition around, but for comparisons with == and !=, which are turned by compare.
func negate(f *finder, name string, n ast.Node) {
	stmt, ok := n.(*ast.IfStmt)
	if !ok {
		return
	}
	if b, ok := stmt.Cond.(*ast.BinaryExpr); ok && (b.Op == token.EQL || b.Op == token.NEQ) {
		return
	}
	f.add(name, stmt.Cond.Pos(), stmt.Cond.End(), "!("+f.text(stmt.Cond)+")")
}

// swap puts an operator in another's place.
func swap(others map[token.Token]token.Token) func(*finder, string, ast.Node) {
	return func(f *finder, name string, n ast.Node) {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if other, ok := others[n.Op]; ok {
				f.add(name, n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), other.String())
			}
		case *ast.IncDecStmt:
			if name == "arithmetic" {
				f.add(name, n.TokPos, n.End(), map[token.Token]string{token.INC: "--", token.DEC: "++"}[n.Tok])
			}
		}
	}
}

// constant makes a number larger and smaller by one, and a truth the other one.
func constant(f *finder, name string, n ast.Node) {
	switch n := n.(type) {
	case *ast.BasicLit:
		if n.Kind == token.INT {
			f.add(name, n.Pos(), n.End(), "("+n.Value+" + 1)")
			f.add(name, n.Pos(), n.End(), "("+n.Value+" - 1)")
		}
	case *ast.Ident:
		if other := map[string]string{"true": "false", "false": "true"}[n.Name]; other != "" {
			f.add(name, n.Pos(), n.End(), other)
		}
	}
}

// drop leaves out a call, an assignment or a defer, but not what a case of a select waits for.
func drop(f *finder, name string, n ast.Node) {
	if len(f.stack) > 1 {
		if clause, ok := f.stack[len(f.stack)-2].(*ast.CommClause); ok && clause.Comm == n {
			return
		}
	}
	switch n := n.(type) {
	case *ast.ExprStmt, *ast.DeferStmt, *ast.IncDecStmt, *ast.SendStmt:
	case *ast.AssignStmt:
		if n.Tok == token.DEFINE || f.text(n.Lhs[0]) == "_" {
			return
		}
	default:
		return
	}
	f.add(name, n.Pos(), n.End(), "")
}

// zero returns a zero in place of one of the values, or of all that a call gives.
func zero(f *finder, name string, n ast.Node) {
	stmt, ok := n.(*ast.ReturnStmt)
	if !ok || len(stmt.Results) == 0 {
		return
	}
	types := f.results()
	if len(stmt.Results) != len(types) {
		values := make([]string, len(types))
		for i, t := range types {
			values[i] = "*new(" + t + ")"
		}
		f.add(name, stmt.Results[0].Pos(), stmt.Results[0].End(), strings.Join(values, ", "))
		return
	}
	for i, value := range stmt.Results {
		switch f.text(value) {
		case "nil", "0", `""`, "false", types[i] + "{}":
		default:
			f.add(name, value.Pos(), value.End(), "*new("+types[i]+")")
		}
	}
}

// empty leaves out what is done in a case.
func empty(f *finder, name string, n ast.Node) {
	switch n := n.(type) {
	case *ast.CaseClause:
		f.emptyBody(name, n.Body)
	case *ast.CommClause:
		f.emptyBody(name, n.Body)
	}
}

func (f *finder) emptyBody(name string, body []ast.Stmt) {
	if len(body) > 0 {
		f.add(name, body[0].Pos(), body[len(body)-1].End(), "")
	}
}

// branch puts break in place of continue, and the other way round.
func branch(f *finder, name string, n ast.Node) {
	stmt, ok := n.(*ast.BranchStmt)
	if !ok {
		return
	}
	if other := map[token.Token]string{token.BREAK: "continue", token.CONTINUE: "break"}[stmt.Tok]; other != "" {
		f.add(name, stmt.Pos(), stmt.Pos()+token.Pos(len(stmt.Tok.String())), other)
	}
}
