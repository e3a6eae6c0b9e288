//go:build linux

package unpack

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

// manyDirs is a layer of more directories than are held open at once.
func manyDirs() []byte {
	var entries []fixtures.Entry
	for i := range 2 * openDirs {
		dir := fmt.Sprintf("d%d", i)
		entries = append(entries, fixtures.Entry{Name: dir + "/"}, fixtures.Entry{Name: dir + "/f", Body: dir},
			fixtures.Entry{Name: dir + "/l", Link: "f"})
	}
	return fixtures.Tar(entries...)
}

// TestSwappedForLinks has every directory swapped for a symbolic link to another
// place between any two steps: nothing is ever written there (CVE-2018-15664,
// CVE-2019-14271).
func TestSwappedForLinks(t *testing.T) {
	blob := manyDirs()
	for step := range 3 {
		dir, outside := emptyDir(t), t.TempDir()
		tree, err := squash(t, [][]byte{blob})
		if err != nil {
			t.Fatal(err)
		}
		if err := swapping(t, dir, outside, step, tree, blob); err == nil {
			t.Errorf("step %d: no error", step)
		}
		nothingIn(t, outside)
	}
}

// swapping unpacks and swaps the directories after a step.
func swapping(t *testing.T, dir, outside string, step int, tree *layer.Tree, blob []byte) error {
	target, err := Open(dir, Options{KeepOwner: true})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	for i, do := range []func() error{
		func() error { return target.Prepare(flatItems(tree)) },
		func() error { return extract(target, 0, blob) },
		func() error { _, err := target.Finish(flatItems(tree)); return err },
	} {
		if i == step && i > 0 {
			swap(t, dir, outside)
		}
		if i == step && i == 0 { // before the first step there is nothing but the root to swap
			if err := os.Symlink(outside, filepath.Join(dir, "d0")); err != nil {
				t.Fatal(err)
			}
		}
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

func swap(t *testing.T, dir, outside string) {
	t.Helper()
	aside := t.TempDir()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range found {
		path := filepath.Join(dir, e.Name())
		if err := os.Rename(path, filepath.Join(aside, e.Name())); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(outside, path); err != nil {
			t.Fatal(err)
		}
	}
}

func nothingIn(t *testing.T, dir string) {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range found {
		t.Errorf("%s was written outside", e.Name())
	}
}

// TestNaiveUnpackerIsSwapped says that the attack is one: who writes by path is led
// outside by it.
func TestNaiveUnpackerIsSwapped(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "d0"), 0o700); err != nil {
		t.Fatal(err)
	}
	swap(t, dir, outside)
	if err := os.WriteFile(filepath.Join(dir, "d0", "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(outside, "f")); err != nil {
		t.Error(err)
	}
}

// TestAttacksStayInside unpacks each known attack by a layer in a directory beside
// what it aims at: nothing but the directory changes.
func TestAttacksStayInside(t *testing.T) {
	for _, c := range fixtures.Odd() {
		room := emptyDir(t)
		dir := filepath.Join(room, "dest")
		for _, name := range []string{"dest", "dest-evil", "etc", "outside"} {
			if err := os.Mkdir(filepath.Join(room, name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		blobs := blobsOf(c)
		tree, err := squash(t, blobs)
		if err != nil {
			continue // refused before anything is written
		}
		if _, err := flat(dir, tree, blobs); err != nil && !c.UnpackError {
			t.Errorf("%s: %v", c.Name, err)
		}
		for _, name := range []string{"dest-evil", "etc", "outside"} {
			nothingIn(t, filepath.Join(room, name))
		}
	}
}

// TestContentsThatDoNotCome says that a file without its content is an error.
func TestContentsThatDoNotCome(t *testing.T) {
	blob := fixtures.Tar(fixtures.Entry{Name: "a", Body: "1"}, fixtures.Entry{Name: "b", Body: "2"})
	tree, err := squash(t, [][]byte{blob})
	if err != nil {
		t.Fatal(err)
	}
	target, err := Open(emptyDir(t), Options{KeepOwner: true})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if err := target.Prepare(flatItems(tree)); err != nil {
		t.Fatal(err)
	}
	if err := extract(target, 0, fixtures.Tar(fixtures.Entry{Name: "a", Body: "1"})); err != nil {
		t.Fatal(err)
	}
	if _, err := target.Finish(flatItems(tree)); err == nil {
		t.Error("no error, though a file has no content")
	}
}

// TestHoles says that long runs of zeros are read back and take no place.
func TestHoles(t *testing.T) {
	for _, parts := range [][]int{{1 << 20}, {0, 1 << 20}, {1, 1 << 20, 3}, {1 << 17, holeSize - 1, 1 << 17}, {300000, 300000, 5, 70000}} {
		var body bytes.Buffer
		for i, n := range parts {
			body.Write(bytes.Repeat([]byte{byte(i%2) * 'x'}, n))
		}
		blob := fixtures.Tar(fixtures.Entry{Name: "f", Body: body.String()})
		tree, err := squash(t, [][]byte{blob})
		if err != nil {
			t.Fatal(err)
		}
		dir := emptyDir(t)
		if _, err := flat(dir, tree, [][]byte{blob}); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "f"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, body.Bytes()) {
			t.Errorf("%v: %d bytes are not those that were written", parts, len(got))
		}
	}
}

// TestAbandonedContents says that a pass that ends in the middle of a file leaves no
// descriptor open.
func TestAbandonedContents(t *testing.T) {
	blob := fixtures.Tar(fixtures.Entry{Name: "d/f", Body: string(bytes.Repeat([]byte("x"), 1<<20))})
	tree, err := squash(t, [][]byte{blob})
	if err != nil {
		t.Fatal(err)
	}
	before := names(t, "/proc/self/fd")
	target, err := Open(emptyDir(t), Options{KeepOwner: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Prepare(flatItems(tree)); err != nil {
		t.Fatal(err)
	}
	if err := extract(target, 0, blob[:len(blob)/2]); err == nil {
		t.Error("half a layer was taken")
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	if after := names(t, "/proc/self/fd"); len(after) != len(before) {
		t.Errorf("open before: %v, after: %v", before, after)
	}
}
