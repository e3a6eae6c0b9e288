//go:build linux

package unpack

import (
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/zeebo/blake3"
	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

func digestOf(r io.Reader) (d layer.Digest, err error) {
	h := blake3.New()
	_, err = io.Copy(h, r)
	h.Sum(d[:0])
	return d, err
}

// compared compares a directory that fillBy filled.
func compared(t *testing.T, dir string, items Items, losses []Loss) Comparison {
	t.Helper()
	o := Options{Overlay: Trusted}
	if fixtures.OneID() {
		o = Options{Overlay: User, KeepOwner: true}
	}
	c, err := Compare(t.Context(), dir, items, o, losses, digestOf)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// filledStack fills the directory of each layer of a stack, and gives them to do.
func filledStack(t *testing.T, blobs [][]byte, do func(dir string, items Items, losses []Loss)) {
	t.Helper()
	tree, err := squash(t, blobs)
	if err != nil {
		return // a loop of symbolic links, or not readable
	}
	lowers, err := lowerItems(tree)
	if err != nil {
		return // a link that dangles
	}
	room := emptyDir(t)
	for i, items := range lowers {
		dir := filepath.Join(room, strconv.Itoa(i))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		losses, err := fillBy(dir, items, func(target *Target) error {
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
			t.Fatal(err)
		}
		do(dir, items, losses)
	}
}

// TestCompareFindsNothing says that a directory is as it was made.
func TestCompareFindsNothing(t *testing.T) {
	count := 0
	check := func(dir string, items Items, losses []Loss) {
		count++
		if c := compared(t, dir, items, losses); c.Count > 0 {
			t.Errorf("%v (lost %v)", c.First, losses)
		}
	}
	for seed := range uint64(300) {
		filledStack(t, randomBlobs(seed), check)
	}
	if count < 400 {
		t.Errorf("only %d directories were compared", count)
	}
	for _, c := range fixtures.Odd() {
		t.Run(c.Name, func(t *testing.T) { filledStack(t, blobsOf(c), check) })
	}
}

// change is something that can happen to a file. It reports whether it did.
type change struct {
	name string
	make func(path string, fi fs.FileInfo) (bool, error)
}

// keeping does something to a file and gives it, and its directory, their times again.
func keeping(path string, fi fs.FileInfo, do func() error) (bool, error) {
	parent, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return false, err
	}
	if err := do(); err != nil {
		return false, err
	}
	for p, t := range map[string]time.Time{path: fi.ModTime(), filepath.Dir(path): parent.ModTime()} {
		if err := setTime(p, t); err != nil && !os.IsNotExist(err) {
			return false, err
		}
	}
	return true, nil
}

func setTime(path string, t time.Time) error {
	stamp := unix.NsecToTimespec(t.UnixNano())
	return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{stamp, stamp}, unix.AT_SYMLINK_NOFOLLOW)
}

var changes = []change{
	{"mode", func(path string, fi fs.FileInfo) (bool, error) {
		if fi.Mode()&fs.ModeSymlink != 0 || isWhiteout(fi) {
			return false, nil
		}
		return true, os.Chmod(path, fi.Mode().Perm()^0o001)
	}},
	{"owner", func(path string, fi fs.FileInfo) (bool, error) {
		if fixtures.OneID() || isWhiteout(fi) {
			return false, nil
		}
		return keeping(path, fi, func() error { return os.Lchown(path, 4711, -1) })
	}},
	{"time", func(path string, fi fs.FileInfo) (bool, error) {
		return !isWhiteout(fi), setTime(path, fi.ModTime().Add(time.Nanosecond))
	}},
	{"content", func(path string, fi fs.FileInfo) (bool, error) {
		if !fi.Mode().IsRegular() || fi.Size() == 0 {
			return false, nil
		}
		return keeping(path, fi, func() error {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			data[0] ^= 1
			return overwrite(path, data)
		})
	}},
	{"size", func(path string, fi fs.FileInfo) (bool, error) {
		if !fi.Mode().IsRegular() {
			return false, nil
		}
		return keeping(path, fi, func() error { return os.Truncate(path, fi.Size()+1) })
	}},
	{"missing", func(path string, fi fs.FileInfo) (bool, error) {
		return keeping(path, fi, func() error { return os.RemoveAll(path) })
	}},
	{"kind", func(path string, fi fs.FileInfo) (bool, error) {
		return keeping(path, fi, func() error {
			if err := os.RemoveAll(path); err != nil || fi.IsDir() {
				_ = os.WriteFile(path, nil, 0o755)
				return err
			}
			return os.Mkdir(path, 0o755)
		})
	}},
	{"extra", func(path string, fi fs.FileInfo) (bool, error) {
		if !fi.IsDir() {
			return false, nil
		}
		return keeping(path, fi, func() error { return os.WriteFile(path+"/extra", nil, 0o600) })
	}},
	{"target", func(path string, fi fs.FileInfo) (bool, error) {
		if fi.Mode()&fs.ModeSymlink == 0 {
			return false, nil
		}
		return keeping(path, fi, func() error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Symlink("elsewhere", path)
		})
	}},
	{"another name", func(path string, fi fs.FileInfo) (bool, error) {
		if !fi.Mode().IsRegular() {
			return false, nil
		}
		return keeping(path, fi, func() error { return os.Link(path, filepath.Dir(filepath.Dir(path))+"-link"+strconv.Itoa(rand.Int())) })
	}},
	{"attribute", func(path string, fi fs.FileInfo) (bool, error) {
		if !fi.Mode().IsRegular() && !fi.IsDir() {
			return false, nil
		}
		return true, unix.Lsetxattr(path, "user.more", []byte("x"), 0)
	}},
	{"opaque", func(path string, fi fs.FileInfo) (bool, error) {
		if !fi.IsDir() {
			return false, nil
		}
		mark := overlayPrefix[Trusted] + ".overlay.opaque"
		if fixtures.OneID() {
			mark = overlayPrefix[User] + ".overlay.opaque"
		}
		if unix.Lremovexattr(path, mark) == nil {
			return true, nil
		}
		return true, unix.Lsetxattr(path, mark, []byte("y"), 0)
	}},
	{"whiteout", func(path string, fi fs.FileInfo) (bool, error) {
		if fi.IsDir() || isWhiteout(fi) {
			return false, nil
		}
		return keeping(path, fi, func() error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return unix.Mknod(path, unix.S_IFCHR, 0)
		})
	}},
}

func overwrite(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(data)
	return err
}

func isWhiteout(fi fs.FileInfo) bool { return fi.Mode()&fs.ModeCharDevice != 0 }

// changeOne makes a change to the first path that it can be made to; "" if there is none.
func changeOne(t *testing.T, what change, paths []string) (string, fs.FileInfo) {
	t.Helper()
	for _, path := range paths {
		fi, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if fixtures.OneID() && fi.Mode() == 0 && fi.Size() == 0 {
			continue // it stands in the place of a device
		}
		did, err := what.make(path, fi)
		if err != nil {
			t.Fatal(what.name, err)
		}
		if did {
			return path, fi
		}
	}
	return "", nil
}

// TestCompareFindsChanges makes each kind of change to files of all kinds.
func TestCompareFindsChanges(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	made := map[string]int{}
	for seed := range uint64(250) {
		what := changes[seed%uint64(len(changes))]
		filledStack(t, randomBlobs(seed), func(dir string, items Items, losses []Loss) {
			var paths []string
			err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if err == nil && path != dir {
					paths = append(paths, path)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			rng.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
			path, fi := changeOne(t, what, paths)
			if path == "" {
				return
			}
			made[what.name]++
			if c := compared(t, dir, items, losses); c.Count == 0 {
				t.Errorf("%s of %s (%v) was not found", what.name, path, fi.Mode())
			}
		})
	}
	for _, c := range changes {
		if made[c.name] == 0 && !(c.name == "owner" && fixtures.OneID()) {
			t.Errorf("%s was never changed", c.name)
		}
	}
}

// TestCompareTells says what is told of differences, and that the first are enough.
func TestCompareTells(t *testing.T) {
	var files []fixtures.Entry
	for i := range 20 {
		files = append(files, fixtures.Entry{Name: fmt.Sprintf("d/f%02d", i), Body: "x", Mode: 0o644})
	}
	filledStack(t, [][]byte{fixtures.Tar(files...)}, func(dir string, items Items, losses []Loss) {
		for i := range 20 {
			if err := os.Chmod(fmt.Sprintf("%s/d/f%02d", dir, i), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c := compared(t, dir, items, losses)
		if c.Count != 20 || len(c.First) != mostDifferences || c.First[0] != (Difference{"d/f00", "mode is 0600, not 0644"}) || c.Bytes != 20 {
			t.Errorf("got %+v", c)
		}
	})
}
