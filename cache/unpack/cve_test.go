//go:build linux

package unpack

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layers/layers/fixtures"
)

// attacks are layers that were ways out of the roots of real unpackers. Links that
// lead out begin with HOST, the directory that plays the host. Those of a second
// process that swaps directories (CVE-2018-15664, CVE-2019-14271) are in swap_test.go.
var attacks = []struct {
	name   string
	layers [][]fixtures.Entry
}{
	{"CVE-2025-47290: a directory that is known to be one becomes a link", [][]fixtures.Entry{{
		{Name: "d/", Type: tar.TypeDir, Mode: 0o755}, {Name: "d/a", Body: "a"},
		{Name: "d", Type: tar.TypeSymlink, Link: "../victim"}, {Name: "d/file", Body: "attack"},
	}}},
	{"CVE-2021-32760: a mode for a hard link to a symbolic link", [][]fixtures.Entry{{
		{Name: "link", Type: tar.TypeSymlink, Link: "../victim/file"},
		{Name: "hard", Type: tar.TypeLink, Link: "link", Mode: 0o4777},
	}}},
	{"CVE-2021-29136: the root is a symbolic link", [][]fixtures.Entry{{
		{Name: "./", Type: tar.TypeSymlink, Link: "HOST/victim"}, {Name: "file", Body: "attack"},
	}}},
	{"CVE-2026-17106: a chain of links to a neighbour with a longer name", [][]fixtures.Entry{{
		{Name: "a", Type: tar.TypeSymlink, Link: "."}, {Name: "a/b", Type: tar.TypeSymlink, Link: "../root-evil"},
		{Name: "b/file", Body: "attack"},
	}}},
	{"CVE-2024-24579: a name that goes up", [][]fixtures.Entry{{{Name: "x/../../victim/file", Body: "attack"}}}},
	{"CVE-2024-0406: an absolute link, and a file below it", [][]fixtures.Entry{{
		{Name: "up", Type: tar.TypeSymlink, Link: "HOST/victim"}, {Name: "up/file", Body: "attack"},
	}}},
	{"a link of a lower layer", [][]fixtures.Entry{
		{{Name: "up", Type: tar.TypeSymlink, Link: "../victim"}}, {{Name: "up/file", Body: "attack"}},
	}},
	{"a file over a link", [][]fixtures.Entry{
		{{Name: "up", Type: tar.TypeSymlink, Link: "../victim/file"}}, {{Name: "up", Body: "attack"}},
	}},
	{"a hard link to the host", [][]fixtures.Entry{{
		{Name: "hard", Type: tar.TypeLink, Link: "../victim/file"}, {Name: "hard", Body: "attack"},
	}}},
	{"a whiteout below a link", [][]fixtures.Entry{
		{{Name: "up", Type: tar.TypeSymlink, Link: "../victim"}}, {{Name: "up/.wh.file"}},
	}},
	{"a whiteout of a parent", [][]fixtures.Entry{{{Name: "d/"}}, {{Name: "../victim/.wh.file"}}}},
	{"an opaque mark below a link", [][]fixtures.Entry{
		{{Name: "up", Type: tar.TypeSymlink, Link: "../victim"}}, {{Name: "up/.wh..wh..opq"}},
	}},
}

// host makes a directory that plays the host, and returns it and the root in it.
func host(t *testing.T) (dir, root string) {
	t.Helper()
	dir = emptyDir(t)
	root = filepath.Join(dir, "root")
	for _, d := range []string{"root", "victim", "root-evil"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{"victim", "root-evil"} {
		if err := os.WriteFile(filepath.Join(dir, d, "file"), []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, root
}

// outside lists the host, without what is below the root.
func outside(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		if path == filepath.Join(dir, "root") {
			fmt.Fprintln(&b, "root is a directory:", d.IsDir())
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		var content []byte
		if fi.Mode().IsRegular() {
			content, err = os.ReadFile(path)
		}
		fmt.Fprintf(&b, "%s %v %q\n", path, fi.Mode(), content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestKnownWaysOut says that an unpacker that trusts paths is led out of its root by
// each of the attacks, and that ours is not: it writes a tree inside, or nothing.
func TestKnownWaysOut(t *testing.T) {
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			dir, root := host(t)
			before := outside(t, dir)
			for _, blob := range attackBlobs(a.layers, dir) {
				if err := naive(root, blob); err != nil {
					break // it has done what it could
				}
			}
			if outside(t, dir) == before {
				t.Error("the attack is none: a naive unpacker stays inside")
			}

			dir, root = host(t)
			before = outside(t, dir)
			blobs := attackBlobs(a.layers, dir)
			tree, err := squash(t, blobs)
			if err == nil {
				_, err = flat(root, tree, blobs)
			}
			if after := outside(t, dir); after != before {
				t.Errorf("with the error %v, the host changed:\n%swas\n%s", err, after, before)
			}
		})
	}
}

func attackBlobs(layers [][]fixtures.Entry, dir string) (blobs [][]byte) {
	for _, entries := range layers {
		real := make([]fixtures.Entry, len(entries))
		for i, e := range entries {
			e.Link = strings.Replace(e.Link, "HOST", dir, 1)
			real[i] = e
		}
		blobs = append(blobs, fixtures.NewLayer(fixtures.None, real...).Blob)
	}
	return blobs
}

// naive unpacks a layer as a tutorial would: every name joined to the root.
func naive(root string, blob []byte) error {
	r := tar.NewReader(bytes.NewReader(blob))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = naiveEntry(root, h, r)
		}
		if err != nil {
			return err
		}
	}
}

func naiveEntry(root string, h *tar.Header, r io.Reader) error {
	path := root + "/" + h.Name
	parent, base := filepath.Split(strings.TrimSuffix(path, "/"))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	if base == ".wh..wh..opq" {
		return os.RemoveAll(parent + "/file")
	}
	if gone, ok := strings.CutPrefix(base, ".wh."); ok {
		return os.RemoveAll(parent + gone)
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return os.MkdirAll(path, 0o755)
	case tar.TypeSymlink:
		if err := os.RemoveAll(filepath.Clean(path)); err != nil {
			return err
		}
		return os.Symlink(h.Linkname, filepath.Clean(path))
	case tar.TypeLink:
		if err := os.Link(root+"/"+h.Linkname, path); err != nil {
			return err
		}
		return os.Chmod(path, h.FileInfo().Mode())
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
