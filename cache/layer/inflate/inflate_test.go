package inflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"hash/crc32"
	"io"
	"testing"
	"testing/iotest"
)

func headerSum(b []byte) uint32 { return crc32.ChecksumIEEE(b) }

// result is what a decoder makes of an input.
type result struct {
	out  []byte
	used int64
	err  error // nil at the end of the stream
}

// standard is what compress/flate makes of in.
func standard(in []byte) result {
	r := bytes.NewReader(in) // which it reads byte by byte
	out, err := io.ReadAll(flate.NewReader(r))
	return result{out, int64(len(in) - r.Len()), err}
}

// ours is what d makes of what comes from r.
func ours(d *Reader, r io.Reader) result {
	d.Reset(r)
	var out []byte
	for {
		run, err := d.Next()
		out = append(out, run...)
		if err == io.EOF {
			return result{out, d.InputOffset(), nil}
		}
		if err != nil {
			return result{out, d.InputOffset(), err}
		}
	}
}

// same fails unless got is as want. In a stream that is cut, compress/flate gives up
// some literals earlier, and calls some of what is invalid there only cut.
func same(t *testing.T, want, got result) {
	t.Helper()
	if (want.err == nil) != (got.err == nil) {
		t.Fatalf("error %v, want %v", got.err, want.err)
	}
	if want.err == nil && want.used != got.used {
		t.Errorf("%d bytes of input used, want %d", got.used, want.used)
	}
	if want.err == nil && !bytes.Equal(want.out, got.out) || !bytes.HasPrefix(got.out, want.out) {
		t.Fatalf("other output: %d bytes, want %d", len(got.out), len(want.out))
	}
	if got.err == nil {
		return
	}
	var corrupt *CorruptInputError
	if !errors.As(got.err, &corrupt) && got.err != io.ErrUnexpectedEOF {
		t.Errorf("unexpected error %v", got.err)
	}
	if corrupt == nil && want.err != io.ErrUnexpectedEOF {
		t.Errorf("error %v, want %v", got.err, want.err)
	}
}

// feeds are ways in which input arrives.
var feeds = map[string]func(io.Reader) io.Reader{
	"whole":    func(r io.Reader) io.Reader { return r },
	"bytes":    iotest.OneByteReader,
	"halves":   iotest.HalfReader,
	"with EOF": iotest.DataErrReader,
	"pieces":   func(r io.Reader) io.Reader { return &pieces{r: r} },
}

// pieces gives 0 to 40 bytes at a time.
type pieces struct {
	r io.Reader
	n int
}

func (p *pieces) Read(b []byte) (int, error) {
	p.n = (p.n + 17) % 41
	return p.r.Read(b[:min(p.n, len(b))])
}

func TestSameAsStandard(t *testing.T) {
	d := NewReader(nil)
	for _, set := range []map[string][]byte{streams(t), odd(), goStreams(t)} {
		for name, in := range set {
			t.Run(name, func(t *testing.T) {
				want := standard(in)
				for feed, wrap := range feeds {
					t.Run(feed, func(t *testing.T) {
						same(t, want, ours(d, wrap(bytes.NewReader(in))))
					})
				}
			})
		}
	}
}

// The streams that are there to show an error do, and the others do not.
func TestOdd(t *testing.T) {
	valid := map[string]bool{
		"stored": true, "fixed empty": true, "fixed 9 bits": true, "fixed near": true,
		"fixed length 258": true, "fixed length 284": true, "only the end": true,
		"no distance, unused": true, "one distance": true, "286 literals": true,
		"30 distances": true, "deep": true,
	}
	for name, in := range odd() {
		if got := ours(NewReader(nil), bytes.NewReader(in)); (got.err == nil) != valid[name] {
			t.Errorf("%s: error %v", name, got.err)
		}
	}
}

func TestRead(t *testing.T) {
	content := contents(t)["source"]
	d := NewReader(bytes.NewReader(deflated(t, 6, content)))
	if err := iotest.TestReader(d, content); err != nil {
		t.Error(err)
	}
	d.Reset(bytes.NewReader(deflated(t, 6, content)))
	b := make([]byte, 100)
	if n, err := io.ReadFull(d, b); n != 100 || err != nil {
		t.Fatal(n, err)
	}
	run, err := d.Next()
	if err != nil || !bytes.HasPrefix(content[100:], run) || len(run) == 0 {
		t.Errorf("after a Read, Next gives %d other bytes, error %v", len(run), err)
	}
}

// Each stream cut anywhere gives the beginning of the output and says that it is cut.
func TestCut(t *testing.T) {
	d := NewReader(nil)
	for _, name := range []string{"text", "source", "periods"} {
		content := contents(t)[name][:2000]
		in := deflated(t, 6, content)
		for n := range in {
			got := ours(d, bytes.NewReader(in[:n]))
			if got.err != io.ErrUnexpectedEOF || !bytes.HasPrefix(content, got.out) {
				t.Fatalf("%s cut at %d: %d bytes, error %v", name, n, len(got.out), got.err)
			}
		}
	}
}

// Each stream with a byte changed gives what compress/flate makes of it.
func TestFlipped(t *testing.T) {
	d := NewReader(nil)
	for _, name := range []string{"text", "periods", "skewed"} {
		in := deflated(t, 6, contents(t)[name][:1500])
		for n := range in {
			for _, flip := range []byte{1, 0x10, 0xff} {
				in[n] ^= flip
				same(t, standard(in), ours(d, bytes.NewReader(in)))
				in[n] ^= flip
			}
		}
	}
}

// What InputOffset says is enough for what was returned, and a byte less is not.
func TestInputOffset(t *testing.T) {
	in := streams(t)["far at 6"]
	d, other := NewReader(bytes.NewReader(in)), NewReader(nil)
	total, exact := 0, 0
	for {
		run, err := d.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		total += len(run)
		used := d.InputOffset()
		if got := ours(other, bytes.NewReader(in[:used])); len(got.out) < total {
			t.Errorf("%d bytes of input give %d of output, not %d", used, len(got.out), total)
		}
		if len(run) < runSize {
			continue // it ended with a block, whose end takes input but gives nothing
		}
		if got := ours(other, bytes.NewReader(in[:used-1])); len(got.out) >= total {
			t.Errorf("%d bytes of input give %d of output too", used-1, len(got.out))
		}
		exact++
	}
	if exact == 0 {
		t.Error("no run ended within a block")
	}
	if d.InputOffset() != int64(len(in)) {
		t.Errorf("at the end %d of %d bytes of input used", d.InputOffset(), len(in))
	}
}

func TestUnread(t *testing.T) {
	for name, in := range streams(t) {
		d := NewReader(bytes.NewReader(append(in[:len(in):len(in)], "what follows"...)))
		if _, err := io.Copy(io.Discard, d); err != nil {
			t.Fatal(name, err)
		}
		rest, err := io.ReadAll(io.MultiReader(bytes.NewReader(d.Unread()), d.in.src))
		if err != nil || string(rest) != "what follows" {
			t.Errorf("%s: %q follows, error %v", name, rest, err)
		}
	}
}

// Nothing is read that is not needed, and what was flushed is there without more.
func TestReadsOnlyWhatIsNeeded(t *testing.T) {
	content := contents(t)["text"]
	in := deflated(t, 6, content)
	r := bytes.NewReader(append(in[:len(in):len(in)], 0))
	d := NewReader(iotest.OneByteReader(r))
	run, err := d.Next()
	if err != nil || !bytes.Equal(run, content[:len(content)/2]) {
		t.Errorf("the first run has %d bytes, error %v", len(run), err)
	}
	if _, err := io.Copy(io.Discard, d); err != nil || r.Len() != 1 {
		t.Errorf("%d bytes are unread, error %v", r.Len(), err)
	}
}

func TestReaderFails(t *testing.T) {
	in := deflated(t, 6, contents(t)["source"])
	failure := errors.New("failure")
	for _, n := range []int{0, 1, 100, len(in) - 1} {
		r := io.MultiReader(bytes.NewReader(in[:n]), iotest.ErrReader(failure))
		d := NewReader(r)
		if _, err := io.Copy(io.Discard, d); err != failure {
			t.Errorf("after %d bytes: error %v", n, err)
		}
		if _, err := d.Next(); err != failure {
			t.Errorf("after %d bytes, again: error %v", n, err)
		}
	}
	d := NewReader(silent{})
	if _, err := d.Next(); err != io.ErrNoProgress {
		t.Errorf("without any input: error %v", err)
	}
}

// silent gives neither a byte nor an error.
type silent struct{}

func (silent) Read([]byte) (int, error) { return 0, nil }

func TestAllocatesNothing(t *testing.T) {
	in := deflated(t, 6, contents(t)["source"])
	d, r, p := NewReader(nil), bytes.NewReader(nil), make([]byte, 1000)
	n := testing.AllocsPerRun(10, func() {
		r.Reset(in)
		d.Reset(r)
		for {
			if _, err := d.Read(p); err != nil {
				break
			}
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for a stream", n)
	}
}

func FuzzInflate(f *testing.F) {
	for name, in := range streams(f) {
		if len(in) < 4000 {
			f.Add(in, uint8(len(name)))
		}
	}
	for _, in := range odd() {
		f.Add(in, uint8(0))
	}
	for _, in := range goStreams(f) {
		f.Add(in, uint8(1))
	}
	d := NewReader(nil)
	f.Fuzz(func(t *testing.T, in []byte, piece uint8) {
		var r io.Reader = bytes.NewReader(in)
		if piece > 0 {
			r = &pieces{r: r, n: int(piece)}
		}
		same(t, standard(in), ours(d, r))
	})
}
