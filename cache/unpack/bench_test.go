//go:build linux

package unpack

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

// BenchmarkUnpack writes a layer of small files, as most are, and of a few large
// ones. Its time goes to the kernel, so it depends on the file system.
func BenchmarkUnpack(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	content := func(size int) string {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		return string(data)
	}
	for name, c := range map[string]struct{ files, size int }{"small": {5000, 2000}, "large": {10, 5_000_000}} {
		b.Run(name, func(b *testing.B) {
			var entries []fixtures.Entry
			for i := range c.files {
				entries = append(entries, fixtures.Entry{Name: fmt.Sprintf("d%d/f%d", i/20, i), Body: content(c.size)})
			}
			blob := fixtures.Tar(entries...)
			tree, err := squash(b, [][]byte{blob})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(blob)))
			unpackOften(b, tree, blob)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*c.files), "ns/file")
		})
	}
}

func unpackOften(b *testing.B, tree *layer.Tree, blob []byte) {
	room := b.TempDir()
	for n := 0; b.Loop(); n++ {
		stage, err := NewStage(filepath.Join(room, strconv.Itoa(n)), false)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := flat(stage.Path(), tree, [][]byte{blob}); err != nil {
			b.Fatal(err)
		}
		if err := stage.Commit(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStaged stages a layer of small files and takes it, as a pull that unpacks
// does: beside BenchmarkUnpack it shows what it costs not to know the names.
func BenchmarkStaged(b *testing.B) {
	var entries []fixtures.Entry
	for i := range 5000 {
		entries = append(entries, fixtures.Entry{Name: fmt.Sprintf("d%d/f%d", i/20, i), Body: strings.Repeat("x", 2000)})
	}
	blobs := [][]byte{fixtures.Tar(entries...)}
	b.SetBytes(int64(len(blobs[0])))
	for b.Loop() {
		tree, all, err := stage(b, blobs)
		if err != nil {
			b.Fatal(err)
		}
		_, err = fillBy(b.TempDir(), flatItems(tree), func(target *Target) error { return target.Take(b.Context(), 0, all[0]) })
		if err != nil {
			b.Fatal(err)
		}
		discard(b, all)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(entries)), "ns/file")
}
