package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// These files hold the rules of the house that a machine can see: imports_test.go
// which package may import what, comments_test.go and code_test.go how code is
// written, tree_test.go which files there are. This one reads the code for them.

const (
	root   = "../.."
	module = "github.com/layers/layers/"
)

// file is one Go file of the module.
type file struct {
	path string // from the module's root
	pkg  string // its directory
	test bool
	*ast.File
	set *token.FileSet
}

func goFiles(t *testing.T) []file {
	t.Helper()
	var out []file
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if filepath.Ext(p) != ".go" {
			return nil
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, p, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		out = append(out, file{path: rel, pkg: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"), File: parsed, set: set})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 10 {
		t.Fatalf("only %d Go files were found", len(out))
	}
	return out
}

// eachImport calls f with what every file imports.
func eachImport(t *testing.T, f func(file, string)) {
	t.Helper()
	for _, g := range goFiles(t) {
		for _, spec := range g.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			f(g, imported)
		}
	}
}
