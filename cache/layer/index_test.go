package layer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/fixtures"
)

func smallBlob(c fixtures.Compression) (blob []byte, o IndexOptions) {
	l := fixtures.NewLayer(c, fixtures.Entry{Name: "etc/"}, fixtures.Entry{Name: "etc/os-release", Body: "NAME=small\n"},
		fixtures.Entry{Name: "link", Link: "etc"}, fixtures.Entry{Name: ".wh.gone"})
	digest, _ := l.Digest()
	diffID, _ := l.DiffID()
	return l.Blob, IndexOptions{Digest: digest, Size: int64(len(l.Blob)), DiffID: DiffID(diffID)}
}

var compressions = []fixtures.Compression{fixtures.Gzip, fixtures.Zstd, fixtures.None}

// TestDamageIsMismatch cuts a blob at every length and flips every bit of it: it is
// never taken for what it should be.
func TestDamageIsMismatch(t *testing.T) {
	for _, c := range compressions {
		blob, o := smallBlob(c)
		if _, err := Index(context.Background(), bytes.NewReader(blob), Outputs{}, o); err != nil {
			t.Fatal(err)
		}
		wantMismatch := func(damaged []byte) {
			t.Helper()
			_, err := Index(context.Background(), bytes.NewReader(damaged), Outputs{TOC: io.Discard, Extents: io.Discard, Kept: io.Discard}, o)
			var mismatch *MismatchError
			if !errors.As(err, &mismatch) {
				t.Fatalf("%v: %d bytes: %v", c, len(damaged), err)
			}
		}
		for n := range blob {
			wantMismatch(blob[:n])
			flipped := slices.Clone(blob)
			flipped[n] ^= 1 << (n % 8)
			wantMismatch(flipped)
		}
		wantMismatch(append(slices.Clone(blob), 0))
	}
}

func TestWrongDiffID(t *testing.T) {
	blob, o := smallBlob(fixtures.Gzip)
	o.DiffID = DiffID(v1.Hash{Algorithm: "sha256", Hex: o.Digest.Hex})
	_, err := Index(context.Background(), bytes.NewReader(blob), Outputs{}, o)
	var mismatch *MismatchError
	if !errors.As(err, &mismatch) || mismatch.What != "diffid" {
		t.Fatal(err)
	}
}

// TestBrokenAsPublished says that a layer whose digest is right and whose tar is
// not is told from a damaged one.
func TestBrokenAsPublished(t *testing.T) {
	blob := fixtures.Compress(fixtures.Tar(fixtures.Entry{Name: "a", Body: "b"})[:512], fixtures.Gzip)
	_, err := Index(context.Background(), bytes.NewReader(blob), Outputs{}, IndexOptions{Size: int64(len(blob))})
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
}

func TestReaderFaultIsPassedOn(t *testing.T) {
	blob, o := smallBlob(fixtures.Gzip)
	broken := errors.New("the cable is cut")
	r := io.MultiReader(bytes.NewReader(blob[:len(blob)/2]), iotest.ErrReader(broken))
	if _, err := Index(context.Background(), r, Outputs{}, o); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Index(ctx, bytes.NewReader(blob), Outputs{}, o); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	failing := failingWriter{broken}
	for _, out := range []Outputs{{TOC: failing}, {Extents: failing}, {Kept: failing}} {
		if _, err := Index(context.Background(), bytes.NewReader(blob), out, o); !errors.Is(err, broken) {
			t.Fatal(err)
		}
	}
}

// panickingReader stands for a bug in a decoder.
type panickingReader struct{ r io.Reader }

func (p panickingReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b[:min(len(b), 600)])
	if err == io.EOF {
		panic("a bug")
	}
	return n, err
}

func TestPanicIsAnError(t *testing.T) {
	for _, c := range compressions {
		blob, o := smallBlob(c)
		_, err := Index(context.Background(), panickingReader{bytes.NewReader(blob)}, Outputs{TOC: io.Discard}, o)
		var bug *PanicError
		if !errors.As(err, &bug) || bug.Value != "a bug" || len(bug.Stack) == 0 {
			t.Errorf("%v: %v", c, err)
		}
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestLimits(t *testing.T) {
	long := string(bytes.Repeat([]byte("x"), 200))
	for what, c := range map[string]struct {
		limits  Limits
		entries []fixtures.Entry
	}{
		"entries":  {Limits{Entries: 2}, []fixtures.Entry{{Name: "a"}, {Name: "b"}, {Name: "c"}}},
		"unpacked": {Limits{Unpacked: 4096}, []fixtures.Entry{{Name: "a", Body: string(make([]byte, 8192))}}},
		"path":     {Limits{Path: 100}, []fixtures.Entry{{Name: long}}},
		"xattrs":   {Limits{Xattrs: 100}, []fixtures.Entry{{Name: "a", Xattrs: map[string]string{"user.x": long}}}},
	} {
		_, err := Index(context.Background(), bytes.NewReader(fixtures.Tar(c.entries...)), Outputs{}, IndexOptions{Limits: c.limits})
		var limit *LimitError
		if !errors.As(err, &limit) || limit.What != what {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestCompressionBomb says that a small blob cannot make endless work.
func TestCompressionBomb(t *testing.T) {
	for _, c := range []fixtures.Compression{fixtures.Gzip, fixtures.Zstd} {
		frame := fixtures.Compress(make([]byte, 64<<20), c)
		var bomb []io.Reader
		bomb = append(bomb, bytes.NewReader(fixtures.Compress(fixtures.RawHeader("zeros", '0', 1<<40, map[int]string{124: "\x80\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00"}), c)))
		for range 40 {
			bomb = append(bomb, bytes.NewReader(frame))
		}
		_, err := Index(context.Background(), io.MultiReader(bomb...), Outputs{}, IndexOptions{})
		var limit *LimitError
		if !errors.As(err, &limit) || limit.What != "ratio" {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// FuzzIndex holds what every layer, however odd, must fulfil.
func FuzzIndex(f *testing.F) {
	for _, c := range fixtures.Odd() {
		for _, l := range c.Layers {
			f.Add(l.Tar)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var toc, extents, kept bytes.Buffer
		limits := Limits{Entries: 10000, Unpacked: 1 << 22}
		found, err := Index(context.Background(), bytes.NewReader(data), Outputs{TOC: &toc, Extents: &extents, Kept: &kept}, IndexOptions{Limits: limits})
		if err != nil {
			return
		}
		if found.Size != int64(len(data)) {
			t.Fatalf("size %d of %d", found.Size, len(data))
		}
		c, err := ReadTOC(toc.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Verify(); err != nil {
			t.Fatal(err)
		}
		checkTotals(t, c)
		checkReclaimable(t, 0, []*TOC{c, c})
		x, err := ReadExtents(extents.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		checkExtents(t, c, x, found.Size)
		if _, err := ReadKept(kept.Bytes()); err != nil {
			t.Fatal(err)
		}
	})
}

func checkTotals(t *testing.T, c *TOC) {
	t.Helper()
	var files, unpacked int64
	groups := map[uint32]bool{}
	for e, err := range c.Entries("") {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind != Dir && e.Kind != Absent {
			files++
		}
		if e.Kind == File && (e.Group == 0 || !groups[e.Group]) {
			unpacked += e.Size
		}
		groups[e.Group] = true
		if again, err := c.Lookup(e.Path); err != nil || again.Offset != e.Offset || again.Kind != e.Kind {
			t.Fatalf("lookup of %q: %+v, %v", e.Path, again, err)
		}
	}
	if got := c.Totals(); got.Files != files || got.Unpacked != unpacked {
		t.Fatalf("totals %+v, but %d files of %d bytes", got, files, unpacked)
	}
}

func checkExtents(t *testing.T, c *TOC, x *Extents, size int64) {
	t.Helper()
	sum := x.Tail()
	for _, s := range x.Spans() {
		if s.Bytes < 0 {
			t.Fatalf("span %+v", s)
		}
		sum += s.Bytes
	}
	if sum != size {
		t.Fatalf("the parts are %d bytes of %d", sum, size)
	}
	for e, err := range c.Entries("") {
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := x.Span(e.Offset); ok != (e.Offset >= 0) {
			t.Fatalf("entry %q at %d has a span: %v", e.Path, e.Offset, ok)
		}
	}
}
