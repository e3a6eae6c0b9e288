package cache

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/layers/layers/fixtures"
)

// TestLentFilesAreCopied says that what a hard link needs of a lower layer's file comes
// from that layer's snapshot, if it is as it should be, and that the layer is read else.
func TestLentFilesAreCopied(t *testing.T) {
	base := fixtures.NewLayer(fixtures.Gzip,
		fixtures.Entry{Name: "file", Body: "content", Mode: 0o640}, fixtures.Entry{Name: "other", Body: "more"})
	links := fixtures.NewLayer(fixtures.Gzip, fixtures.Entry{Name: "one", Type: '1', Link: "file"},
		fixtures.Entry{Name: "two", Type: '1', Link: "file"}, fixtures.Entry{Name: "own", Body: "x"})
	img := imageOf(base, links)
	for name, damage := range map[string]func(path string) error{
		"as it should be": func(string) error { return nil },
		"damaged":         func(path string) error { return os.WriteFile(path, []byte("c0ntent"), 0) },
		"missing":         os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			var seen steps
			s := testStore(t, seen.listen)
			pull(t, s, img, "example.com/a:1")
			low, err := s.Snapshots(t.Context(), img, SnapshotOptions{Layers: 1, Rootless: true})
			if err != nil {
				t.Fatal(err)
			}
			defer low.Release()
			if err := damage(filepath.Join(low.Dirs[0], "file")); err != nil {
				t.Fatal(err)
			}
			before := seen.count(Done) // what is told of a layer that is read and is not to be unpacked
			found := snapshotsOf(t, s, img)
			defer found.Release()
			if read := seen.count(Done) - before; read > 0 == (name == "as it should be") {
				t.Errorf("the lower layer was read %d times", read)
			}
			for _, f := range listed(t, found.Dirs[1]) {
				if (f.Path == "one" || f.Path == "two") && (f.Content != "content" || f.Mode != 0o640 || f.Group != "one") {
					t.Errorf("got %+v", f)
				}
			}
		})
	}
}
