//go:build linux

package directory

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkRead is of 4,000 small files, and of one of 256 MB.
func BenchmarkRead(b *testing.B) {
	many := b.TempDir()
	for i := range 4000 {
		dir := filepath.Join(many, fmt.Sprint(i%40))
		must(b, os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), make([]byte, i), 0o644))
	}
	large := b.TempDir()
	must(b, os.WriteFile(filepath.Join(large, "f"), make([]byte, 256<<20), 0o644))
	for name, dir := range map[string]string{"many": many, "large": large} {
		b.Run(name, func(b *testing.B) {
			d, err := Open(dir)
			must(b, err)
			defer d.Close()
			b.ReportAllocs()
			for b.Loop() {
				l, err := d.Read(context.Background(), Options{TempDir: b.TempDir()})
				must(b, err)
				b.SetBytes(l.TOC.Totals().Unpacked)
				must(b, l.Close())
			}
		})
	}
}
