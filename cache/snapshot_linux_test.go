package cache

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

func init() { roles["snapshots"] = makeSnapshots }

func makeSnapshots(args []string) error {
	s, err := Open(args[0], Options{})
	if err != nil {
		return err
	}
	found, err := s.Snapshots(context.Background(), unpackedImage(), SnapshotOptions{Rootless: true})
	if err == nil {
		err = found.Release()
	}
	return errors.Join(err, s.Close())
}

func imageOf(layers ...*fixtures.Layer) v1.Image { return fixtures.FromLayers(layers) }

func snapshotsOf(t *testing.T, s *Store, img v1.Image) *Snapshots {
	t.Helper()
	found, err := s.Snapshots(t.Context(), img, SnapshotOptions{Rootless: true})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A layer's directory is shared by all images that have it, also above other layers,
// unless what is below makes a difference.
func TestSnapshotsAreShared(t *testing.T) {
	base := fixtures.NewLayer(fixtures.Gzip, fixtures.Entry{Name: "etc/", Type: '5', Mode: 0o700}, fixtures.Entry{Name: "etc/os", Body: "a"})
	other := fixtures.NewLayer(fixtures.Gzip, fixtures.Entry{Name: "other", Body: "b"})
	plain := fixtures.NewLayer(fixtures.Gzip, fixtures.Entry{Name: "app", Body: "c"})
	removes := fixtures.NewLayer(fixtures.Gzip, fixtures.Entry{Name: ".wh.other"})
	implies := fixtures.NewLayer(fixtures.Gzip, fixtures.Entry{Name: "etc/app", Body: "d"})
	links := fixtures.NewLayer(fixtures.Gzip, fixtures.Entry{Name: "link", Type: '1', Link: "etc/os"}, fixtures.Entry{Name: "also", Type: '1', Link: "etc/os"})
	s := testStore(t)
	dir := func(n int, layers ...*fixtures.Layer) string {
		found := snapshotsOf(t, s, imageOf(layers...))
		defer found.Release()
		return found.Dirs[n]
	}
	for name, c := range map[string]struct {
		a, b   string
		shared bool
	}{
		"the base":                      {dir(0, base), dir(0, base, plain), true},
		"above other layers":            {dir(1, base, plain), dir(2, base, other, plain), true},
		"a layer twice":                 {dir(0, plain, base, plain), dir(2, plain, base, plain), true},
		"a whiteout of something":       {dir(1, other, removes), dir(2, base, other, removes), true},
		"a whiteout of nothing":         {dir(1, base, removes), dir(1, plain, removes), true},
		"a whiteout, and of nothing":    {dir(1, other, removes), dir(1, base, removes), false},
		"an implied directory":          {dir(1, plain, implies), dir(1, other, implies), true},
		"an implied directory, and not": {dir(1, plain, implies), dir(1, base, implies), false},
		"links to lower files":          {dir(1, base, links), dir(2, base, other, links), true},
	} {
		if c.a == c.b != c.shared {
			t.Errorf("%s: shared %v: %s and %s", name, !c.shared, c.a, c.b)
		}
	}
	files := listed(t, dir(1, base, links))
	i := slices.IndexFunc(files, func(f fixtures.OnDisk) bool { return f.Path == "link" })
	if i < 0 || len(files) != 3 {
		t.Errorf("linked files: %v", files)
	}
}

// Snapshots stay while they are leased, and go with the last image that needs them.
func TestPruneOfSnapshots(t *testing.T) {
	s := testStore(t)
	img := unpackedImage()
	if _, err := s.Pull(t.Context(), img, PullOptions{Names: []string{"example.com/a:1"}}); err != nil {
		t.Fatal(err)
	}
	found := snapshotsOf(t, s, img)
	there := func() (n int) {
		for _, dir := range found.Dirs {
			if _, err := os.Stat(dir); err == nil {
				n++
			}
		}
		return n
	}
	stored, err := s.Images(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Remove(t.Context(), stored, false); err != nil || there() != len(found.Dirs) {
		t.Fatalf("removed beside a lease: %v, %d are left", err, there())
	}
	if err := found.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Prune(t.Context(), true); err != nil || there() != len(found.Dirs) {
		t.Fatalf("a dry run: %v, %d are left", err, there())
	}
	if _, err := s.Prune(t.Context(), false); err != nil || there() != 0 {
		t.Fatalf("%v, %d are left", err, there())
	}
	if left, err := os.ReadDir(s.path(snapshotDir)); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestKilledSnapshots kills a process that makes snapshots at random moments: what has
// a name is whole, and what has none is swept.
func TestKilledSnapshots(t *testing.T) {
	t.Parallel() // most of its time goes to disks
	store := filepath.Join(t.TempDir(), "store")
	start := time.Now()
	if out, err := startAs(t, "snapshots", store).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	took := time.Since(start)
	s := reopen(t, store)
	found := snapshotsOf(t, s, unpackedImage())
	whole := map[string][]fixtures.OnDisk{}
	for _, dir := range found.Dirs {
		whole[dir] = listed(t, dir)
	}
	if err := found.Release(); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 5))
	for range kills {
		if err := os.RemoveAll(s.path(snapshotDir)); err != nil {
			t.Fatal(err)
		}
		cmd := startAs(t, "snapshots", store)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rng.Int64N(int64(took) * 3 / 2)))
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		for dir, want := range whole {
			if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if got := listed(t, dir); !reflect.DeepEqual(got, want) {
				t.Fatal("a snapshot is there and is not whole")
			}
		}
	}
	if _, err := s.Prune(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{snapshotDir, scratchDir} {
		if left, err := os.ReadDir(s.path(dir)); err != nil || len(left) != 0 {
			t.Errorf("left in %s: %v, %v", dir, left, err)
		}
	}
}

// TestKinds says that snapshots of different kinds never stand in for one another.
func TestKinds(t *testing.T) {
	id := layer.DiffID{Hex: strings.Repeat("ab", 32)}
	var mark adjusted
	mark.add(layer.Lower{}, id)
	seen := map[string]bool{}
	for _, o := range []SnapshotOptions{{}, {IDs: "x"}, {Rootless: true}, {Rootless: true, IDs: "0123456789ab"}, {Rootless: true, IDs: "ba9876543210"}} {
		s := stack{kind: o.kind()}
		for _, name := range []string{s.name(id, &adjusted{}), s.name(id, &mark)} {
			if kindOf(name) != o.kind() {
				t.Errorf("%s is of kind %q, and was made of %q", name, kindOf(name), o.kind())
			}
			if seen[name] != (o.IDs == "x") { // ids are for those without root
				t.Errorf("two kinds have snapshots called %s", name)
			}
			seen[name] = true
		}
	}
}

// TestPresent says that who wants what is there makes nothing.
func TestPresent(t *testing.T) {
	s := testStore(t)
	img := fixtures.Image("-- 0/file --\nx\n")
	o := SnapshotOptions{Rootless: true, Present: true}
	var absent *AbsentError
	if _, err := s.Snapshots(t.Context(), img, o); !errors.As(err, &absent) {
		t.Errorf("%v", err)
	}
	o.Present = false
	made, err := s.Snapshots(t.Context(), img, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Present = true
	found, err := s.Snapshots(t.Context(), img, o)
	if err != nil || !slices.Equal(found.Dirs, made.Dirs) || found.Made != 0 {
		t.Errorf("%+v, %v", found, err)
	}
	if err := errors.Join(made.Release(), found.Release()); err != nil {
		t.Error(err)
	}
}
