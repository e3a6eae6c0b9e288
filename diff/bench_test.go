package diff

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

// benchImages are two images of 40,000 files in two layers, of which one file, or every
// file of the upper layer, is another.
func benchImages(b *testing.B, all bool) (old, new *Image) {
	b.Helper()
	make := func(dir, body string, every bool) Layer {
		var entries []fixtures.Entry
		for n := range 20_000 {
			e := fixtures.Entry{Name: fmt.Sprintf("%s/d%03d/f%05d", dir, n/100, n), Body: fmt.Sprint(n)}
			if n == 777 || every {
				e.Body += body
			}
			entries = append(entries, e)
		}
		var data bytes.Buffer
		if _, err := layer.Index(context.Background(), bytes.NewReader(fixtures.Tar(entries...)), layer.Outputs{TOC: &data}, layer.IndexOptions{}); err != nil {
			b.Fatal(err)
		}
		toc, err := layer.ReadTOC(data.Bytes())
		if err != nil {
			b.Fatal(err)
		}
		return Layer{TOC: toc, Digest: v1.Hash(toc.DiffID()), Content: int64(data.Len()), Step: &Step{Short: "COPY " + dir}}
	}
	base := make("usr", "", false)
	return &Image{Layers: []Layer{base, make("app", "", false)}}, &Image{Layers: []Layer{base, make("app", "x", all)}}
}

// BenchmarkCompare compares two images of 40,000 files.
func BenchmarkCompare(b *testing.B) {
	for _, all := range []bool{false, true} {
		old, new := benchImages(b, all)
		b.Run(map[bool]string{false: "one", true: "half"}[all], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Compare(context.Background(), old, new, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFiles yields every path that differs between them.
func BenchmarkFiles(b *testing.B) {
	old, new := benchImages(b, true)
	b.ReportAllocs()
	for b.Loop() {
		rows := 0
		for _, err := range Files(old.Tree(), new.Tree(), FilesOptions{}) {
			if err != nil {
				b.Fatal(err)
			}
			rows++
		}
		if rows != 20_000 {
			b.Fatal(rows)
		}
	}
}
