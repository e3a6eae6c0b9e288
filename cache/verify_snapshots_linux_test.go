package cache

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/fixtures"
)

// verifiedImage has a layer whose snapshot depends on what is below it, one that says
// nothing of the root directory, and one that comes twice.
func verifiedImage() v1.Image {
	twice := fixtures.NewLayer(fixtures.Gzip, fixtures.Entry{Name: "etc/app", Body: "app"})
	return imageOf(
		fixtures.NewLayer(fixtures.Gzip,
			fixtures.Entry{Name: "./", Type: '5', Mode: 0o711},
			fixtures.Entry{Name: "etc/", Type: '5', Mode: 0o700}, fixtures.Entry{Name: "etc/os", Body: "os"},
			fixtures.Entry{Name: "etc/link", Type: '1', Link: "etc/os"}),
		twice,
		fixtures.NewLayer(fixtures.Gzip, fixtures.Entry{Name: ".wh.nothing"}, fixtures.Entry{Name: "etc/.wh.os"}),
		twice,
	)
}

// verify checks that Verify finds damage at these paths of snapshots only, and returns
// what it says.
func verify(t *testing.T, s *Store, repair bool, want ...string) VerifyReport {
	t.Helper()
	r, err := s.Verify(t.Context(), VerifyOptions{Repair: repair})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range r.Damage {
		got = append(got, filepath.Base(d.Path))
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("found %+v, not %q", r.Damage, want)
	}
	return r
}

func TestVerifySnapshots(t *testing.T) {
	s := testStore(t)
	img := verifiedImage()
	pull(t, s, img, "example.com/a:1")
	pull(t, s, imageOf(fixtures.NewLayer(fixtures.Gzip, fixtures.Entry{Name: "other", Body: "b"})), "example.com/b:1")
	found := snapshotsOf(t, s, img)
	low, err := s.Snapshots(t.Context(), img, SnapshotOptions{Rootless: true, Layers: 2})
	if err != nil {
		t.Fatal(err)
	}
	alone := snapshotsOf(t, s, imageOf(fixtures.NewLayer(fixtures.Gzip, fixtures.Entry{Name: "unnamed", Body: "c"})))
	names := func(of *Snapshots) (all []string) {
		for _, dir := range of.Dirs {
			all = append(all, filepath.Base(filepath.Dir(dir)))
		}
		return all
	}
	all := slices.Concat(names(found), names(low), names(alone))
	slices.Sort(all)
	all = slices.Compact(all)
	if r := verify(t, s, false); r.Snapshots != len(all) {
		t.Errorf("%d snapshots were compared, of %d", r.Snapshots, len(all))
	}

	// Each is found, and told with its image.
	for _, name := range all {
		dir := filesOfSnapshot(s.snapshotPath(name))
		if err := os.WriteFile(filepath.Join(dir, "extra"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := verify(t, s, false, all...)
	for _, d := range r.Damage {
		if slices.Contains(names(alone), filepath.Base(d.Path)) != (len(d.Images) == 0) || !strings.Contains(d.What, "/extra: not in the layer") {
			t.Errorf("got %+v", d)
		}
	}

	// What is in use stays.
	for _, d := range verify(t, s, true, all...).Damage {
		if d.Repaired != "" || d.Error != errInUse.Error() {
			t.Errorf("in use: %+v", d)
		}
	}
	for _, of := range []*Snapshots{found, low, alone} {
		if err := of.Release(); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range verify(t, s, true, all...).Damage {
		want := "made again"
		if len(d.Images) == 0 {
			want = "removed"
		}
		if d.Repaired != want || d.Error != "" {
			t.Errorf("repair: %+v", d)
		}
	}
	if r := verify(t, s, false); r.Snapshots != len(all)-1 {
		t.Errorf("after the repair %d snapshots were compared", r.Snapshots)
	}
	if err := os.Remove(filepath.Join(s.snapshotPath(all[0]), snapshotLosses)); err != nil {
		t.Fatal(err)
	}
	verify(t, s, true, all[0])
	verify(t, s, false)
}

// A mounted snapshot is not made again.
func TestVerifyLeavesMounted(t *testing.T) {
	if asRoot(t) {
		return
	}
	s, at := testStore(t), t.TempDir()
	img := verifiedImage()
	pull(t, s, img, "example.com/a:1")
	found := snapshotsOf(t, s, img)
	bindSnapshot(t, s, found, at)
	if err := found.Release(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(found.Dirs[0], "etc/os"), 0o600); err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(filepath.Dir(found.Dirs[0]))
	r := verify(t, s, true, name)
	if r.Damage[0].Error != errInUse.Error() || !strings.Contains(r.Damage[0].What, "/etc/os: mode is 0600, not 0644") {
		t.Errorf("got %+v", r.Damage)
	}
	if err := unmountAt(at); err != nil {
		t.Fatal(err)
	}
	verify(t, s, true, name)
	verify(t, s, false)
}
