package inflate

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// contents are bytes of many kinds to compress.
func contents(t testing.TB) map[string][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	random := make([]byte, 70_000)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	skewed := make([]byte, 100_000) // whose codes are of every length
	for i := range skewed {
		skewed[i] = byte(min(r.ExpFloat64()*12, 255))
	}
	var periods []byte // matches with each small distance
	for n := 1; n < 70; n++ {
		periods = append(periods, bytes.Repeat(random[n:2*n], 400/n+2)...)
	}
	var far []byte // matches with the largest distances
	for n := 3; n < 270; n += 25 {
		far = append(far, random[n:2*n]...)
		far = append(far, random[:32<<10-n]...)
	}
	return map[string][]byte{
		"empty":   {},
		"byte":    {'x'},
		"text":    []byte(strings.Repeat("to be or not to be, that is the question; ", 50)),
		"zeros":   make([]byte, 100_000),
		"random":  random,
		"skewed":  skewed,
		"periods": periods,
		"far":     far,
		"source":  goFile(t, "src/compress/flate/inflate.go"),
		"numbers": goFile(t, "src/compress/testdata/e.txt"),
		"image":   goFile(t, "src/image/testdata/video-001.png"),
	}
}

var goEnv = sync.OnceValues(func() ([]byte, error) {
	c := exec.Command("go", "env", "GOROOT")
	c.Env = append(os.Environ(), "GOFLAGS=") // or -json among them would change the answer
	return c.Output()
})

// goroot is where the Go tree is.
func goroot(t testing.TB) string {
	root, err := goEnv()
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(root))
}

// goFile is a file of the Go tree.
func goFile(t testing.TB, name string) []byte {
	b, err := os.ReadFile(filepath.Join(goroot(t), name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func deflated(t testing.TB, level int, content []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	half := len(content) / 2
	for _, step := range []func() error{
		func() error { _, err := w.Write(content[:half]); return err },
		w.Flush,
		func() error { _, err := w.Write(content[half:]); return err },
		w.Close,
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

var (
	streamsOnce sync.Once
	allStreams  map[string][]byte
)

// streams are the contents at every level. They must not be changed.
func streams(t testing.TB) map[string][]byte {
	streamsOnce.Do(func() {
		allStreams = make(map[string][]byte)
		for name, content := range contents(t) {
			for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
				allStreams[fmt.Sprintf("%s at %d", name, level)] = deflated(t, level, content)
			}
		}
	})
	return allStreams
}

// goStreams are the streams in the Go tree's own tests.
func goStreams(t testing.TB) map[string][]byte {
	root := filepath.Join(goroot(t), "src/compress/flate/testdata")
	all := make(map[string][]byte)
	for _, pattern := range []string{"*.expect", "*.golden", "*.expect-noinput"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(names) == 0 {
			t.Fatal("no streams in the Go tree", err)
		}
		for _, name := range names {
			all[filepath.Base(name)] = goFile(t, "src/compress/flate/testdata/"+filepath.Base(name))
		}
	}
	return all
}

// bitWriter writes what compressors would not.
type bitWriter struct {
	b []byte
	n uint
}

// put appends the low n bits of v, lowest first.
func (w *bitWriter) put(v uint64, n uint) *bitWriter {
	for i := range n {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[len(w.b)-1] |= byte(v>>i&1) << (w.n % 8)
		w.n++
	}
	return w
}

// code appends a code of n bits, highest first.
func (w *bitWriter) code(v uint64, n uint) *bitWriter {
	for i := range n {
		w.put(v>>(n-1-i)&1, 1)
	}
	return w
}

// fixed begins a last block of the fixed codes.
func fixed() *bitWriter { return new(bitWriter).put(1|1<<1, 3) }

// dynamic begins a last block whose codes have the lengths given, which are at most
// 15 and are not run-length coded: each is a code of 4 bits.
func dynamic(literals, distances []uint) *bitWriter {
	w := new(bitWriter).put(1|2<<1, 3)
	w.put(uint64(len(literals)-257), 5).put(uint64(len(distances)-1), 5).put(19-4, 4)
	for _, s := range lengthOrder {
		w.put(map[bool]uint64{true: 4}[s < 16], 3)
	}
	for _, l := range append(append([]uint(nil), literals...), distances...) {
		w.code(uint64(l), 4)
	}
	return w
}

// lengths are n lengths of codes, 0 where none is given.
func lengths(n int, of map[int]uint) []uint {
	l := make([]uint, n)
	for i, v := range of {
		l[i] = v
	}
	return l
}

// deep has a code of each length.
func deep(n int) []uint {
	l := make([]uint, n)
	for i := range 14 {
		l[i] = uint(i + 2)
	}
	l[14], l[n-1] = 15, 1
	return l
}

// odd are streams that compressors do not write, most of them invalid.
func odd() map[string][]byte {
	onlyEnd := map[int]uint{256: 1}
	aAndEnd := map[int]uint{'a': 1, 256: 1}
	match := map[int]uint{'a': 1, 256: 2, 257: 2}
	return map[string][]byte{
		"nothing":           {},
		"reserved kind":     new(bitWriter).put(1|3<<1, 3).b,
		"stored":            append(new(bitWriter).put(1, 3).put(0, 5).put(3, 16).put(0xfffc, 16).b, "abcrest"...),
		"stored wrong":      append(new(bitWriter).put(1, 3).put(0, 5).put(3, 16).put(0xfffd, 16).b, "abc"...),
		"stored cut":        append(new(bitWriter).put(1, 3).put(0, 5).put(3, 16).put(0xfffc, 16).b, "ab"...),
		"fixed empty":       fixed().code(0, 7).b,
		"fixed 9 bits":      fixed().code(0b111111111, 9).code(0, 7).b,
		"fixed far":         fixed().code(1, 7).code(0, 5).code(0, 7).b,
		"fixed near":        fixed().code(0x31, 8).code(1, 7).code(0, 5).code(0, 7).b,
		"fixed 286":         fixed().code(0x31, 8).code(0b11000110, 8).code(0, 5).code(0, 7).b,
		"fixed 287":         fixed().code(0x31, 8).code(0b11000111, 8).code(0, 5).code(0, 7).b,
		"fixed distance 30": fixed().code(0x31, 8).code(1, 7).code(30, 5).put(0, 14).code(0, 7).b,
		"fixed distance 31": fixed().code(0x31, 8).code(1, 7).code(31, 5).put(0, 14).code(0, 7).b,
		"fixed length 258":  fixed().code(0x31, 8).code(0b11000101, 8).code(0, 5).code(0, 7).b,
		"fixed length 284":  fixed().code(0x31, 8).code(0b11000100, 8).put(31, 5).code(0, 5).code(0, 7).b,

		"only the end":        dynamic(lengths(257, onlyEnd), []uint{0}).code(0, 1).b,
		"only the end, wrong": dynamic(lengths(257, onlyEnd), []uint{0}).code(1, 1).put(0, 64).b,
		"single, length 2":    dynamic(lengths(257, map[int]uint{256: 2}), []uint{0}).code(0, 2).b,
		"no literal":          dynamic(lengths(257, nil), []uint{0}).put(0, 64).b,
		"no end":              dynamic(lengths(257, map[int]uint{1: 1, 2: 1}), []uint{0}).put(0, 4000).b,
		"no distance":         dynamic(lengths(258, match), []uint{0}).code(0, 1).code(3, 2).put(0, 64).b,
		"no distance, unused": dynamic(lengths(258, match), []uint{0}).code(0, 1).code(2, 2).b,
		"one distance":        dynamic(lengths(258, match), []uint{1}).code(0, 1).code(3, 2).code(0, 1).code(2, 2).b,
		"one distance, wrong": dynamic(lengths(258, match), []uint{1}).code(0, 1).code(3, 2).code(1, 1).put(0, 200).b,
		"long one distance":   dynamic(lengths(258, match), []uint{2}).code(0, 1).code(2, 2).b,
		"oversubscribed":      dynamic(lengths(257, map[int]uint{1: 1, 2: 1, 256: 1}), []uint{0}).put(0, 64).b,
		"undersubscribed":     dynamic(lengths(257, map[int]uint{1: 2, 2: 2, 256: 2}), []uint{0}).put(0, 64).b,
		"over later":          dynamic(lengths(257, map[int]uint{1: 1, 2: 2, 3: 2, 256: 2}), []uint{0}).put(0, 64).b,
		"distance too far":    dynamic(lengths(258, match), []uint{1, 1}).code(0, 1).code(3, 2).code(1, 1).code(2, 2).b,
		"286 literals":        dynamic(lengths(286, aAndEnd), []uint{0}).code(0, 1).code(1, 1).b,
		"287 literals":        dynamic(lengths(287, aAndEnd), []uint{0}).code(0, 1).code(1, 1).b,
		"30 distances":        dynamic(lengths(257, aAndEnd), make([]uint, 30)).code(0, 1).code(1, 1).b,
		"31 distances":        dynamic(lengths(257, aAndEnd), make([]uint, 31)).code(0, 1).code(1, 1).b,
		"deep":                deepStream(),
		"repeat of nothing":   new(bitWriter).put(1|2<<1, 3).put(0, 10).put(0, 4).put(1|1<<3, 12).put(0, 64).b,
		"no code of lengths":  new(bitWriter).put(1|2<<1, 3).put(0, 10).put(0, 4).put(0, 12).put(0, 64).b,
	}
}

// deepStream uses codes of each length for literals, lengths and distances.
func deepStream() []byte {
	literals := deep(257)
	for s, l := range map[int]uint{13: 0, 14: 0} {
		literals[s] = l
	}
	literals = append(literals, 15, 15) // 257 and 258
	w := dynamic(literals, deep(30))
	for range 100 {
		for l := uint(2); l < 15; l++ {
			w.code(1<<l-2, l)
		}
	}
	for range 50 {
		w.code(1<<15-2, 15).code(1<<3-2, 3).code(1<<15-1, 15).code(1<<6-2, 6)
		w.put(1, 1)
	}
	return w.code(0, 1).b
}

// gzips are gzip files with all that a header can have, and odd ones.
func gzips(t testing.TB) map[string][]byte {
	member := func(h gzip.Header, content string) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Header = h
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	plain := member(gzip.Header{}, "some content, some content")
	full := member(gzip.Header{Name: "n\u00e4me", Comment: "what", Extra: []byte("extra field")}, "content")
	withCRC := append([]byte(nil), plain...)
	withCRC[3] |= flagCRC
	withCRC = append(withCRC[:10:10], append([]byte{0, 0}, plain[10:]...)...)
	sum := headerSum(withCRC[:10])
	withCRC[10], withCRC[11] = byte(sum), byte(sum>>8)
	fromGo, err := base64.StdEncoding.DecodeString(string(goFile(t, "src/compress/gzip/testdata/issue6550.gz.base64")))
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"from Go":      fromGo,
		"plain":        plain,
		"full":         full,
		"header crc":   withCRC,
		"two":          bytes.Join([][]byte{plain, full}, nil),
		"with empty":   bytes.Join([][]byte{member(gzip.Header{}, ""), plain, member(gzip.Header{}, ""), withCRC}, nil),
		"long name":    member(gzip.Header{Name: strings.Repeat("n", 511)}, "x"),
		"longer name":  member(gzip.Header{Name: strings.Repeat("n", 512)}, "x"),
		"long extra":   member(gzip.Header{Extra: make([]byte, 65535)}, "x"),
		"garbage":      append(full[:len(full):len(full)], "garbage"...),
		"zeros":        append(full[:len(full):len(full)], make([]byte, 1000)...),
		"half a magic": append(full[:len(full):len(full)], 0x1f),
		"1f and more":  append(full[:len(full):len(full)], 0x1f, 0x8c, 8),
		"other method": append(full[:len(full):len(full)], 0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 0),
		"no gzip":      []byte("no gzip at all"),
		"nothing":      {},
	}
}
