package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

func content(t testing.TB, s *Store, img v1.Image, number int, e layer.Entry) string {
	t.Helper()
	f, err := s.OpenFile(context.Background(), img, number, e)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// filesIn are the regular files of a layer, by the order of their paths.
func filesIn(t testing.TB, s *Store, img v1.Image, number int) (all []layer.Entry) {
	t.Helper()
	layers, err := s.Layers(t.Context(), img, "test")
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range layers[number].TOC.Entries("") {
		if err != nil {
			t.Fatal(err)
		}
		if e.HasContent() {
			all = append(all, e)
		}
	}
	for _, l := range layers {
		_ = l.Close()
	}
	return all
}

// someFiles has files in an order that is not that of their paths, one of which has two
// names, one is sparse, and one is kept.
func someFiles(compression fixtures.Compression) v1.Image {
	sparse := fixtures.Sparse("sparse", fixtures.SparsePAX10, 1<<20, fixtures.Chunk{Offset: 4096, Data: strings.Repeat("s", 512)})
	entries := []fixtures.Entry{
		{Name: "z", Body: strings.Repeat("z", 300_000)}, {Name: "b", Body: "linked"}, {Name: "a", Type: '1', Link: "b"},
		sparse, {Name: "etc/os-release", Body: "ID=x"}, {Name: "empty", Type: '0'}, {Name: "last", Body: "last"}, {Name: "link", Link: "z"},
	}
	return fixtures.Build([][]fixtures.Entry{{{Name: "below"}}, entries}, fixtures.Compressed(compression))
}

var someContents = map[string]string{
	"z": strings.Repeat("z", 300_000), "a": "linked", "b": "linked", "etc/os-release": "ID=x", "empty": "", "last": "last",
	"sparse": strings.Repeat("\x00", 4096) + strings.Repeat("s", 512) + strings.Repeat("\x00", 1<<20-4608),
}

// Whatever files are asked for, in whatever order, each is given once, in the order of
// the tar, and the blob is opened once, if at all.
func TestContents(t *testing.T) {
	for _, compression := range []fixtures.Compression{fixtures.None, fixtures.Gzip, fixtures.ZstdFrames} {
		src := &probe{Image: someFiles(compression)}
		s := testStore(t)
		all := filesIn(t, s, src, 1)
		if len(all) != len(someContents) {
			t.Fatalf("%d files", len(all))
		}
		stored := testStore(t)
		pull(t, stored, src, "example.org/a:1")
		for _, s := range []*Store{s, stored} {
			for some := 0; some < 1<<len(all); some += 5 {
				opened := src.opened.Load()
				asked := choose(all, some)
				got, err := contentsOf(t, s, src, asked)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range asked {
					if content, ok := got[e.Offset]; !ok || content != someContents[e.Path] {
						t.Fatalf("%s: %d bytes, %v", e.Path, len(content), ok)
					}
				}
				inBlob := slices.ContainsFunc(asked, func(e layer.Entry) bool { return e.Path != "etc/os-release" })
				want := int64(0)
				if inBlob && s != stored {
					want = 1
				}
				if n := src.opened.Load() - opened; n != want {
					t.Fatalf("opened %d times, want %d", n, want)
				}
			}
		}
	}
}

// choose takes those whose bits are set, the last first, and each twice.
func choose(all []layer.Entry, bits int) (some []layer.Entry) {
	for i, e := range slices.Backward(all) {
		if bits&(1<<i) != 0 {
			some = append(some, e, e)
		}
	}
	return some
}

// contentsOf are the contents by their offsets.
func contentsOf(t testing.TB, s *Store, img v1.Image, entries []layer.Entry) (map[int64]string, error) {
	t.Helper()
	got := map[int64]string{}
	last := int64(-1)
	err := s.Contents(t.Context(), img, 1, entries, func(e layer.Entry, r io.Reader) error {
		if e.Offset <= last {
			t.Errorf("%s at %d, after %d", e.Path, e.Offset, last)
		}
		last = e.Offset
		var content bytes.Buffer
		if _, err := io.Copy(&content, r); err != nil {
			return fmt.Errorf("%s: %w", e.Path, err)
		}
		got[e.Offset] = content.String()
		return nil
	})
	return got, err
}

// A blob that is cut anywhere gives what comes before, and then an error that names the
// layer; never something else.
func TestContentsOfACutBlob(t *testing.T) {
	src := &probe{Image: someFiles(fixtures.None)}
	s := testStore(t)
	all := filesIn(t, s, src, 1)
	size := len(blobOf(mustLayers(t, src.Image)[1]))
	for n := 0; n < size; n += 2043 {
		src.body = func(blob []byte, _ int64) (io.Reader, int64, error) { return bytes.NewReader(blob[:n]), 0, nil }
		got, err := contentsOf(t, s, src, all)
		for _, e := range all {
			if content, ok := got[e.Offset]; ok && content != someContents[e.Path] {
				t.Fatalf("cut at %d: %s has %d bytes", n, e.Path, len(content))
			}
		}
		var of *LayerError
		if err == nil && n < size-4*512 || err != nil && (!errors.As(err, &of) || of.Number != 1) {
			t.Fatalf("cut at %d of %d: %v", n, size, err)
		}
	}
}

func TestContentsRefuses(t *testing.T) {
	img := someFiles(fixtures.Gzip)
	s := testStore(t)
	pull(t, s, img, "example.org/a:1")
	at := map[string]layer.Entry{}
	for _, e := range filesIn(t, s, img, 1) {
		at[e.Path] = e
	}
	wrong := func(path string, change func(*layer.Entry)) []layer.Entry {
		e := at[path]
		change(&e)
		return []layer.Entry{at["z"], e}
	}
	for name, entries := range map[string][]layer.Entry{
		"a digest":               wrong("last", func(e *layer.Entry) { e.Digest[0] ^= 1 }),
		"a kept file's digest":   wrong("etc/os-release", func(e *layer.Entry) { e.Digest[0] ^= 1 }),
		"a size":                 wrong("b", func(e *layer.Entry) { e.Size++ }),
		"an offset":              wrong("last", func(e *layer.Entry) { e.Offset += 512 }),
		"another's offset":       wrong("last", func(e *layer.Entry) { e.Offset = at["b"].Offset }),
		"an offset in a file":    wrong("b", func(e *layer.Entry) { e.Offset = at["z"].Offset + 1024 }),
		"an offset in a block":   wrong("last", func(e *layer.Entry) { e.Offset++ }),
		"an offset beyond":       wrong("last", func(e *layer.Entry) { e.Offset += 1 << 40 }),
		"no offset":              wrong("last", func(e *layer.Entry) { e.Offset = -1 }),
		"what is no file":        wrong("last", func(e *layer.Entry) { e.Kind = layer.Symlink }),
		"the offset of no file":  wrong("last", func(e *layer.Entry) { e.Offset += 1024 }),
		"the offset of half one": wrong("sparse", func(e *layer.Entry) { e.Offset += 1024 }),
	} {
		var of *LayerError
		if _, err := contentsOf(t, s, img, entries); !errors.As(err, &of) || of.Number != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	ours := errors.New("ours")
	for _, path := range []string{"z", "etc/os-release"} {
		calls := 0
		err := s.Contents(t.Context(), img, 1, []layer.Entry{at[path], at["last"]}, func(layer.Entry, io.Reader) error { calls++; return ours })
		if err != ours || calls != 1 {
			t.Errorf("%v after %d calls", err, calls)
		}
	}
	if err := s.Contents(t.Context(), img, 2, nil, nil); err == nil {
		t.Error("a layer that is not there")
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Contents(ctx, img, 1, []layer.Entry{at["z"], at["last"]}, func(layer.Entry, io.Reader) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// BenchmarkContents is of every tenth of a layer's 2,000 files.
func BenchmarkContents(b *testing.B) {
	s := testStore(b)
	img := benchImage(2, 2000)
	pull(b, s, img, "example.org/a:1")
	var some []layer.Entry
	for i, e := range filesIn(b, s, img, 1) {
		if i%10 == 0 {
			some = append(some, e)
		}
	}
	b.Run("one pass", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := contentsOf(b, s, img, some); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("each alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, e := range some {
				content(b, s, img, 1, e)
			}
		}
	})
}
