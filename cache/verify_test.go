package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestVerifyCounts(t *testing.T) {
	s := testStore(t)
	pull(t, s, image(twoLayers), "example.org/a:1", "example.org/a:2")
	var bytes int64
	for _, dir := range []string{blobDir, "toc", "extents", "kept"} {
		bytes += sum(files(t, s, dir))
	}
	if r := check(t, s); r.Images != 2 || r.Blobs != 4 || r.Derived != 6 || r.Bytes != bytes {
		t.Errorf("report %+v, want %d bytes", r, bytes)
	}
}

// Whatever is damaged is found, named with the images that need it, and repaired.
func TestVerifyRepairs(t *testing.T) {
	img := image(twoLayers)
	config, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	layers, ids := digests(t, img), diffIDs(t, img)
	targets := map[string]string{
		blobDir + "/" + digest.Hex:       "blob",
		blobDir + "/" + config.Hex:       "blob",
		blobDir + "/" + layers[1].Hex:    "blob",
		tocDir + "/" + ids[0].Hex:        "derived",
		keptDir + "/" + ids[0].Hex:       "derived",
		extentsDir + "/" + layers[0].Hex: "derived",
	}
	for path, kind := range targets {
		for name, damage := range map[string]func([]byte) []byte{
			"flipped": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
			"cut":     func(b []byte) []byte { return b[:len(b)-1] },
			"longer":  func(b []byte) []byte { return append(b, 0) },
			"empty":   func([]byte) []byte { return nil },
			"missing": nil,
		} {
			if kind == "derived" && name == "missing" {
				continue // no damage: it is made when it is needed
			}
			t.Run(filepath.Dir(path)+" "+name+path[len(path)-4:], func(t *testing.T) {
				s := testStore(t)
				pull(t, s, img, "example.org/a:1")
				pull(t, s, image("-- 0/other --\nx\n"), "example.org/b:1")
				spoil(t, s.path(path), damage)
				mustFind(t, s, path)
				mustRepair(t, s, img, path, kind, name)
			})
		}
	}
}

func mustFind(t *testing.T, s *Store, path string) {
	t.Helper()
	r, err := s.Verify(context.Background(), VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Damage) != 1 || r.Damage[0].Path != path || r.Damage[0].What == "" || r.Damage[0].Repaired != "" ||
		fmt.Sprint(r.Damage[0].Images) != "[example.org/a:1]" {
		t.Fatalf("damage %+v", r.Damage)
	}
}

func mustRepair(t *testing.T, s *Store, img v1.Image, path, kind, name string) {
	t.Helper()
	ctx := context.Background()
	repair := VerifyOptions{Repair: true}
	want := "rebuilt"
	if kind == "blob" {
		// Without a source, damage is taken out of the way and nothing is lost.
		r, err := s.Verify(ctx, repair)
		if err != nil || len(r.Damage) != 1 || r.Damage[0].Error == "" {
			t.Fatalf("%+v, %v", r, err)
		}
		moved := len(files(t, s, quarantineDir))
		if (name == "missing") != (moved == 0) || (name == "missing") != (r.Damage[0].Repaired == "") {
			t.Errorf("%d files in quarantine, %+v", moved, r.Damage)
		}
		digest, err := img.Digest()
		if err != nil {
			t.Fatal(err)
		}
		repair.Fetch = func(_ context.Context, name string) (v1.Image, error) {
			if name != "example.org/a:1@"+digest.String() {
				return nil, errors.New("asked for " + name)
			}
			return img, nil
		}
		want = fetchedAgain
	}
	r, err := s.Verify(ctx, repair)
	if err != nil || len(r.Damage) != 1 || r.Damage[0].Repaired != want || r.Damage[0].Error != "" {
		t.Fatalf("%+v, %v", r, err)
	}
	check(t, s)
	st, err := s.Find(ctx, "example.org/a:1")
	if err != nil || len(st) != 1 {
		t.Fatal(st, err)
	}
	wantLayers(t, s, img, twoLayerPaths)
}

func TestVerifyFetchesAndRepairsAtOnce(t *testing.T) {
	s := testStore(t)
	img := image(twoLayers)
	pull(t, s, img, "example.org/a:1")
	for path := range files(t, s, ".") {
		if strings.HasPrefix(path, "blobs/") || strings.Contains(path, "/v1/") {
			spoil(t, s.path(path), func(b []byte) []byte { b[0] ^= 1; return b })
		}
	}
	_, err := s.Verify(context.Background(), VerifyOptions{Repair: true,
		Fetch: func(context.Context, string) (v1.Image, error) { return img, nil }})
	if err != nil {
		t.Fatal(err)
	}
	check(t, s)
	if got := len(files(t, s, quarantineDir)); got != 4 {
		t.Errorf("%d files in quarantine", got)
	}
	wantLayers(t, s, img, twoLayerPaths)
}

func TestVerifyWithoutHelp(t *testing.T) {
	img := image(twoLayers)
	for name, fetch := range map[string]func(context.Context, string) (v1.Image, error){
		"not reachable": func(context.Context, string) (v1.Image, error) { return nil, errors.New("offline") },
		"another image": func(context.Context, string) (v1.Image, error) { return image("-- 0/other --\nx\n"), nil },
		"nobody to ask": nil,
	} {
		t.Run(name, func(t *testing.T) {
			s := testStore(t)
			pull(t, s, img, "example.org/a:1")
			spoil(t, s.blobPath(digests(t, img)[0]), func(b []byte) []byte { b[0] ^= 1; return b })
			r, err := s.Verify(context.Background(), VerifyOptions{Repair: true, Fetch: fetch})
			if err != nil || len(r.Damage) != 1 || r.Damage[0].Repaired != "quarantined" || r.Damage[0].Error == "" {
				t.Errorf("%+v, %v", r, err)
			}
			r, err = s.Verify(context.Background(), VerifyOptions{})
			if err != nil || len(r.Damage) != 1 || r.Damage[0].What != "missing" {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

// What is no part of a store is found, and moved away when a repair is asked for:
// the next Verify finds nothing, and nothing is lost, not even by Prune.
func TestVerifyMovesStraysAway(t *testing.T) {
	s := testStore(t)
	pull(t, s, image(twoLayers), "example.org/a:1")
	strays := []string{"notes.txt", "blobs/sha256/tmp123", "toc/v1/.swp", "memo/v1/junk", "ingest/x", "toc/old",
		"dir", "blobs/sha256/" + strings.Repeat("0", 64)}
	for _, path := range strays[:6] {
		place(t, s.Dir(), path, path)
	}
	for _, path := range strays[6:] {
		place(t, s.Dir(), path+"/below", path)
	}
	place(t, s.Dir(), "toc/v2/later", "x")
	place(t, s.Dir(), "blobs/sha512/"+strings.Repeat("0", 128), "x")
	for _, repair := range []bool{false, true} {
		r, err := s.Verify(context.Background(), VerifyOptions{Repair: repair})
		if err != nil || len(r.Damage) != len(strays) {
			t.Fatalf("%+v, %v", r.Damage, err)
		}
		for _, d := range r.Damage {
			if !slices.Contains(strays, d.Path) || d.What != "stray file" || d.Error != "" {
				t.Errorf("%+v", d)
			}
			home := d.Path
			if repair {
				home = strings.TrimPrefix(d.Repaired, "moved to ")
			}
			wantStray(t, s.path(home), d.Path)
		}
	}
	check(t, s)
	if _, err := s.Prune(context.Background(), false); err != nil {
		t.Fatal(err)
	}
	if got := len(files(t, s, quarantineDir)); got != len(strays) {
		t.Errorf("%d files in quarantine", got)
	}
}

func wantStray(t *testing.T, path, content string) {
	t.Helper()
	if fi, err := os.Stat(path); err == nil && fi.IsDir() {
		path = filepath.Join(path, "below")
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != content {
		t.Errorf("%q, %v", got, err)
	}
}

// A second repair does not touch what an earlier one moved away.
func TestVerifyMovesStraysOfOneName(t *testing.T) {
	s := testStore(t)
	for range 2 {
		place(t, s.Dir(), "blobs/sha256/foo", "x")
		if _, err := s.Verify(context.Background(), VerifyOptions{Repair: true}); err != nil {
			t.Fatal(err)
		}
	}
	check(t, s)
	if got := len(files(t, s, quarantineDir)); got != 2 {
		t.Errorf("%d files in quarantine", got)
	}
}

// A directory in a blob's place is no blob: it is moved, and the blob fetched again.
func TestVerifyMovesWhatIsInABlobsPlace(t *testing.T) {
	s := testStore(t)
	img := image(twoLayers)
	pull(t, s, img, "example.org/a:1")
	name := s.blobPath(digests(t, img)[0])
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	place(t, name, "file", "x")
	r, err := s.Verify(context.Background(), VerifyOptions{Repair: true,
		Fetch: func(context.Context, string) (v1.Image, error) { return img, nil }})
	if err != nil || len(r.Damage) != 2 || r.Damage[0].What != "missing" || r.Damage[0].Repaired != fetchedAgain {
		t.Errorf("%+v, %v", r.Damage, err)
	}
	check(t, s)
}

func TestVerifyKnowsMalformedImages(t *testing.T) {
	s := testStore(t)
	st := pull(t, s, image(twoLayers), "example.org/a:1")
	raw, err := os.ReadFile(s.blobPath(st.Digest))
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	m["layers"] = json.RawMessage("[]")
	if raw, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	h := digestOf(raw)
	place(t, s.Dir(), blobDir+"/"+h.Hex, string(raw))
	edit(t, s, func(m map[string]json.RawMessage) {
		m["manifests"] = json.RawMessage(strings.Replace(string(m["manifests"]), st.Digest.Hex, h.Hex, 1))
	})
	r, err := s.Verify(context.Background(), VerifyOptions{Repair: true})
	if err != nil || len(r.Damage) != 1 || !strings.Contains(r.Damage[0].What, "DiffIDs") {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := s.Image(context.Background(), h); !isA[*ImageError](err) {
		t.Errorf("error %v", err)
	}
}

func TestWhole(t *testing.T) {
	s := testStore(t)
	st := pull(t, s, image(twoLayers), "example.org/a:1")
	img, err := s.Image(context.Background(), st.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Whole(img); err != nil {
		t.Error(err)
	}
	blob := digests(t, img)[1]
	spoil(t, s.blobPath(blob), func(b []byte) []byte { return b[1:] })
	var lack *LayerError
	if err := s.Whole(img); !errors.As(err, &lack) || lack.Number != 1 || lack.Digest != blob || !isA[*BlobError](err) {
		t.Errorf("error %v", err)
	}
	spoil(t, s.blobPath(blob), nil)
	if err := s.Whole(img); !errors.As(err, &lack) || lack.Number != 1 || !isA[*NotStoredError](err) {
		t.Errorf("error %v", err)
	}
	if err := s.Whole(image("-- 0/other --\nx\n")); !isA[*NotStoredError](err) {
		t.Errorf("error %v", err)
	}
}

// What another program put there under a wrong DiffID is told, and not fetched again.
func TestVerifyBlamesTheConfig(t *testing.T) {
	s := testStore(t)
	img := image(twoLayers)
	st := pull(t, s, img, "example.org/a:1")
	config, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := img.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	bad := strings.Replace(string(config), diffIDs(t, img)[1].Hex, strings.Repeat("0", 64), 1)
	manifest = []byte(strings.Replace(string(manifest), digestOf(config).Hex, digestOf([]byte(bad)).Hex, 1))
	place(t, s.Dir(), blobDir+"/"+digestOf([]byte(bad)).Hex, bad)
	place(t, s.Dir(), blobDir+"/"+digestOf(manifest).Hex, string(manifest))
	edit(t, s, func(m map[string]json.RawMessage) {
		m["manifests"] = json.RawMessage(strings.Replace(string(m["manifests"]), st.Digest.Hex, digestOf(manifest).Hex, 1))
	})
	r, err := s.Verify(context.Background(), VerifyOptions{Repair: true,
		Fetch: func(context.Context, string) (v1.Image, error) {
			t.Error("fetched")
			return img, nil
		}})
	if err != nil || len(r.Damage) != 1 || !strings.Contains(r.Damage[0].What, "config is wrong") ||
		fmt.Sprint(r.Damage[0].Images) != "[example.org/a:1]" || r.Damage[0].Repaired != "" {
		t.Errorf("%+v, %v", r.Damage, err)
	}
}

func TestImageThatIsNotThere(t *testing.T) {
	s := testStore(t)
	_, err := s.Image(context.Background(), digestOf(nil))
	if !isA[*NotStoredError](err) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if _, err := s.Image(context.Background(), v1.Hash{Algorithm: "sha256", Hex: "../../index.json"}); err == nil {
		t.Error("a path was taken for a digest")
	}
}
