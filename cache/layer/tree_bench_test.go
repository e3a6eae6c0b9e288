package layer

import (
	"fmt"
	"testing"

	"github.com/layers/layers/fixtures"
)

// BenchmarkSquash shows that the cost of a squash goes with the entries, not with
// entries times layers: the time per entry stays the same from 25 layers to 400.
func BenchmarkSquash(b *testing.B) {
	for _, n := range []int{25, 100, 400} {
		var tocs []*TOC
		entries := 0
		for i := range n {
			layer := []fixtures.Entry{{Name: fmt.Sprintf("data/.wh.f%d-0", i-1)}, {Name: fmt.Sprintf("cache%d/.wh..wh..opq", i%7)}}
			for j := range 100 {
				layer = append(layer, fixtures.Entry{Name: fmt.Sprintf("data/f%d-%d", i, j), Body: "x"}, fixtures.Entry{Name: fmt.Sprintf("cache%d/f%d", i%7, j), Body: "y"})
			}
			toc, _, _ := index(b, fixtures.Tar(layer...))
			tocs = append(tocs, toc)
			entries += len(layer)
		}
		b.Run(fmt.Sprintf("%d layers", n), func(b *testing.B) {
			for b.Loop() {
				for _, err := range Squash(tocs).Reclaimable() {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*entries), "ns/entry")
		})
	}
}
