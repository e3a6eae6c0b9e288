package inspect

import (
	"fmt"
	"testing"

	"github.com/layers/layers/fixtures"
)

// big is an image of layers with many files each, of which the upper ones rewrite
// every tenth file of the lowest.
func big(b *testing.B, layers, entries int) Input {
	stack := make([][]fixtures.Entry, layers)
	for i := range stack {
		for j := range entries {
			name := fmt.Sprintf("usr/share/layer%03d/dir%04d/file%07d", i, j/100, j)
			if i > 0 && j%10 == 0 {
				name = fmt.Sprintf("usr/share/layer%03d/dir%04d/file%07d", 0, j/100, j)
			}
			stack[i] = append(stack[i], fixtures.Entry{Name: name, Body: "content"})
		}
	}
	return open(b, fixtures.Build(stack, fixtures.Compressed(fixtures.None)))
}

// The time of a warm report must not depend on how many entries the layers have.
func BenchmarkImage(b *testing.B) {
	for _, size := range []struct{ layers, entries int }{{5, 100}, {5, 10000}, {100, 100}} {
		in := big(b, size.layers, size.entries)
		b.Run(fmt.Sprintf("warm/layers=%d/entries=%d", size.layers, size.entries), func(b *testing.B) {
			for b.Loop() {
				if _, err := Image(b.Context(), in, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("first/layers=%d/entries=%d", size.layers, size.entries), func(b *testing.B) {
			in := in
			in.Memo = nil
			for b.Loop() {
				if _, err := Image(b.Context(), in, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWalks(b *testing.B) {
	in := big(b, 3, 20000)
	b.Run("dirs", func(b *testing.B) {
		for b.Loop() {
			if _, err := Dirs(b.Context(), in, DirsOptions{By: ByContent}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("layer", func(b *testing.B) {
		for b.Loop() {
			if _, err := OneLayer(b.Context(), in, 2, LayerOptions{By: ByContent}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			l, err := List(b.Context(), in, "/", ListOptions{Recursive: true})
			if err != nil {
				b.Fatal(err)
			}
			for _, err := range l.Rows() {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("why", func(b *testing.B) {
		for b.Loop() {
			if _, err := Why(b.Context(), in, "/usr/share/layer000/dir0010/file0001000"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
