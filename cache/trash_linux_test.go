package cache

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/unpack"
	"github.com/layers/layers/fixtures"
)

func init() {
	roles["empty"] = func(args []string) error { return EmptyTrash(args[0], args[1] == "alone") }
}

// filesInTrash fills the trash of a store with so many files.
func filesInTrash(t *testing.T, s *Store, count int) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "full")
	for i := range count {
		sub := filepath.Join(dir, strconv.Itoa(i/100))
		if i%100 == 0 {
			if err := os.MkdirAll(sub, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(sub, strconv.Itoa(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.discard(dir); err != nil {
		t.Fatal(err)
	}
}

// What a removal says that it freed is what it says that it would free, whether the
// files are gone already or not, and it counts once.
func TestRemovedSnapshotsAreCountedOnce(t *testing.T) {
	s := testStore(t)
	if _, err := s.Pull(t.Context(), unpackedImage(), PullOptions{Names: []string{"example.com/a:1"}, Unpack: &SnapshotOptions{Rootless: true}}); err != nil {
		t.Fatal(err)
	}
	var size unpack.Weight
	names, err := os.ReadDir(s.path(snapshotDir))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for i, e := range names {
		dir := s.snapshotPath(e.Name())
		data, err := os.ReadFile(filepath.Join(dir, snapshotWeight))
		if err != nil {
			t.Fatal(err)
		}
		noted, err := unpack.ParseWeight(string(data))
		if err != nil {
			t.Fatal(err)
		}
		if walked := weigh(t, dir); noted != walked || linkedOnce(t, dir) > walked.Apparent {
			t.Errorf("%s: %v are noted, and it has %v", e.Name(), noted, walked)
		}
		size = size.Plus(noted)
		if i == 0 { // as one of an earlier layers
			if err := os.Remove(filepath.Join(s.snapshotPath(e.Name()), snapshotWeight)); err != nil {
				t.Fatal(err)
			}
		}
	}
	stored, err := s.Images(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := files(t, s, blobDir)
	freed, err := s.Remove(t.Context(), stored, false)
	if err != nil || freed.Apparent < size.Apparent || freed.Disk < size.Disk-4096 { // of one, the note is gone
		t.Errorf("%v freed, of %v in snapshots and %v; %v", freed, size, before, err)
	}
	if !s.HasTrash() {
		t.Error("nothing is in the trash")
	}
	r, err := s.Prune(t.Context(), false)
	if err != nil || r.Bytes > 1000 {
		t.Errorf("freed twice: %+v, %v", r, err)
	}
	if err := EmptyTrash(s.Dir(), true); err != nil || s.HasTrash() {
		t.Errorf("the trash is not empty: %v", err)
	}
	check(t, s)
}

// linkedOnce is what the files of a snapshot weigh, each once.
func linkedOnce(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	found, err := fixtures.Disk(filesOfSnapshot(dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.Kind == "file" && f.Group == f.Path {
			bytes += int64(len(f.Content))
		}
	}
	return bytes
}

// A killed process leaves the rest to the next, and several help each other.
func TestEmptyTrashGoesOn(t *testing.T) {
	s := testStore(t)
	rng := rand.New(rand.NewPCG(7, 7))
	for range 10 {
		filesInTrash(t, s, 3000)
		cmd := startAs(t, "empty", s.Dir(), "alone")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rng.IntN(40)) * time.Millisecond)
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	}
	filesInTrash(t, s, 3000)
	first, second := startAs(t, "empty", s.Dir(), "beside"), startAs(t, "empty", s.Dir(), "beside")
	if err := errors.Join(first.Start(), second.Start(), EmptyTrash(s.Dir(), false), first.Wait(), second.Wait()); err != nil {
		t.Fatal(err)
	}
	if s.HasTrash() {
		t.Error("something is left")
	}
	if err := EmptyTrash(filepath.Join(s.Dir(), "nowhere"), true); err != nil {
		t.Errorf("where no store is: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(s.Dir(), "nowhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a store was made")
	}
}

// One that is to be alone leaves the work to the one that is.
func TestEmptyTrashAlone(t *testing.T) {
	s := testStore(t)
	filesInTrash(t, s, 1)
	dir, err := os.Open(s.path(trashDir))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if got, err := flock(dir, exclusive); !got || err != nil {
		t.Fatal(got, err)
	}
	if err := EmptyTrash(s.Dir(), true); err != nil || !s.HasTrash() {
		t.Errorf("it did not leave it: %v", err)
	}
	if err := EmptyTrash(s.Dir(), false); err != nil || s.HasTrash() {
		t.Errorf("it did not help: %v", err)
	}
}

// smallDisk is a file system of eight megabytes.
func smallDisk(t *testing.T) string {
	t.Helper()
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=8m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(disk, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return disk
}

// fillDisk leaves no room on the disk of a new file.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fillUp(t, path)
}

// A disk that is full of trash has room, also for who comes before it is gone.
func TestTrashGivesWay(t *testing.T) {
	if asRoot(t) {
		return
	}
	img := fixtures.FromLayers([]*fixtures.Layer{fixtures.NewLayer(fixtures.None, fixtures.Entry{Name: "a", Body: string(make([]byte, 2<<20))})})
	for name, fill := range map[string]func(path string){
		"not enough": func(path string) {
			if err := os.WriteFile(path, make([]byte, 7<<20), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"none": func(path string) { fillDisk(t, path) },
	} {
		t.Run(name, func(t *testing.T) {
			disk := smallDisk(t)
			s := reopen(t, filepath.Join(disk, "store"))
			full := filepath.Join(disk, "full")
			if err := os.Mkdir(full, 0o700); err != nil {
				t.Fatal(err)
			}
			fill(filepath.Join(full, "file"))
			if _, err := s.discard(full); err != nil {
				t.Fatal(err)
			}
			pull(t, s, img, "example.com/a:1")
		})
	}
}

// An image can be removed from a full disk, to which its unpacked files are the way out.
func TestRemoveSnapshotsFromFullDisk(t *testing.T) {
	if asRoot(t) {
		return
	}
	disk := smallDisk(t)
	s := reopen(t, filepath.Join(disk, "store"))
	var many []fixtures.Entry
	for i := range 2 * quickly {
		many = append(many, fixtures.Entry{Name: strconv.Itoa(i), Body: "a file"})
	}
	img := imageOf(fixtures.NewLayer(fixtures.Gzip, many...))
	st := pull(t, s, img, "example.com/a:1")
	if err := snapshotsOf(t, s, img).Release(); err != nil {
		t.Fatal(err)
	}
	fillDisk(t, filepath.Join(disk, "filler"))
	if freed, err := s.Remove(t.Context(), []Stored{st}, false); err != nil || freed.Disk == 0 {
		t.Errorf("%v freed, %v", freed, err)
	}
	if all, err := s.Images(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("left: %v, %v", all, err)
	}
}

// TestNothingIsHalfRemoved says that a directory stays as it is, if it cannot be taken
// out of the way as a whole: also one of few files.
func TestNothingIsHalfRemoved(t *testing.T) {
	s := testStore(t)
	dir := s.path(snapshotDir, "small")
	if err := os.MkdirAll(filepath.Join(dir, "fs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "fs", "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.RemoveAll(s.path(trashDir)), os.WriteFile(s.path(trashDir), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := s.drop(dir); err == nil {
		t.Error("it was removed in its place")
	}
	if _, err := os.Stat(filepath.Join(dir, "fs", "file")); err != nil {
		t.Error(err)
	}
}
