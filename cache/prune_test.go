package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/layers/layers/cache/unpack"
)

// contentOf is what counts of a store: all but its locks and names.
func contentOf(t testing.TB, s *Store) map[string]int64 {
	t.Helper()
	all := files(t, s, ".")
	maps.DeleteFunc(all, func(path string, _ int64) bool {
		return path == indexFile || strings.HasPrefix(path, lockDir+"/") && !strings.Contains(path, layerLockPrefix)
	})
	return all
}

func sum(sizes map[string]int64) (total int64) {
	for _, n := range sizes {
		total += n
	}
	return total
}

func remove(t testing.TB, s *Store, name string) unpack.Weight {
	t.Helper()
	found, err := s.Find(context.Background(), name)
	if err != nil || len(found) == 0 {
		t.Fatal(found, err)
	}
	said, err := s.Remove(context.Background(), found, true)
	if err != nil {
		t.Fatal(err)
	}
	freed, err := s.Remove(context.Background(), found, false)
	if err != nil || freed != said {
		t.Fatalf("%v freed, and %v was said: %v", freed, said, err)
	}
	return freed
}

func TestRemoveFreesExactlyWhatNothingElseNeeds(t *testing.T) {
	dir := t.TempDir() + "/store"
	base := image("-- 0/base --\n" + noise(50_000))
	app, err := mutate.AppendLayers(base, mustLayers(t, image("-- 0/app --\n"+noise(20_000)))...)
	if err != nil {
		t.Fatal(err)
	}
	// Each step in a store of its own, so that no scratch directory is counted.
	use := func(do func(*Store)) (map[string]int64, unpack.Weight) {
		s, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		do(s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return contentOf(t, s), weigh(t, dir)
	}
	empty, emptyWeight := use(func(*Store) {})
	onlyBase, baseWeight := use(func(s *Store) { pull(t, s, base, "example.org/base:1") })
	both, bothWeight := use(func(s *Store) { pull(t, s, app, "example.org/app:1", "example.org/app:2") })
	var freed unpack.Weight
	still, stillWeight := use(func(s *Store) { freed = remove(t, s, "example.org/app:1") })
	if freed != bothWeight.Minus(stillWeight) || freed.Disk != 0 || !maps.Equal(still, both) {
		t.Errorf("%v freed of %v while the image has another name, left %v", freed, bothWeight, stillWeight)
	}
	after, afterWeight := use(func(s *Store) { freed = remove(t, s, "example.org/app:2") })
	if freed != stillWeight.Minus(baseWeight) || afterWeight != baseWeight || !maps.Equal(after, onlyBase) {
		t.Errorf("%v freed, of %v; left %v, want %v", freed, stillWeight, after, onlyBase)
	}
	use(func(s *Store) { check(t, s) })
	after, afterWeight = use(func(s *Store) { freed = remove(t, s, "example.org/base:1") })
	if freed != baseWeight.Minus(emptyWeight) || afterWeight != emptyWeight || !maps.Equal(after, empty) {
		t.Errorf("%v freed of %v; left %v", freed, baseWeight, after)
	}
}

func weigh(t testing.TB, dir string) unpack.Weight {
	t.Helper()
	w, err := unpack.Weigh(dir)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestPruneFreesWhatItSays(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir() + "/store"
	s := reopen(t, dir)
	pull(t, s, image(twoLayers), "example.org/a:1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := contentOf(t, s)
	clutter(t, dir)
	before, beforeWeight := contentOf(t, s), weigh(t, dir)

	pruner := reopen(t, dir)
	dry, err := pruner.Prune(ctx, true)
	if err != nil {
		t.Fatal(err)
	}
	if got := contentOf(t, s); !maps.Equal(got, before) {
		t.Errorf("a dry run left %v of %v", got, before)
	}
	real, err := pruner.Prune(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	after := contentOf(t, s)
	if freed := beforeWeight.Minus(weigh(t, dir)); dry != real || freed != (unpack.Weight{Apparent: real.Bytes, Disk: real.Disk}) {
		t.Errorf("dry run %+v, run %+v, freed %v", dry, real, freed)
	}
	if real.Blobs != 4 || real.Derived != 3*3+1 || real.Partials != 2 {
		t.Errorf("report %+v", real)
	}
	if !maps.Equal(after, want) {
		t.Errorf("left %v, want %v", after, want)
	}
	check(t, pruner)
	if again, err := pruner.Prune(ctx, false); err != nil || again != (PruneReport{}) {
		t.Errorf("a second run: %+v, %v", again, err)
	}
}

// clutter leaves in the store what users and killed processes leave.
func clutter(t *testing.T, dir string) {
	t.Helper()
	ctx := context.Background()
	s := reopen(t, dir)
	// An image that lost its name to another one.
	pull(t, s, image("-- 0/old --\nold\n-- 1/older --\nold\n"), "example.org/b:1")
	pull(t, s, image(twoLayers), "example.org/b:1")
	// What was only looked at.
	if _, err := s.Layers(ctx, image("-- 0/looked --\nat\n"), "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Memo("key", func() ([]byte, error) { return []byte("value"), nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	leave(t, s, digestOf([]byte("partial")), []byte("part"))
	place(t, dir, "scratch/1-dead/deep/file", "12345")
	place(t, dir, "leases/1-dead", `{"blobs":{},"diffs":{}}`)
	place(t, dir, "locks/layer-"+digestOf([]byte("partial")).Hex, "process 1 (dead)\n")
	place(t, dir, initPrefix+"7", "{")
	found, err := s.Find(ctx, "example.org/b:1")
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	edit(t, s, func(m map[string]json.RawMessage) {
		n, err := parseNames([]byte(`{"manifests":` + string(m["manifests"]) + `}`))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range n.entries {
			if e.name == "example.org/a:1" {
				m["manifests"] = json.RawMessage("[" + string(e.raw) + "]")
			}
		}
	})
}

// What a pull relies on before its image has a name is not swept.
func TestPruneLeavesAPullAlone(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	img := image(twoLayers)
	pull(t, s, img, "example.org/a:1")
	layers := mustLayers(t, image("-- 0/new --\nnew\n"))
	more, err := mutate.AppendLayers(img, layers...)
	if err != nil {
		t.Fatal(err)
	}
	pruner := reopen(t, s.Dir())
	var once sync.Once
	src := &probe{Image: more, body: func(blob []byte, offset int64) (r io.Reader, start int64, err error) {
		once.Do(func() {
			remove(t, pruner, "example.org/a:1")
			_, err = pruner.Prune(ctx, false)
		})
		if err != nil {
			return nil, 0, err
		}
		return cutAfter(blob[offset:], 100), offset, nil
	}}
	pull(t, s, src, "example.org/more:1")
	if n := src.opened.Load(); n < 1 || src.sent.Load() != int64(len(blobOf(layers[0]))) {
		t.Errorf("%d answers with %d bytes: layers that were here were fetched again", n, src.sent.Load())
	}
	check(t, s)
	wantLayers(t, s, more, [][]string{twoLayerPaths[0], twoLayerPaths[1], {"new"}})
}

func TestPruneStopsAtWhatItCannotRead(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	st := pull(t, s, image(twoLayers), "example.org/a:1")
	pull(t, s, image("-- 0/b --\nb\n"), "example.org/b:1")
	flip := func(b []byte) []byte { b[0] ^= 1; return b }
	for n, damage := range []func([]byte) []byte{flip, nil} {
		spoil(t, s.blobPath(st.Digest), damage)
		before := files(t, s, blobDir)
		if _, err := s.Prune(ctx, false); err == nil || !strings.Contains(err.Error(), "example.org/a:1") {
			t.Errorf("%d: error %v", n, err)
		}
		if got := files(t, s, blobDir); !maps.Equal(got, before) {
			t.Errorf("%d: %v are left of %v", n, got, before)
		}
	}
	// Its name can be removed, and then everything is as ever.
	remove(t, s, "example.org/a:1")
	if _, err := s.Prune(ctx, false); err != nil {
		t.Error(err)
	}
	if r := check(t, s); r.Images != 1 || r.Blobs != 3 {
		t.Errorf("report %+v", r)
	}
}

// An image index that another program put there has one entry for several images.
func TestIndexesOfOthers(t *testing.T) {
	ctx := context.Background()
	s := testStore(t)
	one, two := image("-- 0/a --\n1\n"), image("-- 0/a --\n2\n")
	a, b := pull(t, s, one, "example.org/a:1"), pull(t, s, two, "example.org/b:1")
	index := fmt.Sprintf(`{"schemaVersion":2,"manifests":[%s,%s,%s]}`, descriptor(a, "amd64"), descriptor(b, "arm64"),
		descriptor(Stored{Digest: digestOf([]byte("not here"))}, "s390x"))
	h := digestOf([]byte(index))
	place(t, s.Dir(), blobDir+"/"+h.Hex, index)
	edit(t, s, func(m map[string]json.RawMessage) {
		m["manifests"] = json.RawMessage(`[{"mediaType":"application/vnd.oci.image.index.v1+json","size":` + itoa(len(index)) +
			`,"digest":"` + h.String() + `","annotations":{"org.opencontainers.image.ref.name":"multi"}}]`)
	})
	wantStored(t, s, "multi linux/amd64 "+a.Digest.Hex[:7], "multi linux/arm64 "+b.Digest.Hex[:7])
	if r := check(t, s); r.Images != 2 || r.Blobs != 7 {
		t.Errorf("report %+v", r)
	}
	if r, err := s.Prune(ctx, false); err != nil || r.Blobs != 0 || r.Derived != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	found, err := s.Find(ctx, "multi")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Remove(ctx, found[:1], false); err == nil {
		t.Error("one image of an index was removed")
	}
	if _, err := s.Remove(ctx, found, false); err != nil || len(files(t, s, blobDir)) != 0 {
		t.Error(err, files(t, s, blobDir))
	}
}

func descriptor(st Stored, arch string) string {
	return `{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":"` + st.Digest.String() +
		`","platform":{"os":"linux","architecture":"` + arch + `"}}`
}

func TestMemo(t *testing.T) {
	s := testStore(t)
	calls := 0
	get := func(key string) string {
		data, err := s.Memo(key, func() ([]byte, error) { calls++; return []byte("value of " + key), nil })
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for _, key := range []string{"a", "b", "", "a", "b", ""} {
		if got := get(key); got != "value of "+key {
			t.Errorf("%q: %q", key, got)
		}
	}
	if calls != 3 {
		t.Errorf("computed %d times", calls)
	}
	failed := errors.New("failed")
	if _, err := s.Memo("c", func() ([]byte, error) { return nil, failed }); !errors.Is(err, failed) {
		t.Errorf("error %v", err)
	}
	// Cut at every length and flipped in every byte: computed again.
	file := encodeMemo("a", []byte("value of a"))
	path := s.path(memoDir, digestOf([]byte("a")).Hex)
	for n := range file {
		flipped := append([]byte(nil), file...)
		flipped[n] ^= 1
		for _, damaged := range [][]byte{file[:n], flipped} {
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			before := calls
			if got := get("a"); got != "value of a" || calls != before+1 {
				t.Fatalf("byte %d: %q, computed %d times", n, got, calls-before)
			}
		}
	}
	// Another key's memo is not taken.
	if err := os.WriteFile(path, encodeMemo("b", []byte("x")), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := get("a"); got != "value of a" {
		t.Errorf("%q", got)
	}
	check(t, s)
}

func FuzzMemo(f *testing.F) {
	f.Add("key", []byte("value"))
	f.Add("", []byte{})
	f.Fuzz(func(t *testing.T, key string, data []byte) {
		k, d, err := parseMemo(encodeMemo(key, data))
		if err != nil || k != key || string(d) != string(data) {
			t.Errorf("%q %q %v", k, d, err)
		}
		if _, _, err := parseMemo(data); err == nil && !strings.HasPrefix(string(data), memoMagic) {
			t.Error("taken for a memo")
		}
	})
}

func FuzzNames(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":2,"digest":"sha256:` + strings.Repeat("0", 64) + `","annotations":{"org.opencontainers.image.ref.name":"a","dev.layers.pulled":"2024-01-01T00:00:00Z"},"platform":{"os":"linux"}}]}`))
	f.Add([]byte(`{"manifests":[{"digest":"sha512:` + strings.Repeat("0", 128) + `"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := parseNames(data)
		if err != nil {
			return
		}
		for _, e := range n.entries {
			if e.digest != (v1.Hash{}) && !usable(e.digest) {
				t.Errorf("digest %q", e.digest)
			}
		}
		again, err := n.marshal()
		if err != nil {
			t.Fatal(err)
		}
		m, err := parseNames(again)
		if err != nil || len(m.entries) != len(n.entries) {
			t.Errorf("%d descriptors became %d: %v", len(n.entries), len(m.entries), err)
		}
	})
}
