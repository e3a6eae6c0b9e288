package main

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

func TestFunctionsFitOnAScreen(t *testing.T) {
	for _, g := range goFiles(t) {
		for _, d := range g.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || g.test {
				continue
			}
			if n := g.set.Position(f.End()).Line - g.set.Position(f.Pos()).Line + 1; n > 60 {
				t.Errorf("%s: %s has %d lines", g.path, f.Name.Name, n)
			}
		}
	}
}

// TestLibrariesNeitherPrintNorExit looks for calls by the names of their packages. A
// process that was started as a shell's init never comes to main.
func TestLibrariesNeitherPrintNorExit(t *testing.T) {
	for _, g := range goFiles(t) {
		if g.test || g.pkg == "cmd/layers" || g.path == "cache/shell/init_linux.go" {
			continue
		}
		ast.Inspect(g.File, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			switch name := called(call); name {
			case "os.Exit", "fmt.Print", "fmt.Printf", "fmt.Println", "print", "println":
				t.Errorf("%s: %s", g.set.Position(call.Pos()), name)
			}
			return true
		})
	}
}

// TestNoExpressionIsCompiledAtTheStart: every run would pay for it, and a shell is two.
func TestNoExpressionIsCompiledAtTheStart(t *testing.T) {
	for _, g := range goFiles(t) {
		for _, d := range g.Decls {
			if _, isFunc := d.(*ast.FuncDecl); isFunc || g.test {
				continue
			}
			ast.Inspect(d, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok && called(call) == "regexp.MustCompile" {
					t.Errorf("%s: not in a sync.OnceValue", g.set.Position(call.Pos()))
				}
				_, later := n.(*ast.FuncLit)
				return !later
			})
		}
	}
}

func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if pkg, ok := f.X.(*ast.Ident); ok {
			return pkg.Name + "." + f.Sel.Name
		}
	}
	return ""
}

// TestNoTestSkipsItself allows a skip only where root is needed, which CI is.
func TestNoTestSkipsItself(t *testing.T) {
	for _, g := range goFiles(t) {
		ast.Inspect(g.File, func(n ast.Node) bool {
			if cond, ok := n.(*ast.IfStmt); ok && asksForRoot(cond.Cond) {
				return false
			}
			if call, ok := n.(*ast.CallExpr); ok && g.test {
				if _, method, _ := strings.Cut(called(call), "."); slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, method) {
					t.Errorf("%s: %s", g.set.Position(call.Pos()), called(call))
				}
			}
			return true
		})
	}
}

// asksForRoot says whether a condition is os.Geteuid() != 0.
func asksForRoot(cond ast.Expr) bool {
	b, ok := cond.(*ast.BinaryExpr)
	if !ok || b.Op != token.NEQ {
		return false
	}
	call, ok := b.X.(*ast.CallExpr)
	zero, isNumber := b.Y.(*ast.BasicLit)
	return ok && isNumber && zero.Value == "0" && called(call) == "os.Geteuid"
}
