package layer

import (
	"bytes"
	stdgzip "compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
)

func gzipped(parts ...string) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		w := stdgzip.NewWriter(&b)
		io.WriteString(w, p)
		w.Close()
	}
	return b.Bytes()
}

// namedGzip has everything in its header that a gzip header can have but a sum.
func namedGzip(s string) []byte {
	var b bytes.Buffer
	w := stdgzip.NewWriter(&b)
	w.Name, w.Comment, w.Extra = "layer.tar", "c", []byte("extra")
	io.WriteString(w, s)
	w.Close()
	return b.Bytes()
}

func zstded(parts ...string) []byte {
	w, err := zstd.NewWriter(nil, zstd.WithZeroFrames(true))
	if err != nil {
		panic(err)
	}
	defer w.Close()
	var b []byte
	for _, p := range parts {
		b = w.EncodeAll([]byte(p), b)
	}
	return b
}

func skippable(s string) string {
	return "\x5a\x2a\x4d\x18" + string(rune(len(s))) + "\x00\x00\x00" + s
}

func bytesOf(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			b = append(b, p...)
		case []byte:
			b = append(b, p...)
		}
	}
	return b
}

type blob struct {
	name    string
	data    []byte
	kind    Compression
	want    string
	ignored int64
}

func goodBlobs() []blob {
	tar := string(tarOf(func(c *craft) { c.file("a", strings.Repeat("text ", 300)) }))
	return []blob{
		{"empty", nil, Uncompressed, "", 0},
		{"tar", []byte(tar), Uncompressed, tar, 0},
		{"tar of nothing", make([]byte, 1024), Uncompressed, string(make([]byte, 1024)), 0},
		{"gzip", gzipped(tar), Gzip, tar, 0},
		{"gzip of nothing", gzipped(""), Gzip, "", 0},
		{"gzip with names", namedGzip(tar), Gzip, tar, 0},
		{"gzip members", gzipped(tar[:700], "", tar[700:701], tar[701:]), Gzip, tar, 0},
		{"gzip and zeros", bytesOf(gzipped(tar), "\x00\x00\x00"), Gzip, tar, 3},
		{"gzip and bytes", bytesOf(gzipped(tar[:9], tar[9:]), strings.Repeat("rest", 99)), Gzip, tar, 4 * 99},
		{"zstd", zstded(tar), Zstd, tar, 0},
		{"zstd of nothing", zstded(""), Zstd, "", 0},
		{"zstd frames", zstded(tar[:700], "", tar[700:]), Zstd, tar, 0},
		{"zstd, skippable first", bytesOf(skippable("xyz"), skippable(""), zstded(tar)), Zstd, tar, 0},
		{"zstd, skippable between", bytesOf(zstded(tar[:99]), skippable("xyz"), zstded(tar[99:]), skippable("x")), Zstd, tar, 0},
		{"zstd, only skippable", []byte(skippable("xyz")), Zstd, "", 0},
	}
}

// decode reads all and checks that InputOffset never decreases or passes the end.
func decode(r io.Reader, size int) (out string, d *Decoder, err error) {
	if d, err = NewDecoder(r); err != nil {
		return "", nil, err
	}
	defer d.Close()
	var b strings.Builder
	last := int64(0)
	for {
		p := make([]byte, 1000)
		n, err := d.Read(p)
		b.Write(p[:n])
		in := d.InputOffset()
		if in < last || in > int64(size) || n > 0 && in == 0 {
			return b.String(), d, errors.New("InputOffset is not monotonic")
		}
		last = in
		if err == io.EOF {
			return b.String(), d, nil
		}
		if err != nil {
			return b.String(), d, err
		}
	}
}

func TestDecoder(t *testing.T) {
	for _, b := range goodBlobs() {
		for how, r := range map[string]io.Reader{
			"whole": bytes.NewReader(b.data),
			"bytes": iotest.OneByteReader(bytes.NewReader(b.data)),
			"eof":   iotest.DataErrReader(bytes.NewReader(b.data)),
		} {
			d, err := NewDecoder(r)
			if err != nil {
				t.Errorf("%s: %v", b.name, err)
				continue
			}
			out, err := io.ReadAll(d)
			if err != nil || string(out) != b.want || d.Compression() != b.kind || d.Ignored() != b.ignored {
				t.Errorf("%s, %s: %d bytes, %v, %v, %d ignored", b.name, how, len(out), err, d.Compression(), d.Ignored())
			}
			if n, err := d.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Errorf("%s: %d, %v after the end", b.name, n, err)
			}
			if in := d.InputOffset(); in != int64(len(b.data)) {
				t.Errorf("%s: InputOffset %d at the end of %d", b.name, in, len(b.data))
			}
			d.Close()
			if in := d.InputOffset(); in != int64(len(b.data)) {
				t.Errorf("%s: InputOffset %d after Close", b.name, in)
			}
			if n, err := d.Read(make([]byte, 1)); n != 0 || err != errClosed {
				t.Errorf("%s: %d, %v after Close", b.name, n, err)
			}
		}
	}
}

// TestDecoderCut cuts blobs at every length: never taken for whole, but where
// members or frames end.
func TestDecoderCut(t *testing.T) {
	for _, b := range goodBlobs() {
		for n := range b.data {
			out, d, err := decode(bytes.NewReader(b.data[:n]), n)
			var corrupt *CorruptError
			switch {
			case !strings.HasPrefix(b.want, out):
				t.Errorf("%s cut at %d: other bytes", b.name, n)
			case err == nil && out == b.want, err == nil && d.Compression() == Uncompressed:
			case err == nil && strings.Contains(b.name, "members"), err == nil && b.kind == Zstd, err == nil && b.ignored > 4:
				if !endsWell(b.data[:n]) {
					t.Errorf("%s cut at %d was taken", b.name, n)
				}
			case !errors.As(err, &corrupt) || b.kind != Uncompressed && !errors.Is(err, io.ErrUnexpectedEOF):
				t.Errorf("%s cut at %d: %v", b.name, n, err)
			}
		}
	}
}

// endsWell asks others whether data is a series of whole members or frames.
func endsWell(data []byte) bool {
	if z, err := stdgzip.NewReader(bytes.NewReader(data)); err == nil {
		_, err = io.Copy(io.Discard, z)
		return err == nil
	}
	z, err := zstd.NewReader(nil)
	if err != nil {
		return false
	}
	defer z.Close()
	_, err = z.DecodeAll(data, nil)
	return err == nil || len(data) == 0
}

// TestDecoderFlip flips every bit: either it is found, or it did not matter.
func TestDecoderFlip(t *testing.T) {
	for _, b := range goodBlobs() {
		if b.kind == Uncompressed {
			continue
		}
		for i := range 8 * len(b.data) {
			data := bytes.Clone(b.data)
			data[i/8] ^= 1 << (i % 8)
			out, d, err := decode(bytes.NewReader(data), len(data))
			var corrupt *CorruptError
			switch {
			case err != nil && !errors.As(err, &corrupt):
				t.Errorf("%s, bit %d: %v", b.name, i, err)
			case err == nil && out != b.want && (b.kind == Zstd || d.Ignored() == 0):
				t.Errorf("%s, bit %d: other bytes", b.name, i)
			}
		}
	}
}

// TestDecoderOffset: InputOffset is exact where members and frames end, whatever
// the sizes of reads from below.
func TestDecoderOffset(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	for kind, pack := range map[Compression]func(...string) []byte{Gzip: gzipped, Zstd: zstded} {
		var blob []byte
		var ends []int64
		for range 20 {
			p := make([]byte, 3000)
			random.Read(p)
			blob = append(blob, pack(string(p))...)
			ends = append(ends, int64(len(blob)))
		}
		d, err := NewDecoder(iotest.HalfReader(bytes.NewReader(blob)))
		if err != nil {
			t.Fatal(err)
		}
		for i, end := range ends {
			if _, err := io.ReadFull(d, make([]byte, 3000)); err != nil {
				t.Fatal(err)
			}
			// The checksum of a gzip member is read after its last byte was given out.
			if in := d.InputOffset(); in > end || in < end-8 {
				t.Errorf("%v: %d at the end of member %d, not %d", kind, in, i, end)
			}
		}
		d.Close()
	}
}

func TestDecoderPassesErrors(t *testing.T) {
	broken := errors.New("the network is down")
	for _, b := range goodBlobs() {
		for n := range len(b.data) + 1 {
			r := io.MultiReader(bytes.NewReader(b.data[:n]), iotest.ErrReader(broken))
			if _, _, err := decode(r, n); err != broken {
				t.Fatalf("%s after %d bytes: %v", b.name, n, err)
			}
		}
	}
}

func TestDecoderSaysWhatItIs(t *testing.T) {
	for head, want := range map[string]string{
		"BZh91AY&SY": "bzip2", "\xfd7zXZ\x00\x00": "xz", "PK\x03\x04": "zip", "\x04\x22\x4d\x18": "lz4",
		"\n <!DOCTYPE HTML><html>":          "HTML",
		`{"errors":[{"code":"DENIED"}]}`:    "JSON",
		"404 page not found, I am afraid\n": "text",
		"\x7fELF":                           "program",
		"\x1f":                              "1 bytes",
		"\x28\xb5\x2f":                      "3 bytes",
		string(bytes.Repeat([]byte{1}, blockSize)): "neither gzip nor zstd nor a tar",
	} {
		_, err := NewDecoder(strings.NewReader(head))
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v", head, err)
		}
	}
}

// TestDecoderWindow: a zstd stream cannot ask for any amount of memory.
func TestDecoderWindow(t *testing.T) {
	frame := func(window byte) []byte { return bytesOf(zstdMagic, []byte{0, window}, []byte{1<<3 | 1, 0, 0}, "x") }
	if out, _, err := decode(bytes.NewReader(frame(17<<3)), 99); out != "x" || err != nil {
		t.Errorf("128 MiB: %q, %v", out, err)
	}
	for _, window := range []byte{17<<3 | 1, 18 << 3, 255} {
		if _, _, err := decode(bytes.NewReader(frame(window)), 99); !errors.Is(err, errZstdWindow) {
			t.Errorf("window %#x: %v", window, err)
		}
	}
}

func FuzzDecoder(f *testing.F) {
	for _, b := range goodBlobs() {
		f.Add(b.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 1 << 20
		d, err := NewDecoder(bytes.NewReader(data))
		if err != nil {
			return
		}
		defer d.Close()
		out, err := io.ReadAll(io.LimitReader(d, most))
		if len(out) == most || d.Compression() != Gzip {
			return
		}
		z, stdErr := stdgzip.NewReader(bytes.NewReader(data))
		var want []byte
		if stdErr == nil {
			want, stdErr = io.ReadAll(z)
		}
		if stdErr == nil && (err != nil || !bytes.Equal(out, want)) {
			t.Errorf("compress/gzip reads %d bytes, we %d and %v", len(want), len(out), err)
		}
		if stdErr != nil && err == nil && d.Ignored() == 0 {
			t.Errorf("compress/gzip says %v, and we took it", stdErr)
		}
	})
}
