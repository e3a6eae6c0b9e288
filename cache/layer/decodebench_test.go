package layer

import (
	"bytes"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// BenchmarkDecoder decodes small files of text, in each compression.
func BenchmarkDecoder(b *testing.B) {
	data := manySmall(50_000)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(data)
	w.Close()
	for _, c := range []struct {
		kind Compression
		blob []byte
	}{{Uncompressed, data}, {Gzip, z.Bytes()}, {Zstd, zstded(string(data))}} {
		b.Run(c.kind.String(), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			p := make([]byte, maxWindow)
			for b.Loop() {
				d, err := NewDecoder(bytes.NewReader(c.blob))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.CopyBuffer(writerFunc(func(p []byte) (int, error) { return len(p), nil }), d, p); err != nil {
					b.Fatal(err)
				}
				d.Close()
			}
		})
	}
}
