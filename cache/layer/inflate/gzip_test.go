package inflate

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// standardGzip is what compress/gzip makes of in, member by member, and how many
// bytes follow the members.
func standardGzip(in []byte) (out []byte, ignored int64, err error) {
	r := bufio.NewReaderSize(bytes.NewReader(in), len(in)+16)
	var z gzip.Reader
	for members := 0; ; members++ {
		head, _ := r.Peek(2)
		if members > 0 && len(head) == 0 {
			return out, 0, nil
		}
		if members > 0 && !bytes.HasPrefix([]byte{0x1f, 0x8b}, head) {
			return out, int64(r.Buffered()), nil
		}
		if err := z.Reset(r); err != nil {
			return out, 0, err
		}
		z.Multistream(false)
		member, err := io.ReadAll(&z)
		out = append(out, member...)
		if err != nil {
			return out, 0, err
		}
	}
}

// sameGzip fails unless g makes of what comes from r what compress/gzip makes of in.
func sameGzip(t *testing.T, g *GzipReader, in []byte, r io.Reader) {
	t.Helper()
	want, ignored, wantErr := standardGzip(in)
	g.Reset(r)
	got, err := io.ReadAll(g)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("error %v, want %v", err, wantErr)
	}
	if err == nil && !bytes.Equal(got, want) || !bytes.HasPrefix(got, want) {
		t.Fatalf("other output: %d bytes, want %d", len(got), len(want))
	}
	if err != nil {
		var corrupt *CorruptInputError
		if !errors.As(err, &corrupt) && err != io.ErrUnexpectedEOF {
			t.Errorf("unexpected error %v", err)
		}
		return
	}
	if g.Ignored() != ignored || g.InputOffset() != int64(len(in)) {
		t.Errorf("%d bytes ignored, want %d; %d used of %d", g.Ignored(), ignored, g.InputOffset(), len(in))
	}
}

func TestGzipSameAsStandard(t *testing.T) {
	g := NewGzipReader(nil)
	for name, in := range gzips(t) {
		for feed, wrap := range feeds {
			t.Run(name+"/"+feed, func(t *testing.T) {
				sameGzip(t, g, in, wrap(bytes.NewReader(in)))
			})
		}
	}
}

// Wherever a file is cut or changed, there is an error, or the right output.
func TestGzipDamaged(t *testing.T) {
	g := NewGzipReader(nil)
	all := gzips(t)
	for _, name := range []string{"full", "with empty", "garbage"} {
		in := all[name]
		for n := range in {
			cut := in[:n]
			sameGzip(t, g, cut, bytes.NewReader(cut))
			for _, flip := range []byte{1, 4, 0x10, 0xff} {
				in[n] ^= flip
				sameGzip(t, g, in, bytes.NewReader(in))
				in[n] ^= flip
			}
		}
	}
}

func TestGzipIgnored(t *testing.T) {
	for name, want := range map[string]int64{
		"plain": 0, "two": 0, "garbage": 7, "zeros": 1000, "1f and more": 3,
	} {
		g := NewGzipReader(iotest.OneByteReader(bytes.NewReader(gzips(t)[name])))
		if _, err := io.Copy(io.Discard, g); err != nil || g.Ignored() != want {
			t.Errorf("%s: %d bytes ignored, want %d, error %v", name, g.Ignored(), want, err)
		}
	}
}

// At the end of each member the offset is that of the next.
func TestGzipInputOffset(t *testing.T) {
	all := gzips(t)
	g := NewGzipReader(bytes.NewReader(append(all["plain"], all["full"]...)))
	for _, want := range []int{len(all["plain"]), len(all["plain"]) + len(all["full"])} {
		if _, err := g.Next(); err != nil || g.InputOffset() != int64(want) {
			t.Errorf("offset %d, want %d, error %v", g.InputOffset(), want, err)
		}
	}
}

func TestGzipErrors(t *testing.T) {
	all := gzips(t)
	changed := func(name string, fromEnd int) []byte {
		in := bytes.Clone(all[name])
		in[len(in)-fromEnd]++
		return in
	}
	for _, c := range []struct {
		in     []byte
		reason fault
		offset int
	}{
		{changed("plain", 5), badChecksum, len(all["plain"])},
		{changed("plain", 4), badSize, len(all["plain"])},
		{all["other method"], badHeader, len(all["full"]) + 3},
		{all["no gzip"], badHeader, 1},
	} {
		_, err := io.Copy(io.Discard, NewGzipReader(bytes.NewReader(c.in)))
		want := CorruptInputError{Offset: int64(c.offset), Reason: string(c.reason)}
		if got, ok := err.(*CorruptInputError); !ok || *got != want {
			t.Errorf("error %v, want %v", err, &want)
		}
	}
	for _, name := range []string{"nothing", "half a magic"} {
		_, err := io.Copy(io.Discard, NewGzipReader(bytes.NewReader(all[name])))
		if err != io.ErrUnexpectedEOF {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func FuzzGzip(f *testing.F) {
	for _, in := range gzips(f) {
		if len(in) < 4000 {
			f.Add(in, uint8(len(in)))
		}
	}
	g := NewGzipReader(nil)
	f.Fuzz(func(t *testing.T, in []byte, piece uint8) {
		sameGzip(t, g, in, &pieces{r: bytes.NewReader(in), n: int(piece)})
	})
}
