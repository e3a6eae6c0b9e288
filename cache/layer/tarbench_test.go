package layer

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"testing"
)

// manySmall is a tar of n files of some hundred bytes, as a layer of node_modules has.
func manySmall(n int) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := range n {
		content := fmt.Appendf(nil, "module.exports = %d\n%0*d\n", i, i%700, 0)
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("usr/lib/node_modules/p%d/lib/f%d.js", i/20, i), Mode: 0644, Size: int64(len(content))})
		w.Write(content)
	}
	w.Close()
	return b.Bytes()
}

// BenchmarkTar reads 100,000 small files by both parsers, contents included.
func BenchmarkTar(b *testing.B) {
	data := manySmall(100_000)
	b.Run("layers", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			r := NewReader(bytes.NewReader(data), Limits{})
			for {
				if _, err := r.Next(); err == io.EOF {
					break
				} else if err != nil {
					b.Fatal(err)
				}
				r.WriteTo(io.Discard)
			}
		}
	})
	b.Run("archive-tar", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			r := tar.NewReader(onlyReader{bytes.NewReader(data)})
			for {
				if _, err := r.Next(); err == io.EOF {
					break
				} else if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, r)
			}
		}
	})
}

// onlyReader hides that a reader can seek, which a stream cannot.
type onlyReader struct{ io.Reader }

// TestReaderAllocates nothing for an ordinary entry.
func TestReaderAllocates(t *testing.T) {
	data := manySmall(2000)
	src := bytes.NewReader(data)
	got := testing.AllocsPerRun(5, func() {
		src.Reset(data)
		r := NewReader(src, Limits{})
		for {
			if _, err := r.Next(); err != nil {
				break
			}
			r.WriteTo(io.Discard)
		}
	})
	if got > 20 {
		t.Errorf("%v allocations for 2,000 entries", got)
	}
}
