package main

import (
	"cmp"
	"slices"
	"strings"
	"testing"
)

// The tables change by decision, with a reason in the commit, never to make a build
// pass.

// ownImports says which packages of this module a package may import. Tests may
// also import fixtures; those of cmd/layers, which are of the whole program, any.
var ownImports = map[string]string{
	"cmd/layers":                "cmd",
	"cmd":                       "cmd/report cmd/spelling cmd/policy cmd/export cmd/term inspect inspect/packages inspect/fleet diff diff/budget cache cache/layer cache/source cache/directory cache/unpack cache/mount cache/shell cache/shell/cgroup cache/shell/console cache/shell/systemd fixtures cache/userns cache/shell/builtin",
	"cmd/report":                "inspect inspect/fleet inspect/packages diff diff/budget cache/layer cmd/term",
	"cmd/export":                "inspect/fleet cache/layer", // tables of a fleet, and of the files in its layers
	"cmd/term":                  "",
	"cmd/spelling":              "",
	"cmd/policy":                "cmd/spelling cmd/report diff/budget inspect/packages",
	"inspect":                   "cache/layer inspect/packages",
	"inspect/packages":          "cache/layer",
	"inspect/fleet":             "inspect cache/layer cache/refs",
	"diff":                      "cache/layer inspect/packages",
	"diff/budget":               "diff cache/layer inspect/packages",   // what an image is built on, and its history, it is told
	"cache":                     "cache/layer cache/unpack cache/refs", // what plans say that a removal frees is what a removal frees: one count for both
	"cache/refs":                "",
	"cache/layer":               "cache/layer/inflate", // inflating is most of the one pass, and what it is judged by
	"cache/layer/inflate":       "",
	"cache/directory":           "cache/layer", // not in source: a directory of files is no image
	"cache/source":              "",
	"cache/unpack":              "cache/layer cache/userns", // what belongs to subordinate ids only they can remove
	"cache/mount":               "",
	"cache/userns":              "",
	"cache/shell":               "cache/mount cache/shell/console cache/shell/seccomp", // not cgroup: a shell's init would wait for systemd's library, and the network's
	"cache/shell/builtin/tools": "",
	"cache/shell/builtin":       "cache/shell/builtin/tools", // a shell is a language, and programs
	"cache/shell/cgroup":        "cache/shell/systemd",       // a group of version 2 is systemd's to give
	"cache/shell/systemd":       "",
	"cache/shell/console":       "",
	"cache/shell/seccomp":       "",
	"fixtures":                  "",
}

// testImports are own packages that only the tests of a package import: the laws that
// an unpacked stack is what an overlay of its layers shows, and as a layer the stack's
// tree, need both, and a test program is the process, too, that removes what belongs to
// subordinate ids.
var testImports = map[string]string{"cache/unpack": "cache/mount", "cache/directory": "cache/unpack", "cache": "cache/userns"}

// homes says where a library of others may be imported, by the longest prefix of
// the import path. What is not here has no home yet.
var homes = map[string]string{
	"github.com/spf13/":                    "cmd",
	"github.com/olekukonko/":               "cmd/report",
	"github.com/dustin/go-humanize":        "cmd/report",
	"github.com/clipperhouse/":             "cmd/report cmd/term", // what tablewriter measures width by
	"github.com/parquet-go/":               "cmd/export",
	"go.yaml.in/yaml/v3":                   "cmd/policy",
	"golang.org/x/term":                    "cmd cmd/term cache/source cache/shell/console cache/shell/builtin", // in source: a terminal as standard input is no archive
	"golang.org/x/tools/txtar":             "fixtures",
	"github.com/bmatcuk/doublestar/":       "cmd cmd/policy diff diff/budget",
	"golang.org/x/sys/":                    "cmd cmd/term cache cache/source cache/directory cache/unpack cache/mount cache/userns cache/shell cache/shell/cgroup cache/shell/console cache/shell/seccomp fixtures cache/shell/builtin cache/shell/builtin/tools", // there: a directory is listed with all its attributes
	"golang.org/x/sync/":                   "cache cache/layer cache/source cache/unpack",
	"github.com/klauspost/compress/":       "cache/layer cache/source fixtures",
	"github.com/moby/sys/mountinfo":        "cache",
	"github.com/godbus/":                   "cache/shell/systemd", // systemd is asked by D-Bus
	"github.com/zeebo/blake3":              "cache cache/layer",
	"github.com/docker/cli/":               "cache/source",
	"mvdan.cc/sh/v3/":                      "cache/shell/builtin",
	"mvdan.cc/sh/v3/pattern":               "cache/shell/builtin/tools", // find has the shell's patterns
	registryModule + "v1":                  "cmd inspect inspect/packages inspect/fleet diff diff/budget cache cache/layer cache/source fixtures",
	registryModule + "v1/types":            "cmd inspect cache cache/layer cache/source fixtures",
	registryModule + "v1/partial":          "cache cache/source fixtures",
	registryModule + "v1/match":            "cache cache/source",
	registryModule + "name":                "cmd cache cache/source fixtures",
	registryModule + "authn":               "cache/source",
	registryModule + "logs":                "cache/source",
	registryModule + "v1/remote":           "cache/source",
	registryModule + "registry":            "fixtures",
	registryModule + "v1/empty":            "fixtures",
	registryModule + "v1/mutate":           "fixtures", // its Extract flattens wrongly
	registryModule + "v1/layout":           "",         // it leaves partial files under final names
	registryModule + "v1/cache":            "",         // and so does this
	"github.com/rogpeppe/go-internal/diff": "cmd",      // Go's own differences of texts
	"github.com/rogpeppe/go-internal/":     "",         // testscript: tests only
}

const registryModule = "github.com/google/go-containerregistry/pkg/"

// standard says where packages of the standard library that reach out of the
// process may be imported. What is not here may be imported anywhere.
var standard = map[string]string{
	"net":               "cmd cache/source fixtures",
	"net/http":          "cache/source fixtures",
	"net/http/httptest": "",
	"testing":           "",
	"os/exec":           "cmd cmd/term cache/source cache/unpack cache/userns cache/shell cache/shell/cgroup fixtures cache/shell/builtin cache/shell/console",
	"log":               "fixtures",
	"os":                "cmd/layers cmd cmd/term cache cache/layer cache/source cache/directory cache/unpack cache/mount cache/shell cache/shell/cgroup cache/shell/console cache/shell/systemd fixtures cache/userns cache/shell/builtin cache/shell/builtin/tools",
	"os/signal":         "cmd cache/shell cache/shell/console cache/shell/builtin",
	"syscall":           "cmd cmd/term cache cache/source cache/unpack cache/mount cache/userns cache/shell cache/shell/cgroup fixtures cache/shell/builtin cache/shell/console",
	"path/filepath":     "cmd cache cache/source cache/unpack cache/mount cache/userns cache/shell cache/shell/cgroup fixtures cache/shell/builtin cache/shell/builtin/tools",
	"unsafe":            "cache/shell", // rt_sigaction, of which Go has no function
	"math/rand":         "",
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
		if own == g.pkg || g.test && (own == "fixtures" || g.pkg == "cmd/layers") || slices.Contains(strings.Fields(allowed), own) ||
			g.test && own == testImports[g.pkg] {
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
