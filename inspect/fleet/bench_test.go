package fleet

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"runtime"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

// BenchmarkSet takes images of ten layers, of which each is built on one of a thousand
// bases and has five layers of its own, and makes the report. bytes/image is what the set
// holds, and peak-MB what it and the report hold together.
func BenchmarkSet(b *testing.B) {
	for _, n := range []int{10_000, 30_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				before := heapBytes()
				s := &Set{}
				for i := range n {
					s.Add(tenLayers(i))
				}
				set := heapBytes()
				r := s.Report()
				b.ReportMetric(float64(set-before)/float64(n), "bytes/image")
				b.ReportMetric(float64(heapBytes()-before)/1e6, "held-MB")
				if r.Totals.Images != n || s.Len() != n {
					b.Fatal(r.Totals)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/image")
		})
	}
}

func heapBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func tenLayers(i int) Image {
	img := Image{Names: []string{fmt.Sprintf("registry.example.org/team/app-%d:main", i)}, Digest: hashOf(3, uint64(i)), Platform: "linux/amd64"}
	for n := range 10 {
		id := uint64(i*10 + n)
		if n < 5 {
			id = uint64(i%1000*10+n) | 1<<40
		}
		img.Layers = append(img.Layers, Layer{Digest: hashOf(1, id), DiffID: layer.DiffID(hashOf(2, id)), Content: int64(id % 1e6), Unpacked: int64(id % 3e6)})
	}
	return img
}

// hashOf spreads its bits as a hash does.
func hashOf(kind byte, n uint64) v1.Hash {
	var sum [32]byte
	for i := range 4 {
		n = n*0x9e3779b97f4a7c15 + uint64(kind)
		n ^= n >> 29
		binary.LittleEndian.PutUint64(sum[8*i:], n)
	}
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}

// BenchmarkSuggest is of the images of BenchmarkSet, and their bases, which are versions of
// one, and of layers of which each two of images have the same files.
func BenchmarkSuggest(b *testing.B) {
	for _, n := range []int{10_000, 30_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := &Set{}
			for i := range n {
				img := tenLayers(i)
				s.Add(img)
				if i < 1000 {
					s.Add(Image{Names: []string{fmt.Sprint("base:", i)}, Digest: hashOf(9, uint64(i)), Platform: img.Platform, Layers: img.Layers[:5]})
				}
				top := img.Layers[9]
				s.Learn(top.DiffID, Facts{Fingerprint: layer.Fingerprint{Content: layer.Digest{byte(i >> 1), byte(i >> 9), byte(i >> 17)}, Times: layer.Digest{byte(i)}}, Unpacked: top.Unpacked})
			}
			for b.Loop() {
				if r := s.Suggest(); len(r.Suggestions) < n/2 {
					b.Fatal(len(r.Suggestions))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/image")
		})
	}
}
