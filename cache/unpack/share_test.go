//go:build linux

package unpack

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

// likeBlobs is a random stack in which many files have the same content, and other
// attributes.
func likeBlobs(seed uint64) (blobs [][]byte) {
	rng := rand.New(rand.NewPCG(seed, 23))
	for _, entries := range fixtures.Random(rng, fixtures.RandomOptions{Odd: seed%2 == 0}) {
		for i := range entries {
			if entries[i].Type != 0 || entries[i].Link != "" {
				entries[i].Xattrs = nil
			}
			if entries[i].Body != "" {
				entries[i].Body = strings.Repeat(string("abc"[rng.IntN(3)]), leastShared+rng.IntN(2))
			}
		}
		blobs = append(blobs, fixtures.Tar(entries...))
	}
	return blobs
}

// TestSharingIsNotSeen says that files which share their contents are what they are
// without: each has its own attributes, and is linked to none but those that it is
// linked to in the image. Where files cannot share blocks they are copied.
func TestSharingIsNotSeen(t *testing.T) {
	shared := 0
	for seed := range uint64(400) {
		blobs := likeBlobs(seed)
		tree, err := squash(t, blobs)
		if err != nil {
			continue // a loop of symbolic links
		}
		dir := emptyDir(t)
		target, err := Open(dir, Options{KeepOwner: fixtures.OneID(), Share: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := fillFlat(target, tree, blobs); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		shared += len(target.plan.copies)
		same(t, fmt.Sprintf("seed %d", seed), onDisk(t, dir), ofTree(t, tree, blobs, false))
		if t.Failed() {
			return
		}
	}
	if shared < 100 {
		t.Errorf("only %d files were shared", shared)
	}
}

func fillFlat(target *Target, tree *layer.Tree, blobs [][]byte) (err error) {
	defer func() { err = errors.Join(err, target.Close()) }()
	if err := target.Prepare(flatItems(tree)); err != nil {
		return err
	}
	for i, blob := range blobs {
		if err := extract(target, i, blob); err != nil {
			return err
		}
	}
	_, err = target.Finish(flatItems(tree))
	return err
}

// TestReuseIsNotSeen says that files whose contents were at hand are what they are when
// their layers give them, and that those layers are not asked for them.
func TestReuseIsNotSeen(t *testing.T) {
	reused := 0
	for seed := range uint64(300) {
		blobs := likeBlobs(seed)
		tree, err := squash(t, blobs)
		if err != nil {
			continue // a loop of symbolic links
		}
		store := t.TempDir()
		reuse := func(item *Item) *os.File {
			if item.Size == 0 || seed%3 == 0 && item.Offset%1024 == 0 {
				return nil
			}
			reused++
			return contentFile(t, store, item, blobs)
		}
		dir := emptyDir(t)
		target, err := Open(dir, Options{KeepOwner: fixtures.OneID(), Reuse: reuse, Share: CanShare(store)})
		if err != nil {
			t.Fatal(err)
		}
		if err := fillFlat(target, tree, blobs); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		same(t, fmt.Sprintf("seed %d", seed), onDisk(t, dir), ofTree(t, tree, blobs, false))
		if t.Failed() {
			return
		}
	}
	if reused < 300 {
		t.Errorf("only %d files were reused", reused)
	}
}

// contentFile is an item's content in a file somewhere else.
func contentFile(t *testing.T, dir string, item *Item, blobs [][]byte) *os.File {
	t.Helper()
	r, err := openFile(bytes.NewReader(blobs[item.Carrier]), item.Offset)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, item.Digest.String())
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if f, err = os.Open(name); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestSharingWhereItCannotBe says that a file on a file system that shares no blocks with
// the target is read from its layer, when sharing is all that was wanted.
func TestSharingWhereItCannotBe(t *testing.T) {
	if CanShare(t.TempDir()) {
		return // the tests of such file systems are elsewhere
	}
	blobs := [][]byte{fixtures.Tar(fixtures.Entry{Name: "a", Body: strings.Repeat("a", leastShared)})}
	tree, err := squash(t, blobs)
	if err != nil {
		t.Fatal(err)
	}
	store, dir, asked := t.TempDir(), emptyDir(t), 0
	target, err := Open(dir, Options{KeepOwner: fixtures.OneID(), Share: true, Reuse: func(item *Item) *os.File {
		asked++
		return contentFile(t, store, item, blobs)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := fillFlat(target, tree, blobs); err != nil {
		t.Fatal(err)
	}
	same(t, "a file that could not be shared", onDisk(t, dir), ofTree(t, tree, blobs, false))
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}
