//go:build corpus && linux

package cache

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
	"unsafe"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/layers/layers/fixtures"
)

// onSharingFileSystems runs a test in a directory on each file system whose files can
// share blocks. It needs root.
func onSharingFileSystems(t *testing.T, test func(t *testing.T, dir string)) {
	for name, mkfs := range map[string][]string{
		"btrfs": {"mkfs.btrfs", "-q"},
		"xfs":   {"mkfs.xfs", "-q", "-m", "reflink=1"},
	} {
		t.Run(name, func(t *testing.T) {
			room := t.TempDir()
			image, dir := filepath.Join(room, "image"), filepath.Join(room, "dir")
			if err := os.WriteFile(image, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(image, 512<<20); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			must(t, append(mkfs, image)...)
			must(t, "mount", "-o", "loop", image, dir)
			t.Cleanup(func() { must(t, "umount", dir) })
			test(t, dir)
		})
	}
}

func must(t *testing.T, command ...string) {
	t.Helper()
	if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", command, err, out)
	}
}

// megabyte is content that nobody can make smaller.
func megabyte(seed uint64) string {
	data := make([]byte, 1<<20)
	rng := rand.NewChaCha8([32]byte{byte(seed)})
	_, _ = rng.Read(data) // it has no errors
	return string(data)
}

// blocks is where the first extent of a file is on the disk, and whether another file
// has it, too (FIEMAP, FIEMAP_EXTENT_SHARED).
func blocks(t *testing.T, path string) (at uint64, shared bool) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	const request, head, extent = 0xc020660b, 32, 56
	buf := make([]byte, head+extent)
	order := binary.NativeEndian
	order.PutUint64(buf[8:], 1<<63-1) // all of it
	order.PutUint32(buf[24:], 1)      // room for one
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(&buf[0]))); errno != 0 {
		t.Fatalf("FIEMAP of %s: %v", path, errno)
	}
	if order.Uint32(buf[20:]) == 0 {
		t.Fatalf("%s has no extents", path)
	}
	const sharedFlag = 0x2000
	return order.Uint64(buf[head+8:]), order.Uint32(buf[head+40:])&sharedFlag != 0
}

func wantShared(t *testing.T, a, b string, want bool) {
	t.Helper()
	atA, sharedA := blocks(t, a)
	atB, sharedB := blocks(t, b)
	if got := sharedA && sharedB && atA == atB; got != want {
		t.Errorf("%s and %s: shared: %v (%d %v, %d %v)", a, b, got, atA, sharedA, atB, sharedB)
	}
}

func twins() v1.Image {
	return imageOf(
		fixtures.NewLayer(fixtures.Gzip,
			fixtures.Entry{Name: "one", Body: megabyte(1), Mode: 0o640, UID: 3},
			fixtures.Entry{Name: "two", Body: megabyte(1), Mode: 0o755},
			fixtures.Entry{Name: "small", Body: "x"}, fixtures.Entry{Name: "small too", Body: "x"}),
		fixtures.NewLayer(fixtures.Gzip,
			fixtures.Entry{Name: "three", Body: megabyte(1), Xattrs: map[string]string{"user.a": "b"}},
			fixtures.Entry{Name: "other", Body: megabyte(2)}),
	)
}

// TestTwinsShareBlocks says that files of the same content share their blocks in a flat
// directory, keep their own attributes, and that each can be changed alone.
func TestTwinsShareBlocks(t *testing.T) {
	onSharingFileSystems(t, func(t *testing.T, dir string) {
		s := reopen(t, filepath.Join(dir, "store"))
		var lists [][]fixtures.OnDisk
		for _, link := range []LinkMode{LinkAuto, LinkNever} {
			at := filepath.Join(dir, string(link))
			if _, err := s.Unpack(t.Context(), twins(), at, UnpackOptions{Link: link}); err != nil {
				t.Fatal(err)
			}
			wantShared(t, at+"/one", at+"/two", link == LinkAuto)
			wantShared(t, at+"/one", at+"/three", link == LinkAuto)
			wantShared(t, at+"/one", at+"/other", false)
			lists = append(lists, listed(t, at))
		}
		if !reflect.DeepEqual(lists[0], lists[1]) {
			t.Error("shared files are not the same as others")
		}
		if err := os.WriteFile(filepath.Join(dir, "auto/one"), []byte("new"), 0o600); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(filepath.Join(dir, "auto/two")); err != nil || string(data) != megabyte(1) {
			t.Errorf("another file is changed: %v", err)
		}
	})
}

// TestSnapshotsShareBlocks says that a snapshot has the blocks of others for contents
// that they have, and that these are checked before.
func TestSnapshotsShareBlocks(t *testing.T) {
	onSharingFileSystems(t, func(t *testing.T, dir string) {
		s := reopen(t, filepath.Join(dir, "store"))
		first, err := s.Snapshots(t.Context(), twins(), SnapshotOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer first.Release()
		again := func(name string, o SnapshotOptions) (dir string) {
			img := imageOf(fixtures.NewLayer(fixtures.Gzip,
				fixtures.Entry{Name: name, Body: megabyte(1)}, fixtures.Entry{Name: "other", Body: megabyte(2)}))
			found, err := s.Snapshots(t.Context(), img, o)
			if err != nil {
				t.Fatal(err)
			}
			if err := found.Release(); err != nil {
				t.Fatal(err)
			}
			return found.Dirs[0]
		}
		wantShared(t, again("a", SnapshotOptions{})+"/a", first.Dirs[0]+"/one", true)
		wantShared(t, again("b", SnapshotOptions{})+"/other", first.Dirs[1]+"/other", true)
		never := again("c", SnapshotOptions{Link: LinkNever})
		wantShared(t, never+"/c", first.Dirs[0]+"/one", false)

		// What is damaged is not used.
		for _, path := range []string{first.Dirs[1] + "/other", never + "/other", again("a", SnapshotOptions{}) + "/other", again("b", SnapshotOptions{}) + "/other"} {
			damaged := []byte(megabyte(2))
			damaged[len(damaged)/2] ^= 1
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		data, err := os.ReadFile(again("d", SnapshotOptions{}) + "/other")
		if err != nil || !bytes.Equal(data, []byte(megabyte(2))) {
			t.Errorf("damage was shared: %v", err)
		}

		// A flat directory shares with snapshots.
		at := filepath.Join(dir, "flat")
		if _, err := s.Unpack(t.Context(), twins(), at, UnpackOptions{}); err != nil {
			t.Fatal(err)
		}
		wantShared(t, at+"/three", first.Dirs[0]+"/one", true)
	})
}
