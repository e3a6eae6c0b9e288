package budget

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

// TestLawsOfGrowth holds for random pairs of images, also with a saved baseline: what is
// measured is the change of the sums over all layers, the causes and the rest add up to
// it, and no layer that both images have is read for it.
func TestLawsOfGrowth(t *testing.T) {
	broken := 0
	for seed := range uint64(25) {
		random := rand.New(rand.NewPCG(seed, 7))
		o := fixtures.RandomOptions{Layers: 4}
		a, b := fixtures.Random(random, o), fixtures.Random(random, o)
		b = slices.Concat(a[:random.IntN(len(a)+1)], b)
		old, img := imageOf(t, "old", fixtures.Build(a)), imageOf(t, "new", fixtures.Build(b))
		want := unpackedOf(t, fixtures.Build(b)) - unpackedOf(t, fixtures.Build(a))
		rules := budgetOf(Rule{Kind: Growth, Of: Unpacked, Limit: bytesLimit(0)}, Rule{Kind: Growth, Limit: bytesLimit(0)})
		r := check(t, rules, img, old)
		for _, n := range img.readLayers() {
			if !slices.Contains(img.unshared(old), n) {
				t.Errorf("seed %d: layer %d was read, which both have", seed, n+1)
			}
		}
		for _, result := range append(r.Results, check(t, rules, imageOf(t, "new", fixtures.Build(b)), savedAgain(t, old)).Results...) {
			if result.Of == Unpacked && result.Measured != want {
				t.Errorf("seed %d: %d, want %d", seed, result.Measured, want)
			}
			if result.Outcome != Failed {
				continue
			}
			broken++
			explained := result.Rest
			for _, c := range result.Causes {
				explained += c.Bytes
			}
			if explained != result.Measured {
				t.Errorf("seed %d: causes explain %d of %d", seed, explained, result.Measured)
			}
		}
	}
	if broken < 25 {
		t.Errorf("only %d rules were broken", broken)
	}
}

// unpackedOf is the sum over all layers, each read by itself.
func unpackedOf(t *testing.T, img v1.Image) (sum int64) {
	t.Helper()
	all := imageOf(t, "", img)
	held, err := all.layers(context.Background(), all.all())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range held {
		counted := map[uint32]bool{0: false} // files of several names
		for e, err := range l.TOC.Entries("") {
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind == layer.File && !counted[e.Group] {
				sum += e.Size
				counted[e.Group] = e.Group != 0
			}
		}
	}
	return sum
}
