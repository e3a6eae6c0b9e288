package main

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The tests in this file hold the rules of the house that a machine can see. The
// tables change by decision, with a reason in the commit, never to make a build pass.

const (
	root   = "../.."
	module = "github.com/layers/layers/"
)

// ownImports says which packages of this module a package may import. Tests may
// also import fixtures; those of cmd/layers, which are of the whole program, any.
var ownImports = map[string]string{
	"cmd/layers":          "cmd",
	"cmd":                 "cmd/report cmd/term inspect inspect/packages inspect/fleet diff cache cache/layer cache/source cache/unpack cache/mount cache/shell fixtures",
	"cmd/report":          "inspect inspect/fleet inspect/packages diff cache/layer cmd/term",
	"cmd/term":            "",
	"inspect":             "cache/layer inspect/packages",
	"inspect/packages":    "cache/layer",
	"inspect/fleet":       "inspect cache/layer",
	"diff":                "cache/layer inspect/packages",
	"cache":               "cache/layer cache/unpack",
	"cache/layer":         "cache/layer/inflate", // inflating is most of the one pass, and what it is judged by
	"cache/layer/inflate": "",
	"cache/source":        "",
	"cache/unpack":        "cache/layer",
	"cache/mount":         "",
	"cache/shell":         "",
	"fixtures":            "",
}

// homes says where a library of others may be imported, by the longest prefix of
// the import path. What is not here has no home yet.
var homes = map[string]string{
	"github.com/spf13/":                "cmd",
	"github.com/olekukonko/":           "cmd/report",
	"github.com/dustin/go-humanize":    "cmd/report",
	"github.com/clipperhouse/":         "cmd/report cmd/term",       // what tablewriter measures width by
	"golang.org/x/term":                "cmd cmd/term cache/source", // there: a terminal as standard input is no archive
	"golang.org/x/tools/txtar":         "fixtures",
	"golang.org/x/sys/":                "cmd cmd/term cache cache/source cache/unpack cache/mount cache/shell",
	"golang.org/x/sync/":               "cache cache/source cache/unpack",
	"github.com/klauspost/compress/":   "cache/layer cache/source fixtures",
	"github.com/zeebo/blake3":          "cache cache/layer",
	"github.com/docker/cli/":           "cache/source",
	registryModule + "v1":              "cmd inspect inspect/packages inspect/fleet diff cache cache/layer cache/source fixtures",
	registryModule + "v1/types":        "cmd inspect cache cache/layer cache/source fixtures",
	registryModule + "v1/partial":      "cache cache/source fixtures",
	registryModule + "v1/match":        "cache cache/source",
	registryModule + "name":            "cmd cache cache/source fixtures",
	registryModule + "authn":           "cache/source",
	registryModule + "logs":            "cache/source",
	registryModule + "v1/remote":       "cache/source",
	registryModule + "registry":        "fixtures",
	registryModule + "v1/empty":        "fixtures",
	registryModule + "v1/mutate":       "fixtures", // its Extract flattens wrongly
	registryModule + "v1/layout":       "",         // it leaves partial files under final names
	registryModule + "v1/cache":        "",         // and so does this
	"github.com/rogpeppe/go-internal/": "",         // testscript: tests only
}

const registryModule = "github.com/google/go-containerregistry/pkg/"

// standard says where packages of the standard library that reach out of the
// process may be imported. What is not here may be imported anywhere.
var standard = map[string]string{
	"net":               "cmd cache/source fixtures",
	"net/http":          "cache/source fixtures",
	"net/http/httptest": "",
	"testing":           "",
	"os/exec":           "cmd cmd/term cache/source cache/unpack cache/shell",
	"log":               "fixtures",
	"os":                "cmd/layers cmd cmd/term cache cache/layer cache/source cache/unpack cache/mount cache/shell fixtures",
	"os/signal":         "cmd cache/shell",
	"syscall":           "cmd cmd/term cache cache/source cache/unpack cache/mount cache/shell",
	"path/filepath":     "cmd cache cache/source cache/unpack cache/mount cache/shell fixtures",
	"unsafe":            "",
	"math/rand":         "",
}

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

func TestPackagesImportOnlyWhatTheyMay(t *testing.T) {
	eachImport(t, func(g file, imported string) {
		own, ok := strings.CutPrefix(imported, module)
		if !ok {
			return
		}
		allowed, known := ownImports[g.pkg]
		if !known {
			t.Errorf("%s: package %s is not in the table", g.path, g.pkg)
		}
		if own == g.pkg || g.test && (own == "fixtures" || g.pkg == "cmd/layers") || slices.Contains(strings.Fields(allowed), own) {
			return
		}
		t.Errorf("%s imports %s; %s may import: %s", g.path, own, g.pkg, cmp.Or(allowed, "nothing of ours"))
	})
}

func TestLibrariesHaveHomes(t *testing.T) {
	eachImport(t, func(g file, imported string) {
		first, _, _ := strings.Cut(imported, "/")
		if g.test || strings.HasPrefix(imported, module) || !strings.Contains(first, ".") {
			return
		}
		home, known := homeOf(imported)
		if !known {
			t.Errorf("%s imports %s, which has no home in the table", g.path, imported)
		} else if !slices.Contains(strings.Fields(home), g.pkg) {
			t.Errorf("%s imports %s, whose home is %s", g.path, imported, cmp.Or(home, "in tests"))
		}
	})
}

func homeOf(imported string) (string, bool) {
	best := ""
	for prefix := range homes {
		under := imported == prefix || strings.HasPrefix(imported, strings.TrimSuffix(prefix, "/")+"/")
		if under && len(prefix) > len(best) {
			best = prefix
		}
	}
	home, ok := homes[best]
	return home, ok
}

func TestStandardLibraryThatReachesOut(t *testing.T) {
	eachImport(t, func(g file, imported string) {
		allowed, ruled := standard[imported]
		if ruled && !g.test && !slices.Contains(strings.Fields(allowed), g.pkg) {
			t.Errorf("%s imports %s, which is for: %s", g.path, imported, cmp.Or(allowed, "tests"))
		}
	})
}

func TestTablesNameWhatExists(t *testing.T) {
	for _, table := range []map[string]string{ownImports, homes, standard} {
		for key, value := range table {
			for _, pkg := range strings.Fields(value) {
				if _, ok := ownImports[pkg]; !ok {
					t.Errorf("%s: there is no package %s", key, pkg)
				}
			}
		}
	}
	reported := map[string]bool{}
	for _, g := range goFiles(t) {
		if _, ok := ownImports[g.pkg]; !ok && !reported[g.pkg] {
			reported[g.pkg] = true
			t.Errorf("package %s is not in the table", g.pkg)
		}
	}
}

func TestTopLevelIsAsGiven(t *testing.T) {
	given := strings.Fields("cmd inspect diff cache fixtures go.mod go.sum README.md LICENSE")
	ignored := strings.Fields(read(t, ".gitignore"))
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || slices.Contains(given, e.Name()) {
			continue
		}
		if !slices.ContainsFunc(ignored, func(p string) bool { return matches(t, strings.TrimPrefix(p, "/"), e.Name()) }) {
			t.Errorf("%s does not belong to the top level", e.Name())
		}
	}
}

func matches(t *testing.T, pattern, name string) bool {
	t.Helper()
	ok, err := path.Match(pattern, name)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

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

// TestLibrariesNeitherPrintNorExit looks for calls by the names of their packages.
func TestLibrariesNeitherPrintNorExit(t *testing.T) {
	for _, g := range goFiles(t) {
		if g.test || g.pkg == "cmd/layers" {
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

func TestNoPathOfOneMachine(t *testing.T) {
	local := regexp.MustCompile(`(^|[^\w.])/(work|farm|root/go)/`)
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".git" {
				return fs.SkipDir
			}
			return nil
		}
		if ext := filepath.Ext(p); d.Name() != "run" && !slices.Contains([]string{".go", ".md", ".txt", ".txtar", ".yaml", ".yml", ".json", ".sh"}, ext) {
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if found := local.Find(b); found != nil {
			t.Errorf("%s: %q", p, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
