package main

import (
	"go/ast"
	"maps"
	"slices"
	"testing"
)

func TestExportedNamesHaveComments(t *testing.T) {
	packages := map[string]bool{}
	for _, g := range goFiles(t) {
		if g.test {
			continue
		}
		packages[g.pkg] = packages[g.pkg] || g.Doc != nil
		for _, d := range g.Decls {
			for _, name := range uncommented(d) {
				t.Errorf("%s: %s has no comment", g.path, name)
			}
		}
	}
	for _, pkg := range slices.Sorted(maps.Keys(packages)) {
		if !packages[pkg] {
			t.Errorf("package %s has no comment", pkg)
		}
	}
}

// uncommented returns the exported names of a declaration that nothing is said
// about. What a comment could say about Error and Unwrap is what errors says.
func uncommented(d ast.Decl) []string {
	var out []string
	switch d := d.(type) {
	case *ast.FuncDecl:
		obvious := d.Recv != nil && (d.Name.Name == "Error" || d.Name.Name == "Unwrap")
		if d.Name.IsExported() && d.Doc == nil && !obvious && exportedReceiver(d) {
			out = append(out, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			out = append(out, uncommentedSpec(s, d.Doc != nil)...)
		}
	}
	return out
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if generic, ok := t.(*ast.IndexExpr); ok {
		t = generic.X
	}
	name, ok := t.(*ast.Ident)
	return !ok || name.IsExported()
}

func uncommentedSpec(s ast.Spec, group bool) []string {
	var names []*ast.Ident
	switch s := s.(type) {
	case *ast.TypeSpec:
		group = group || s.Doc != nil || s.Comment != nil
		names = []*ast.Ident{s.Name}
	case *ast.ValueSpec:
		group = group || s.Doc != nil || s.Comment != nil
		names = s.Names
	}
	var out []string
	for _, name := range names {
		if name.IsExported() && !group {
			out = append(out, name.Name)
		}
	}
	return out
}
