package cache

import (
	"context"
	"fmt"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/fixtures"
)

// benchImage has many files in each of its layers.
func benchImage(layers, files int) v1.Image {
	stack := make([][]fixtures.Entry, layers)
	for l := range stack {
		for f := range files {
			stack[l] = append(stack[l], fixtures.Entry{Name: fmt.Sprintf("dir%d/file%d", l, f), Body: fmt.Sprint(l, f)})
		}
	}
	return fixtures.Build(stack)
}

// BenchmarkLayersWarm is what every question to a stored image begins with.
func BenchmarkLayersWarm(b *testing.B) {
	for _, n := range []int{7, 100} {
		b.Run(fmt.Sprintf("layers=%d", n), func(b *testing.B) {
			ctx := context.Background()
			s := testStore(b)
			st := pull(b, s, benchImage(n, 100), "example.org/a:1")
			b.ReportAllocs()
			for b.Loop() {
				img, err := s.Image(ctx, st.Digest)
				if err != nil {
					b.Fatal(err)
				}
				layers, err := s.Layers(ctx, img, "a")
				if err != nil {
					b.Fatal(err)
				}
				for _, l := range layers {
					_ = l.Close() // read only
				}
			}
		})
	}
}

func BenchmarkPull(b *testing.B) {
	b.Run("warm", func(b *testing.B) {
		s := testStore(b)
		img := benchImage(7, 100)
		pull(b, s, img, "example.org/a:1")
		b.ReportAllocs()
		for b.Loop() {
			pull(b, s, img, "example.org/a:1")
		}
	})
	b.Run("cold", func(b *testing.B) {
		img := big(b)
		size := int64(len(blobOf(mustLayers(b, img)[0])))
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			s := testStore(b)
			b.StartTimer()
			pull(b, s, img, "example.org/a:1")
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	dir := testStore(b).Dir()
	for b.Loop() {
		s, err := Open(dir, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
