package cache

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/layers/layers/fixtures"
)

func TestLacks(t *testing.T) {
	base := fixtures.Image("-- 0/a [size=5000] --\n-- 1/b --\n")
	img := fixtures.Image("-- 0/a [size=5000] --\n-- 1/b --\n-- 2/c [size=9000] --\n-- 3/d [size=9999] --\n-- 4/e --\n")
	s := testStore(t)
	pull(t, s, base, "docker.io/library/base:1")
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	// Of layer 3 a part is here, of layer 4 all, unchecked, and of layer 5 more than it has.
	for i, n := range map[int]int64{2: 7, 3: m.Layers[3].Size, 4: m.Layers[4].Size + 1} {
		if err := os.WriteFile(s.ingestPath(m.Layers[i].Digest), bytes.Repeat([]byte{0}, int(n)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := everything(t, s.Dir())
	looking, err := Open(s.Dir(), Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	got, err := looking.Lacks(img, "x")
	if err != nil {
		t.Fatal(err)
	}
	partial := []int64{0, 0, 7, m.Layers[3].Size, 0}
	for i, l := range got {
		if l.Here != (i < 2) || l.Partial != partial[i] || l.Digest != m.Layers[i].Digest || l.Size != m.Layers[i].Size {
			t.Errorf("layer %d: %+v", i+1, l)
		}
	}
	unpacked, err := looking.Unpacked(img, "x")
	if err != nil {
		t.Fatal(err)
	}
	if unpacked[0] == nil || *unpacked[0] != 5000 || unpacked[1] == nil || *unpacked[1] != 0 || unpacked[2] != nil {
		t.Errorf("unpacked: %v", unpacked)
	}
	if err := looking.Close(); err != nil {
		t.Fatal(err)
	}
	if after := everything(t, s.Dir()); !slices.Equal(before, after) {
		t.Errorf("before\n%q\nafter\n%q", before, after)
	}
}

// Looking at a store that is not there makes none.
func TestLookingWritesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	s, err := Open(dir, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if all, err := s.Images(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%v %v", all, err)
	}
	if l, err := s.Lacks(fixtures.Image("-- 0/a --\n"), "x"); err != nil || l[0].Here {
		t.Errorf("%+v %v", l, err)
	}
	if _, err := s.Pull(t.Context(), fixtures.Image("-- 0/a --\n"), PullOptions{}); err == nil {
		t.Error("it was written to")
	}
	if strings.HasPrefix(s.ScratchDir(), dir) {
		t.Error("scratch in the store")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(dir); !os.IsNotExist(err) {
		t.Errorf("there is a store: %v", err)
	}
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(foreign, Options{ReadOnly: true}); !isA[*ForeignError](err) {
		t.Errorf("%v", err)
	}
}

// everything is the paths below a directory, with their times.
func everything(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		out = append(out, path+" "+fi.ModTime().String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
