//go:build linux

package unpack

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cache/mount"
	"github.com/layers/layers/fixtures"
)

// TestOverlayIsTheTree says that the kernel, given the directories of the layers,
// shows what the squashed tree shows, attribute by attribute, in both ways to mount.
func TestOverlayIsTheTree(t *testing.T) {
	mounted := 0
	for seed := range seeds() {
		blobs := randomBlobs(seed)
		tree, err := squash(t, blobs)
		if err != nil {
			continue // a loop of symbolic links
		}
		if checkOverlay(t, fmt.Sprintf("seed %d", seed), tree, blobs, seed/2%2 == 1) == nil {
			mounted++
		}
		if t.Failed() {
			return
		}
	}
	if least := int(seeds()) * 2 / 3; mounted < least {
		t.Errorf("only %d stacks were mounted", mounted)
	}
}

// TestOddOverlays says the same of every odd construct, and that one that cannot be
// written is an error.
func TestOddOverlays(t *testing.T) {
	for _, c := range fixtures.Odd() {
		t.Run(c.Name, func(t *testing.T) {
			blobs := blobsOf(c)
			tree, err := squash(t, blobs)
			if err != nil {
				return
			}
			for _, classic := range []bool{false, true} {
				if checkOverlay(t, c.Rule, tree, blobs, classic) != nil != c.UnpackError {
					t.Errorf("an error of unpacking: %v", !c.UnpackError)
				}
			}
		})
	}
}

// checkOverlay returns an error for a stack that cannot be written.
func checkOverlay(t *testing.T, what string, tree *layer.Tree, blobs [][]byte, classic bool) error {
	t.Helper()
	dir := emptyDir(t)
	lowers, err := snapshots(dir, tree, blobs)
	var dangling *layer.DanglingError
	if errors.As(err, &dangling) {
		return err
	}
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	at := filepath.Join(dir, "merged")
	if err := os.Mkdir(at, 0o700); err != nil {
		t.Fatal(err)
	}
	m, err := mount.New(lowers, mount.Options{UserXattr: fixtures.InUserNamespace(), Classic: classic})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if err := errors.Join(m.Attach(at), m.Close()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := mount.Unmount(at); err != nil {
			t.Error(err)
		}
	}()
	same(t, what, onDisk(t, at), ofTree(t, tree, blobs, true))
	return nil
}

func each(lowers []layer.Lower) iter.Seq2[layer.Lower, error] {
	return func(yield func(layer.Lower, error) bool) {
		for _, l := range lowers {
			if !yield(l, nil) {
				return
			}
		}
	}
}

// snapshots writes the directory of each layer.
func snapshots(dir string, tree *layer.Tree, blobs [][]byte) (lowers []string, err error) {
	adjustments := make([][]layer.Lower, len(blobs))
	for l, err := range tree.Adjustments() {
		if err != nil {
			return nil, err
		}
		adjustments[l.Layer] = append(adjustments[l.Layer], l)
	}
	for i, toc := range tree.Layers() {
		lower := filepath.Join(dir, strconv.Itoa(i))
		if err := os.Mkdir(lower, 0o700); err != nil {
			return nil, err
		}
		items := func(yield func(Item, error) bool) {
			for l, err := range toc.Lower(i, each(adjustments[i])) {
				if !yield(Item{Node: l.Node, Opaque: l.Opaque}, err) {
					return
				}
			}
		}
		if err := fill(lower, items, blobs); err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		lowers = append(lowers, lower)
	}
	root, err := tree.Lookup("")
	if err != nil {
		return nil, err
	}
	top := filepath.Join(dir, "top")
	if err := os.Mkdir(top, 0o700); err != nil {
		return nil, err
	}
	rootOnly := func(yield func(Item, error) bool) { yield(Item{Node: root}, nil) }
	return append(lowers, top), fill(top, rootOnly, nil)
}

func fill(dir string, items Items, blobs [][]byte) (err error) {
	overlay := Trusted
	if fixtures.InUserNamespace() {
		overlay = User
	}
	target, err := Open(dir, Options{Overlay: overlay, KeepOwner: fixtures.OneID()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if err := target.Prepare(items); err != nil {
		return err
	}
	for i, blob := range blobs {
		if target.Wanted(i) == 0 {
			continue
		}
		if err := extract(target, i, blob); err != nil {
			return err
		}
	}
	_, err = target.Finish(items)
	return err
}
