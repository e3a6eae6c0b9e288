//go:build linux

package unpack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

// stage stages all layers in the pass that makes their tables of contents.
func stage(t testing.TB, blobs [][]byte) (tree *layer.Tree, all []*Staged, err error) {
	t.Helper()
	var tocs []*layer.TOC
	for _, blob := range blobs {
		s, err := NewStaged(room(t))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
		var toc bytes.Buffer
		_, err = layer.Index(t.Context(), bytes.NewReader(blob), layer.Outputs{TOC: &toc, Contents: s}, layer.IndexOptions{})
		if err := errors.Join(err, s.Flush()); err != nil {
			return nil, all, err
		}
		c, err := layer.ReadTOC(toc.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		tocs = append(tocs, c)
	}
	return layer.Squash(tocs), all, nil
}

// room is a directory to stage in, which Discard removes.
func room(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "staged")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// discard demands that nothing is left of what was staged.
func discard(t testing.TB, all []*Staged) {
	t.Helper()
	for _, s := range all {
		if err := s.Discard(); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(s.path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", s.path, err)
		}
	}
}

// TestStagedIsUnpacked says that a layer whose contents were staged before its table
// was known becomes the same directory as one that is read for it, attribute by
// attribute, with the marks of overlayfs, and with the same losses.
func TestStagedIsUnpacked(t *testing.T) {
	made := 0
	for seed := range uint64(600) {
		made += checkStaged(t, fmt.Sprintf("seed %d", seed), randomBlobs(seed))
		if t.Failed() {
			return
		}
	}
	if made < 1000 {
		t.Errorf("only %d layers were compared", made)
	}
}

// TestOddStaged says the same of every odd construct.
func TestOddStaged(t *testing.T) {
	for _, c := range fixtures.Odd() {
		t.Run(c.Name, func(t *testing.T) { checkStaged(t, c.Rule, blobsOf(c)) })
	}
}

// checkStaged returns how many layers could be compared.
func checkStaged(t *testing.T, what string, blobs [][]byte) int {
	t.Helper()
	dir := emptyDir(t)
	tree, all, err := stage(t, blobs)
	defer func() { discard(t, all) }()
	if err != nil {
		return 0 // a loop of symbolic links, or not readable
	}
	lowers, err := lowerItems(tree)
	if err != nil {
		return 0 // a link that dangles
	}
	for i, items := range lowers {
		read, taken := filepath.Join(dir, "read"+strconv.Itoa(i)), filepath.Join(dir, "taken"+strconv.Itoa(i))
		if err := errors.Join(os.Mkdir(read, 0o700), os.Mkdir(taken, 0o700)); err != nil {
			t.Fatal(err)
		}
		wantLosses, err := fillBy(read, items, func(target *Target) error {
			for carrier, blob := range blobs {
				if target.Wanted(carrier) > 0 {
					if err := extract(target, carrier, blob); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		losses, err := fillBy(taken, items, func(target *Target) error { return takeAll(t, target, i, all) })
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		same(t, what, raw(t, taken), raw(t, read))
		if got, want := sums(losses), sums(wantLosses); !slices.Equal(got, want) {
			t.Errorf("%s: lost %v, and %v", what, got, want)
		}
	}
	return len(lowers)
}

// takeAll takes a layer's own contents, and copies of those of others, which are to be
// there for their own layers, too.
func takeAll(t *testing.T, target *Target, own int, all []*Staged) error {
	t.Helper()
	for carrier, from := range all {
		if target.Wanted(carrier) == 0 {
			continue
		}
		// Nothing that the layers above may borrow is taken from under them.
		c, err := NewStaged(room(t))
		if err != nil {
			return err
		}
		var offsets []int64
		for _, f := range target.plan.files[carrier] {
			offsets = append(offsets, f.offset)
		}
		if carrier == own && own == len(all)-1 {
			err = target.Take(t.Context(), carrier, from)
		} else if err = errors.Join(c.Copy(t.Context(), from, offsets), c.Flush()); err == nil {
			err = target.Take(t.Context(), carrier, c)
		}
		if err := errors.Join(err, c.Discard()); err != nil {
			return err
		}
	}
	return nil
}

func sums(losses []Loss) (all []string) {
	for _, l := range losses {
		all = append(all, fmt.Sprint(l.What, l.Count))
	}
	slices.Sort(all)
	return all
}

// lowerItems are the items of each layer's directory in an overlay.
func lowerItems(tree *layer.Tree) (all []Items, err error) {
	adjustments := make([][]layer.Lower, len(tree.Layers()))
	for l, err := range tree.Adjustments() {
		if err != nil {
			return nil, err
		}
		adjustments[l.Layer] = append(adjustments[l.Layer], l)
	}
	for i, toc := range tree.Layers() {
		all = append(all, func(yield func(Item, error) bool) {
			for l, err := range toc.Lower(i, each(adjustments[i])) {
				if !yield(Item{Node: l.Node, Opaque: l.Opaque}, err) {
					return
				}
			}
		})
	}
	return all, nil
}

func fillBy(dir string, items Items, contents func(*Target) error) (losses []Loss, err error) {
	overlay := Trusted
	if fixtures.InUserNamespace() {
		overlay = User
	}
	target, err := Open(dir, Options{Overlay: overlay, KeepOwner: fixtures.OneID()})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if err := target.Prepare(items); err != nil {
		return nil, err
	}
	if err := contents(target); err != nil {
		return nil, err
	}
	return target.Finish(items)
}

// raw is what onDisk tells of a directory, with the attributes by which overlayfs knows
// opaque directories, and without the times of whiteouts, which no layer gives.
func raw(t *testing.T, dir string) (all []string) {
	t.Helper()
	files, err := fixtures.Disk(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Kind == "char" && f.Major == 0 && f.Minor == 0 {
			f.ModTime = time.Time{}
		}
		all = append(all, line(f))
		for _, name := range []string{"trusted.overlay.opaque", "user.overlay.opaque"} {
			if n, err := unix.Lgetxattr(filepath.Join(dir, f.Path), name, nil); err == nil {
				all = append(all, fmt.Sprint(f.Path, name, n))
			}
		}
	}
	slices.Sort(all)
	return all
}

// TestStagedInManyDirectories goes beyond one directory of staged files, with small,
// large, empty and sparse ones, of which some are replaced in the same layer.
func TestStagedInManyDirectories(t *testing.T) {
	var entries []fixtures.Entry
	fill := strings.Repeat("x", packedFile)
	for i := range 2*stagedFiles + 100 {
		entries = append(entries, fixtures.Entry{Name: fmt.Sprintf("d%d/f", i%4000), Body: strconv.Itoa(i)},
			fixtures.Entry{Name: fmt.Sprintf("large%d/f", i%100), Body: fill + strconv.Itoa(i)})
	}
	entries = append(entries,
		fixtures.Entry{Name: "large", Body: strings.Repeat("0123456789", 50_000)},
		fixtures.Entry{Name: "holes", Body: strings.Repeat("\x00", 3*holeSize) + "x" + strings.Repeat("\x00", 2*holeSize)},
		fixtures.Entry{Name: "empty"},
		fixtures.Entry{Name: "edge", Body: strings.Repeat("e", packedFile)},
		fixtures.Entry{Name: "over", Body: strings.Repeat("o", packedFile+1)})
	if checkStaged(t, "many", [][]byte{fixtures.Tar(entries...)}) != 1 {
		t.Error("nothing was compared")
	}
}

// TestStagedAndCut ends passes anywhere: nothing is left, and nothing is open.
func TestStagedAndCut(t *testing.T) {
	blob := fixtures.Tar(fixtures.Entry{Name: "small", Body: "x"},
		fixtures.Entry{Name: "large", Body: strings.Repeat("0123456789", 30_000)}, fixtures.Entry{Name: "last", Body: "x"})
	before := openFiles(t)
	for n := 0; n < len(blob); n += 10_007 {
		_, all, err := stage(t, [][]byte{blob[:n]})
		if err == nil && n%512 != 0 {
			t.Errorf("cut at %d: no error", n)
		}
		discard(t, all)
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d files are open, and %d were", after, before)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	found, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

// TestTakeReplacesNothing has a link in the way of a file that is taken.
func TestTakeReplacesNothing(t *testing.T) {
	outside := t.TempDir()
	tree, all, err := stage(t, [][]byte{fixtures.Tar(fixtures.Entry{Name: "d/f", Body: strings.Repeat("x", packedFile+1)})})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { discard(t, all) }()
	for name, spoil := range map[string]func(string) error{
		"a file":             func(at string) error { return os.WriteFile(filepath.Join(at, "d/f"), nil, 0o600) },
		"a link":             func(at string) error { return os.Symlink(outside+"/f", filepath.Join(at, "d/f")) },
		"a link for the way": func(at string) error { return errors.Join(os.Remove(at+"/d"), os.Symlink(outside, at+"/d")) },
	} {
		at := emptyDir(t)
		_, err := fillBy(at, flatItems(tree), func(target *Target) error {
			if err := spoil(at); err != nil {
				t.Fatal(err)
			}
			return target.Take(context.Background(), 0, all[0])
		})
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		nothingIn(t, outside)
	}
	// What is not there is told as what no layer gave.
	at := emptyDir(t)
	_, err = fillBy(at, flatItems(tree), func(target *Target) error {
		discard(t, all)
		all = nil
		s, err := NewStaged(room(t))
		if err != nil {
			t.Fatal(err)
		}
		all = []*Staged{s}
		return target.Take(context.Background(), 0, s)
	})
	if !errors.Is(err, errMissing) {
		t.Errorf("nothing staged: %v", err)
	}
}
