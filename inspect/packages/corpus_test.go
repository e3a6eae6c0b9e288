//go:build corpus

package packages

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/layers/layers/cache/layer"
)

func realImage(t testing.TB, image string) v1.Image {
	t.Helper()
	registry := os.Getenv("LAYERS_TEST_REGISTRY")
	if registry == "" {
		t.Fatal("LAYERS_TEST_REGISTRY is not set: it is the host:port of the registry with the corpus")
	}
	ref, err := name.ParseReference(registry+"/"+image, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// extract writes the files of an image below some paths to a directory.
func extract(t *testing.T, img v1.Image, below ...string) string {
	t.Helper()
	dir := t.TempDir()
	r := mutate.Extract(img)
	defer r.Close()
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		path := strings.TrimPrefix(h.Name, "./")
		if h.Typeflag != tar.TypeReg || !slices.ContainsFunc(below, func(b string) bool { return strings.HasPrefix(path, b) }) {
			continue
		}
		path = filepath.Join(dir, path)
		data, err := io.ReadAll(tr)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o700)
		}
		if err == nil {
			err = os.WriteFile(path, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func run(t *testing.T, name string, args ...string) []string {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, stderr.Bytes())
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(lines)
	return slices.Compact(lines)
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// TestRealDebs asks dpkg-query which packages there are and which files they list.
func TestRealDebs(t *testing.T) {
	for _, image := range []string{"python:3.10", "app:pr"} {
		t.Run(image, func(t *testing.T) {
			img := realImage(t, image)
			in := open(t, img)
			_, set := find(t, in)
			admin := filepath.Join(extract(t, img, "var/lib/dpkg/"), "var/lib/dpkg")
			want := run(t, "dpkg-query", "--admindir="+admin, "-W", "-f=${Package} ${Version} ${Architecture}\n")
			var got []string
			for _, p := range set.Packages {
				if p.Kind == Deb {
					got = append(got, p.Name+" "+p.Version+" "+p.Arch)
				}
			}
			if !slices.Equal(sorted(got), want) {
				t.Errorf("%q, dpkg-query: %q", got, want)
			}
			if len(set.Notes) > 0 {
				t.Errorf("%q", set.Notes)
			}
			checkDebFiles(t, in, set, admin)
			checkSums(t, in, set)
		})
	}
}

// checkDebFiles resolves each path that dpkg-query lists on its own.
func checkDebFiles(t *testing.T, in []Layer, set *Set, admin string) {
	t.Helper()
	tree := squash(in)
	all, err := Paths(t.Context(), in, set.Packages)
	if err != nil {
		t.Fatal(err)
	}
	dirs := map[string]layer.Node{}
	for i, p := range set.Packages {
		if p.Kind != Deb || i%7 != 0 {
			continue
		}
		want := map[string]bool{}
		list := run(t, "dpkg-query", "--admindir="+admin, "-L", p.Name+":"+p.Arch)
		for _, path := range list {
			isDir := slices.ContainsFunc(list, func(other string) bool { return strings.HasPrefix(other, path+"/") })
			if path == "/." || !strings.HasPrefix(path, "/") || isDir { // a directory that is a link now is nobody's
				continue
			}
			dir, name := splitPath(path[1:])
			at, known := dirs[dir]
			if !known {
				at, _, _ = tree.Resolve(dir) // where it is not to be found, nothing below it is
				dirs[dir] = at
			}
			if n, err := tree.Lookup(joinPath(at.Path, name)); err == nil && n.Kind != layer.Dir {
				want[n.Path] = true
			}
		}
		for _, path := range all[i] {
			if !want[path] {
				t.Errorf("%s: %s is not its own", p.Name, path)
			}
			delete(want, path)
		}
		if len(want) > 0 {
			t.Errorf("%s: these are its own: %v", p.Name, want)
		}
	}
}

func squash(in []Layer) *layer.Tree {
	var tocs []*layer.TOC
	for _, l := range in {
		tocs = append(tocs, l.TOC)
	}
	return layer.Squash(tocs)
}

// checkSums holds the sums against a walk.
func checkSums(t *testing.T, in []Layer, set *Set) {
	t.Helper()
	var all, owned Sum
	seen := map[fileID]bool{}
	for n, err := range squash(in).Walk("") {
		if err != nil {
			t.Fatal(err)
		}
		if n.Kind == layer.Dir {
			continue
		}
		all.Files++
		if id := (fileID{int32(n.Layer), int32(n.Carrier), n.Offset}); n.Kind == layer.File && !seen[id] {
			seen[id] = true
			all.Bytes += n.Size
		}
	}
	for _, p := range set.Packages {
		owned.add(Sum{p.Files, p.Bytes})
	}
	if owned != set.Owned {
		t.Errorf("packages have %+v, together %+v", owned, set.Owned)
	}
	sum := set.Owned
	if sum.add(set.Unowned); sum != all {
		t.Errorf("%+v of packages and %+v of nobody are not %+v", set.Owned, set.Unowned, all)
	}
}

func TestRealRPMs(t *testing.T) {
	for _, image := range []string{"rpm:1", "rpm:2"} {
		img := realImage(t, image)
		in := open(t, img)
		_, set := find(t, in)
		db := filepath.Join(extract(t, img, "var/lib/rpm/"), "var/lib/rpm")
		want := run(t, "rpm", "--dbpath", db, "-qa", "--qf", "%{NAME} %{EVR} %{ARCH}\n")
		var got []string
		for _, p := range set.Packages {
			got = append(got, p.Name+" "+p.Version+" "+p.Arch)
			if p.Files != 1 || p.Bytes != 30000 {
				t.Errorf("%+v", p)
			}
		}
		if !slices.Equal(sorted(got), want) {
			t.Errorf("%q, rpm: %q", got, want)
		}
	}
}

func TestRealOthers(t *testing.T) {
	for image, want := range map[string][]string{
		"static:1":    {"go example.com/static (devel)"},
		"node:1":      {"npm express 4.18.2", "npm body-parser 1.20.1"},
		"node:2":      {"npm express 4.19.2", "npm body-parser 1.20.2"},
		"python:3.11": {"deb python3-yaml 6.0-3+b2"},
	} {
		in := open(t, realImage(t, image))
		_, set := find(t, in)
		for _, w := range want {
			if !slices.ContainsFunc(set.Packages, func(p Package) bool { return fmt.Sprint(p.Kind, " ", p.Name, " ", p.Version) == w }) {
				t.Errorf("%s: no %s in %+v", image, w, set.Packages)
			}
		}
		if slices.ContainsFunc(set.Packages, func(p Package) bool { return p.Kind == Python }) {
			t.Errorf("%s: Debian's Python packages are Debian's", image)
		}
		checkSums(t, in, set)
	}
}

func BenchmarkRealFind(b *testing.B) {
	for _, image := range []string{"python:3.11", "node:1", "static:1"} {
		in := open(b, realImage(b, image))
		b.Run(image, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Find(b.Context(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
