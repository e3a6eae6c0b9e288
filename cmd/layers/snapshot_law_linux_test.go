package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cache/mount"
	"github.com/layers/layers/fixtures"
)

// TestSharedSnapshotsAreTheImage says that a mount of the store's snapshots shows what
// unpack writes, attribute by attribute, for images that share layers in other orders
// and heights, in both ways to mount: a directory that is shared is shared rightly.
func TestSharedSnapshotsAreTheImage(t *testing.T) {
	if !asRoot(t) {
		return
	}
	s, err := cache.Open(filepath.Join(t.TempDir(), "store"), cache.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mounted := 0
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 5))
		stack := fixtures.Random(rng, fixtures.RandomOptions{})
		for i := range 4 {
			if showsTheSame(t, s, fmt.Sprintf("seed %d", seed), fixtures.Build(stack), i%2 == 1) {
				mounted++
			}
			if t.Failed() {
				return
			}
			rng.Shuffle(len(stack), func(i, j int) { stack[i], stack[j] = stack[j], stack[i] })
		}
	}
	if mounted < 80 {
		t.Errorf("only %d images were mounted", mounted)
	}
}

// TestSharedSnapshotsWithSubordinateIDs says the same in a user namespace that has some
// of the images' users.
func TestSharedSnapshotsWithSubordinateIDs(t *testing.T) {
	if fixtures.InUserNamespace() || os.Geteuid() != 0 { // only root can make one
		return
	}
	if out, err := fixtures.WithIDs("-test.run", "^TestSharedSnapshotsAreTheImage$").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// snapshotOptions are those of a mount by whom the test is run.
func snapshotOptions() cache.SnapshotOptions {
	o := cache.SnapshotOptions{Rootless: fixtures.InUserNamespace()}
	if o.Rootless && !fixtures.OneID() {
		o.IDs = "some"
	}
	return o
}

// showsTheSame reports whether an image could be unpacked; many random ones have links
// that lead nowhere.
func showsTheSame(t *testing.T, s *cache.Store, what string, img v1.Image, classic bool) bool {
	t.Helper()
	flat := filepath.Join(t.TempDir(), "flat")
	_, err := s.Unpack(t.Context(), img, flat, cache.UnpackOptions{KeepOwner: fixtures.OneID()})
	found, failed := s.Snapshots(t.Context(), img, snapshotOptions())
	if err != nil {
		var loop *layer.RefusedError
		var dangling *layer.DanglingError
		if failed == nil || !errors.As(err, &dangling) && !errors.As(err, &loop) {
			t.Errorf("%s: unpack: %v; snapshots: %v", what, err, failed)
		}
		return false
	}
	if failed != nil {
		t.Errorf("%s: %v", what, failed)
		return false
	}
	at := t.TempDir()
	m, err := mount.New(found.Dirs, mount.Options{UserXattr: fixtures.InUserNamespace(), Classic: classic})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if err := errors.Join(m.Attach(at), m.Close()); err != nil {
		t.Fatal(err)
	}
	compareDisks(t, what, at, flat)
	if err := errors.Join(mount.Unmount(at), found.Release()); err != nil {
		t.Error(err)
	}
	return true
}

// compareDisks compares all but which names are one file: a link to a lower layer's
// file is, on an overlay, another file.
func compareDisks(t *testing.T, what, a, b string) {
	t.Helper()
	got, err := fixtures.Disk(a)
	if err != nil {
		t.Fatal(err)
	}
	want, err := fixtures.Disk(b)
	if err != nil {
		t.Fatal(err)
	}
	if fixtures.InUserNamespace() {
		got = slices.DeleteFunc(got, func(f fixtures.OnDisk) bool { return isStandIn(f, want) })
	}
	for i := range min(len(got), len(want)) {
		got[i].Group, want[i].Group = "", ""
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("%s: mounted %v, unpacked %v", what, got[i], want[i])
			return
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d files mounted, %d unpacked", what, len(got), len(want))
	}
}

// isStandIn reports whether a file is in the place of a device that cannot be made: a
// flat directory has nothing there.
func isStandIn(f fixtures.OnDisk, flat []fixtures.OnDisk) bool {
	return f.Kind == "file" && f.Mode == 0 && !slices.ContainsFunc(flat, func(g fixtures.OnDisk) bool { return g.Path == f.Path })
}
