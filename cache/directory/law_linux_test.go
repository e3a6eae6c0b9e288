package directory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cache/unpack"
	"github.com/layers/layers/fixtures"
)

// TestUnpackedStackIsItsTree says that the tree of a directory into which a stack was
// unpacked is that of the stack, attribute by attribute, for random stacks.
func TestUnpackedStackIsItsTree(t *testing.T) {
	seeds := uint64(400)
	if testing.Short() {
		seeds = 60
	}
	for seed := range seeds {
		blobs := randomBlobs(seed)
		tree, err := squash(t, blobs)
		if err != nil {
			continue // a loop of symbolic links
		}
		dir := t.TempDir()
		unpackTo(t, dir, tree, blobs)
		l := read(t, dir)
		if got, want := lines(t, layer.Squash([]*layer.TOC{l.TOC})), lines(t, tree); !slices.Equal(got, want) {
			t.Fatalf("seed %d: the directory has\n%q\nand the stack\n%q", seed, got, want)
		}
	}
}

func randomBlobs(seed uint64) (blobs [][]byte) {
	rng := rand.New(rand.NewPCG(seed, 23))
	for _, entries := range fixtures.Random(rng, fixtures.RandomOptions{Odd: seed%2 == 0, Entries: 20}) {
		for i := range entries {
			if entries[i].Type != 0 || entries[i].Link != "" {
				entries[i].Xattrs = nil // user.* is for files and directories only
			}
			entries[i].ModTime = entries[i].ModTime.Add(time.Duration(rng.IntN(1e9)))
		}
		blobs = append(blobs, fixtures.Tar(entries...))
	}
	return blobs
}

func squash(t *testing.T, blobs [][]byte) (*layer.Tree, error) {
	var tocs []*layer.TOC
	for _, blob := range blobs {
		var toc bytes.Buffer
		if _, err := layer.Index(t.Context(), bytes.NewReader(blob), layer.Outputs{TOC: &toc}, layer.IndexOptions{}); err != nil {
			return nil, err
		}
		c, err := layer.ReadTOC(toc.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		tocs = append(tocs, c)
	}
	return layer.Squash(tocs), nil
}

func unpackTo(t *testing.T, dir string, tree *layer.Tree, blobs [][]byte) {
	t.Helper()
	items := func(yield func(unpack.Item, error) bool) {
		for n, err := range tree.Walk("") {
			if !yield(unpack.Item{Node: n}, err) {
				return
			}
		}
	}
	target, err := unpack.Open(dir, unpack.Options{KeepOwner: fixtures.OneID()})
	if err != nil {
		t.Fatal(err)
	}
	err = target.Prepare(items)
	for i, blob := range blobs {
		if err == nil {
			_, err = layer.Index(context.Background(), bytes.NewReader(blob), layer.Outputs{Contents: target.Contents(i)}, layer.IndexOptions{})
		}
	}
	if err == nil {
		_, err = target.Finish(items)
	}
	if err := errors.Join(err, target.Close()); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, dir string) *Layer {
	t.Helper()
	l, err := readDir(t, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func readDir(t *testing.T, dir string, o Options) (*Layer, error) {
	t.Helper()
	d, err := Open(dir)
	if err != nil {
		return nil, err
	}
	temp := t.TempDir()
	o.TempDir = temp
	l, err := d.Read(t.Context(), o)
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if left, e := os.ReadDir(temp); e != nil || len(left) > 0 {
		t.Errorf("files are left over: %v, %v", left, e)
	}
	if err == nil {
		t.Cleanup(func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return l, err
}

// lines are what a tree has, one for each name with all its attributes.
func lines(t *testing.T, tree *layer.Tree) (all []string) {
	t.Helper()
	type file struct {
		layer, carrier int
		offset         int64
	}
	first := map[file]string{}
	for n, err := range tree.Walk("") {
		if err != nil {
			t.Fatal(err)
		}
		e, group := n.Entry, n.Path
		if id := (file{n.Layer, n.Carrier, n.Offset}); e.Kind != layer.Dir && (n.Group != 0 || n.Layer != n.Carrier) {
			if first[id] == "" {
				first[id] = n.Path
			}
			group = first[id]
		}
		if e.Kind == layer.Symlink {
			e.Mode = 0 // Linux has none
		}
		if e.Kind == layer.Dir {
			e.Digest = layer.Digest{} // of what one layer has below
		}
		if !fixtures.HasOwner(e.UID, e.GID) {
			e.UID, e.GID = 0, 0
		}
		if device := e.Kind == layer.Char || e.Kind == layer.Block; device && fixtures.InUserNamespace() {
			continue
		}
		all = append(all, fmt.Sprintf("%s %s %04o %d:%d %d %v %q %d:%d %q %s is %s", e.Path, e.Kind, e.Mode, e.UID, e.GID,
			e.Size, e.ModTime, e.Link, e.Major, e.Minor, e.Xattrs, e.Digest, group))
	}
	return all
}
