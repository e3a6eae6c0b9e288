package layer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var someDiffID = DiffID{Algorithm: "sha256", Hex: strings.Repeat("0123456789abcdef", 4)}

// endToEnd asserts the law: spans lie end to end from 0 on, and with the tail
// they are the blob.
func endToEnd(t testing.TB, x *Extents) {
	t.Helper()
	at, before, n := int64(0), int64(-1), 0
	for offset, s := range x.Spans() {
		if s.Start != at || s.Bytes < 0 || offset <= before {
			t.Fatalf("span %d at %d: %+v, after one that ends at %d", n, offset, s, at)
		}
		at, before = at+s.Bytes, offset
		n++
	}
	if at+x.Tail() != x.Size() || x.Tail() < 0 || n != x.Len() {
		t.Fatalf("%d spans of %d, %d and %d bytes of %d", n, x.Len(), at, x.Tail(), x.Size())
	}
}

func extentsOf(t testing.TB, b *extentsBuilder, m extentsMeta) *Extents {
	t.Helper()
	var w bytes.Buffer
	if err := b.writeTo(&w, m); err != nil {
		t.Fatal(err)
	}
	x, err := ReadExtents(w.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if x.Compression() != m.Compression || x.DiffID() != m.DiffID || x.Size() != m.Size || x.Ignored() != m.Ignored {
		t.Fatalf("%+v became %+v", m, x.meta)
	}
	endToEnd(t, x)
	return x
}

// TestExtentsLaw makes random layers, where the parser is behind the decoder by up
// to 300 KiB. How far must not matter.
func TestExtentsLaw(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 0))
		var points []checkpoint
		var last checkpoint
		for range random.IntN(300) {
			last.out += random.Int64N(1 << random.IntN(18))
			last.in += random.Int64N(1 << random.IntN(15))
			points = append(points, last)
		}
		var entries []int64
		for offset := int64(0); offset+blockSize <= last.out; offset += blockSize * (1 + random.Int64N(1<<random.IntN(12))) {
			entries = append(entries, offset)
		}
		end := int64(0)
		if len(entries) > 0 {
			end = entries[len(entries)-1] + blockSize
		}
		m := extentsMeta{Compression: Gzip, DiffID: someDiffID, Size: last.in + random.Int64N(100), Ignored: min(last.in, 7), TarEnd: end}
		var want []Span
		for _, lag := range []int64{0, 1000, 300 << 10} {
			x := extentsOf(t, feed(points, entries, lag), m)
			var got []Span
			for offset, s := range x.Spans() {
				if found, ok := x.Span(offset); !ok || found != s || offset != entries[len(got)] {
					t.Fatalf("seed %d: Span(%d) is %+v, %v, not %+v", seed, offset, found, ok, s)
				}
				got = append(got, s)
			}
			if len(got) != len(entries) || want != nil && !equalSpans(got, want) {
				t.Fatalf("seed %d: other spans with a lag of %d", seed, lag)
			}
			want = got
		}
	}
}

func equalSpans(a, b []Span) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// feed gives the builder each entry when the check points are lag bytes beyond it.
func feed(points []checkpoint, entries []int64, lag int64) *extentsBuilder {
	b := newExtentsBuilder()
	for _, p := range points {
		b.checkpoint(p.out, p.in)
		for len(entries) > 0 && p.out >= entries[0]+blockSize+lag {
			b.entry(entries[0])
			entries = entries[1:]
		}
	}
	for _, e := range entries {
		b.entry(e)
	}
	return b
}

// passOver does what Index does with the decoder, the parser and the extents.
func passOver(t testing.TB, data []byte) (*Extents, []tarEntry) {
	d, err := NewDecoder(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	b := newExtentsBuilder()
	out := int64(0)
	r := NewReader(readerFunc(func(p []byte) (int, error) {
		n, err := d.Read(p)
		out += int64(n)
		b.checkpoint(out, d.InputOffset())
		return n, err
	}), Limits{})
	var list []tarEntry
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b.entry(h.Offset)
		list = append(list, tarEntry{Name: string(h.Name), Size: h.Offset})
	}
	if _, err := r.Drain(); err != nil {
		t.Fatal(err)
	}
	return extentsOf(t, b, extentsMeta{
		Compression: d.Compression(), DiffID: someDiffID, Size: d.InputOffset(), Ignored: d.Ignored(), TarEnd: r.End(),
	}), list
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestExtentsOfBlobs: exact if nothing is compressed, and within the checksum's
// eight bytes where each entry is a gzip member of its own (as eStargz has it).
func TestExtentsOfBlobs(t *testing.T) {
	random := rand.NewChaCha8([32]byte{2})
	var data, members, frames []byte
	var starts, memberStarts []int64
	for i := range 100 {
		p := make([]byte, 100*i)
		random.Read(p)
		file := new(craft).file("f", string(p)).bytes()
		starts, memberStarts = append(starts, int64(len(data))), append(memberStarts, int64(len(members)))
		data, members = append(data, file...), append(members, gzipped(string(file))...)
		frames = append(frames, zstded(string(file))...)
	}
	end := string(make([]byte, 2*blockSize))
	plainX, _ := passOver(t, append(data, end...))
	gzipX, _ := passOver(t, bytesOf(members, gzipped(end), "ignored"))
	zstdX, list := passOver(t, bytesOf(frames, zstded(end)))
	if plainX.Tail() != int64(len(end)) || plainX.Len() != 100 || zstdX.Len() != 100 || gzipX.Ignored() != 7 {
		t.Errorf("tail %d, %d entries, %d ignored", plainX.Tail(), plainX.Len(), gzipX.Ignored())
	}
	for i, offset := range starts {
		if s, _ := plainX.Span(offset); s.Start != offset {
			t.Errorf("entry %d at %d has %+v", i, offset, s)
		}
		if s, _ := gzipX.Span(offset); s.Start > memberStarts[i] || s.Start < memberStarts[i]-8 {
			t.Errorf("entry %d, in the member at %d, has %+v", i, memberStarts[i], s)
		}
		if list[i].Size != offset {
			t.Errorf("entry %d is at %d", i, list[i].Size)
		}
	}
}

func TestExtentsOfNothing(t *testing.T) {
	for _, blob := range [][]byte{nil, make([]byte, 1024), gzipped(""), gzipped(string(make([]byte, 1024))), zstded("")} {
		x, _ := passOver(t, blob)
		if x.Tail() != int64(len(blob)) || x.Len() != 0 {
			t.Errorf("%q: tail %d, %d entries", blob, x.Tail(), x.Len())
		}
		if s, ok := x.Span(0); ok {
			t.Errorf("a span %+v of nothing", s)
		}
	}
}

// TestExtentsBounded: a file of 8 GiB leaves few check points, and the entry after
// it still is where it is.
func TestExtentsBounded(t *testing.T) {
	b := newExtentsBuilder()
	b.entry(0)
	out, in := int64(0), int64(0)
	for i := range int64(1 << 18) {
		out += 32 << 10
		in += 1000 + i%7*100
		b.checkpoint(out, in)
		if len(b.points) > maxPoints {
			t.Fatalf("%d check points after %d", len(b.points), i)
		}
	}
	at := in
	b.checkpoint(out+512, in+99)
	b.checkpoint(out+99999, in+999)
	b.entry(out)
	x := extentsOf(t, b, extentsMeta{Compression: Gzip, DiffID: someDiffID, Size: in + 1000, TarEnd: out + 512})
	if s, ok := x.Span(out); !ok || s != (Span{at, 99}) {
		t.Errorf("%+v, %v", s, ok)
	}
}

func TestExtentsBuilderRefuses(t *testing.T) {
	m := extentsMeta{DiffID: someDiffID, Size: 5000, TarEnd: 2048}
	for name, f := range map[string]func(b *extentsBuilder, m *extentsMeta){
		"twice":      func(b *extentsBuilder, m *extentsMeta) { b.entry(0); b.entry(0) },
		"odd":        func(b *extentsBuilder, m *extentsMeta) { b.entry(0); b.entry(700) },
		"not from 0": func(b *extentsBuilder, m *extentsMeta) { b.entry(512) },
		"beyond":     func(b *extentsBuilder, m *extentsMeta) { b.entry(0); b.entry(8192); m.TarEnd = 9000 },
		"no end":     func(b *extentsBuilder, m *extentsMeta) { b.entry(0); b.entry(1024); m.TarEnd = 512 },
		"size":       func(b *extentsBuilder, m *extentsMeta) { m.Size = 4 },
		"no DiffID":  func(b *extentsBuilder, m *extentsMeta) { m.DiffID = DiffID{} },
	} {
		b, meta := newExtentsBuilder(), m
		b.checkpoint(4096, 4096)
		f(b, &meta)
		if err := b.writeTo(io.Discard, meta); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	full := errors.New("disk full")
	b := newExtentsBuilder()
	b.checkpoint(4096, 4096)
	if err := b.writeTo(writerFunc(func([]byte) (int, error) { return 0, full }), m); err != full {
		t.Errorf("full disk: %v", err)
	}
}

// extentsFile has n entries of three sizes.
func extentsFile(t testing.TB, n int64) []byte {
	b := newExtentsBuilder()
	out := int64(0)
	for i := range n {
		start := out
		out += blockSize * (2 + i%3*i%40)
		b.checkpoint(out, out/3)
		b.entry(start)
	}
	var w bytes.Buffer
	if err := b.writeTo(&w, extentsMeta{Compression: Gzip, DiffID: someDiffID, Size: out, TarEnd: out}); err != nil {
		t.Fatal(err)
	}
	return w.Bytes()
}

// TestExtentsDamage flips every byte and cuts at every length: always an error.
func TestExtentsDamage(t *testing.T) {
	data := extentsFile(t, 200)
	for i := range data {
		damaged := bytes.Clone(data)
		damaged[i] ^= 0x41
		if _, err := ReadExtents(damaged); err == nil {
			t.Errorf("byte %d flipped: taken", i)
		}
		if _, err := ReadExtents(data[:i]); err == nil {
			t.Errorf("cut at %d: taken", i)
		}
	}
	if _, err := ReadExtents(append(data, 0)); err == nil {
		t.Error("a byte more: taken")
	}
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if x, err := OpenExtents(path); err != nil || x.Len() != 200 {
		t.Errorf("%v, %v", x, err)
	}
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenExtents(path); !errors.Is(err, errExtents) {
		t.Errorf("a file of 1 TiB: %v", err)
	}
	if _, err := OpenExtents(path + "y"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func FuzzExtents(f *testing.F) {
	f.Add(extentsFile(f, 0)[8:], int64(0))
	f.Add(extentsFile(f, 3)[8:], int64(1024))
	f.Add(extentsFile(f, 200)[8:], int64(5120))
	f.Fuzz(func(t *testing.T, rest []byte, offset int64) {
		data := append([]byte(extentsMagic), rest...)
		if len(data) >= extentsHeader { // sums need not be found by chance
			n := binary.LittleEndian.Uint64(data[80:])
			spans := data[extentsHeader:]
			binary.LittleEndian.PutUint32(data[88:], crc32.Checksum(spans[:min(n, uint64(len(spans)))], castagnoli))
			binary.LittleEndian.PutUint32(data[124:], crc32.Checksum(data[:124], castagnoli))
		}
		x, err := ReadExtents(data)
		if err != nil {
			return
		}
		endToEnd(t, x)
		next, stop := iter.Pull2(x.Spans())
		defer stop()
		for at, want, ok := next(); ok; at, want, ok = next() {
			if got, ok := x.Span(at); !ok || got != want {
				t.Fatalf("Span(%d) is %+v, %v, not %+v", at, got, ok, want)
			}
		}
		x.Span(offset)
	})
}

func BenchmarkExtents(b *testing.B) {
	const n = 1_000_000
	data := extentsFile(b, n)
	b.Run("load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ReadExtents(data); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(data))/n, "bytes/entry")
	})
	x, err := ReadExtents(data)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("span", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			x.Span(x.groups[len(x.groups)/2].before)
		}
	})
	b.Run("build", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			extentsFile(b, n)
		}
	})
}
