//go:build linux

package unpack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

// TestFlatUnpackIsTheTree says that what is written is what the squashed tree
// shows, attribute by attribute, for random stacks.
func TestFlatUnpackIsTheTree(t *testing.T) {
	for seed := range seeds() {
		blobs := randomBlobs(seed)
		tree, err := squash(t, blobs)
		if err != nil {
			continue // a loop of symbolic links
		}
		dir := emptyDir(t)
		losses, err := flat(dir, tree, blobs)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if got, want := owners(losses), strangers(t, tree); got != want {
			t.Errorf("seed %d: %d owners are said to be lost, and %d are", seed, got, want)
		}
		same(t, fmt.Sprintf("seed %d", seed), onDisk(t, dir), ofTree(t, tree, blobs, false))
		if t.Failed() {
			return
		}
	}
}

// seeds are how many random stacks are looked at.
func seeds() uint64 {
	if testing.Short() {
		return 100
	}
	return 600
}

// owners are how many are said to be lost.
func owners(losses []Loss) int64 {
	for _, l := range losses {
		if l.What == "owner" {
			return l.Count
		}
	}
	return 0
}

// strangers are the files that can be made, and belong to somebody who is not here.
func strangers(t testing.TB, tree *layer.Tree) (count int64) {
	t.Helper()
	met := map[fileID]bool{}
	for item, err := range flatItems(tree) {
		if err != nil {
			t.Fatal(err)
		}
		again := item.Kind != layer.Dir && severalNames(&item) && met[idOf(&item)]
		met[idOf(&item)] = true
		device := item.Kind == layer.Char || item.Kind == layer.Block
		if !again && !fixtures.HasOwner(item.UID, item.GID) && !(device && fixtures.InUserNamespace()) {
			count++
		}
	}
	return count
}

// TestLawsWithSubordinateIDs says that all this is so in a user namespace that has some
// of the image's users, and root says it in one that has only him.
func TestLawsWithSubordinateIDs(t *testing.T) {
	if fixtures.InUserNamespace() { // who is not root has no others
		return
	}
	c := fixtures.WithIDs("-test.short", "-test.run", "^(TestFlatUnpackIsTheTree|TestOddCases|TestOverlayIsTheTree|TestOddOverlays)$")
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// randomBlobs is a stack of layers that the kernel has a place for.
func randomBlobs(seed uint64) (blobs [][]byte) {
	rng := rand.New(rand.NewPCG(seed, 19))
	for _, entries := range fixtures.Random(rng, fixtures.RandomOptions{Odd: seed%2 == 0}) {
		for i := range entries {
			if entries[i].Type != 0 || entries[i].Link != "" {
				entries[i].Xattrs = nil // user.* is for files and directories only
			}
		}
		blobs = append(blobs, fixtures.Tar(entries...))
	}
	return blobs
}

// TestOddCases says the same of every odd construct that there is a rule for.
func TestOddCases(t *testing.T) {
	for _, c := range fixtures.Odd() {
		t.Run(c.Name, func(t *testing.T) {
			blobs := blobsOf(c)
			tree, err := squash(t, blobs)
			if c.WantError != (err != nil) {
				t.Fatalf("error %v", err)
			}
			if err != nil || c.UnpackError {
				return
			}
			dir := emptyDir(t)
			if _, err := flat(dir, tree, blobs); err != nil {
				t.Fatal(err)
			}
			same(t, c.Rule, onDisk(t, dir), ofTree(t, tree, blobs, false))
		})
	}
}

func blobsOf(c fixtures.Case) (blobs [][]byte) {
	for _, l := range c.Layers {
		blobs = append(blobs, l.Blob)
	}
	return blobs
}

func squash(t testing.TB, blobs [][]byte) (*layer.Tree, error) {
	t.Helper()
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

// emptyDir is a directory that can be removed at the end, whatever modes are in it.
func emptyDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			return os.Chmod(path, 0o700)
		})
		if err != nil {
			t.Error(err)
		}
	})
	return dir
}

// flat writes a stack as a flat root file system.
func flat(dir string, tree *layer.Tree, blobs [][]byte) (losses []Loss, err error) {
	target, err := Open(dir, Options{KeepOwner: fixtures.OneID()})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if err := target.Prepare(flatItems(tree)); err != nil {
		return nil, err
	}
	for i, blob := range blobs {
		if err := extract(target, i, blob); err != nil {
			return nil, err
		}
	}
	return target.Finish(flatItems(tree))
}

func extract(target *Target, carrier int, blob []byte) error {
	_, err := layer.Index(context.Background(), bytes.NewReader(blob), layer.Outputs{Contents: target.Contents(carrier)}, layer.IndexOptions{})
	return err
}

func flatItems(tree *layer.Tree) Items {
	return func(yield func(Item, error) bool) {
		for n, err := range tree.Walk("") {
			if !yield(Item{Node: n}, err) {
				return
			}
		}
	}
}

// line is one name with all its attributes, to be compared.
func line(f fixtures.OnDisk) string {
	s := f.Seen
	mode := fmt.Sprintf(" %04o", s.Mode)
	if s.Kind == "symlink" {
		mode = ""
	}
	return fmt.Sprintf("%q %s%s %d:%d %q -> %q %d:%d %d.%09d %v is %q", s.Path, s.Kind, mode, s.UID, s.GID,
		s.Content, s.Link, s.Major, s.Minor, s.ModTime.Unix(), s.ModTime.Nanosecond(), s.Xattrs, f.Group)
}

func onDisk(t testing.TB, dir string) (lines []string) {
	t.Helper()
	files, err := fixtures.Disk(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		lines = append(lines, line(f))
	}
	slices.Sort(lines)
	return lines
}

// ofTree tells of the tree what onDisk tells of a directory. Who is in a user namespace
// has for himself what belongs to users who are not; of devices, he finds none in a flat
// directory, and in an overlay a file that stands there.
func ofTree(t testing.TB, tree *layer.Tree, blobs [][]byte, overlay bool) (lines []string) {
	t.Helper()
	first := map[fileID]string{}
	for item, err := range flatItems(tree) {
		if err != nil {
			t.Fatal(err)
		}
		f := fixtures.OnDisk{Seen: seen(t, &item.Node, blobs), Group: item.Path}
		if item.Kind != layer.Dir && severalNames(&item) {
			if path, ok := first[idOf(&item)]; ok {
				f.Group = path
			} else {
				first[idOf(&item)] = item.Path
			}
		}
		if !fixtures.HasOwner(f.UID, f.GID) {
			f.UID, f.GID = 0, 0
		}
		if device := item.Kind == layer.Char || item.Kind == layer.Block; device && fixtures.InUserNamespace() {
			if !overlay {
				continue
			}
			f.Seen = fixtures.Seen{Path: f.Path, Kind: "file", ModTime: f.ModTime, UID: f.UID, GID: f.GID}
		}
		lines = append(lines, line(f))
	}
	slices.Sort(lines)
	return lines
}

func seen(t testing.TB, n *layer.Node, blobs [][]byte) fixtures.Seen {
	t.Helper()
	s := fixtures.Seen{
		Path: n.Path, Kind: n.Kind.String(), Mode: n.Mode, UID: n.UID, GID: n.GID,
		Link: n.Link, Major: n.Major, Minor: n.Minor, ModTime: stored(n.ModTime),
	}
	for _, x := range n.Xattrs {
		if s.Xattrs == nil {
			s.Xattrs = map[string]string{}
		}
		s.Xattrs[x.Name] = x.Value
	}
	if n.Kind == layer.File && n.Size > 0 {
		r, err := openFile(bytes.NewReader(blobs[n.Carrier]), n.Offset)
		if err != nil {
			t.Fatal(err)
		}
		var content bytes.Buffer
		if _, err := content.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
		s.Content = content.String()
	}
	return s
}

// openFile opens a file of a layer's blob.
func openFile(blob io.Reader, offset int64) (io.Reader, error) {
	f, err := layer.NewFiles(blob)
	if err != nil {
		return nil, err
	}
	return f.Open(offset)
}

// stored is the time that ext4 and its like keep of a time: from 1901 to 2446.
func stored(m layer.Time) time.Time {
	const first, last = -1 << 31, 1<<34 - 1<<31 - 1
	if m.Sec < first {
		return time.Unix(first, 0)
	}
	if m.Sec > last {
		return time.Unix(last, 0)
	}
	return m.Time()
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	t.Errorf("%s:", what)
	for _, l := range got {
		if !slices.Contains(want, l) {
			t.Errorf("  on disk %s", l)
		}
	}
	for _, l := range want {
		if !slices.Contains(got, l) {
			t.Errorf("  wanted  %s", l)
		}
	}
}
