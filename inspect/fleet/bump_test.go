package fleet

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A base that moves is what taking the old images away and putting the new ones there
// would be.
func TestBumpAgainstSets(t *testing.T) {
	for seed := range uint64(1000) {
		rng := rand.New(rand.NewPCG(seed, 9))
		layer := func() Layer {
			n := rng.IntN(25)
			return Layer{Digest: digest("blob", n), Content: int64(10 + n*n)}
		}
		stack := func(most int) (layers []Layer) {
			for range rng.IntN(most) {
				layers = append(layers, layer())
			}
			return layers
		}
		b := Bump{Base: Image{Layers: stack(4)}, Here: func(h v1.Hash) bool { return h.Hex[0] < '8' }}
		for i := range rng.IntN(6) {
			b.Images = append(b.Images, Image{Digest: digest("image", i), Layers: stack(6)})
			if n := len(b.Images[i].Layers); n > 0 && rng.IntN(2) == 0 {
				b.Moved = append(b.Moved, Moved{Image: i, Below: 1 + rng.IntN(n)})
			}
		}
		checkBump(t, seed, &b)
	}
}

func checkBump(t *testing.T, seed uint64, b *Bump) {
	t.Helper()
	moved := map[int]int{}
	for _, m := range b.Moved {
		moved[m.Image] = m.Below
	}
	type contents = map[v1.Hash]int64
	before, stay, own, below, base := contents{}, contents{}, contents{}, contents{}, contents{}
	put := func(to contents, layers []Layer) {
		for _, l := range layers {
			to[l.Digest] = l.Content
		}
	}
	put(base, b.Base.Layers)
	for i, img := range b.Images {
		put(before, img.Layers)
		if n, moves := moved[i]; moves {
			put(below, img.Layers[:n])
			put(own, img.Layers[n:])
		} else {
			put(stay, img.Layers)
		}
	}
	during, after := maps.Clone(before), maps.Clone(stay)
	maps.Copy(during, base)
	maps.Copy(after, base)
	missing, old := maps.Clone(base), maps.Clone(below)
	maps.DeleteFunc(missing, func(h v1.Hash, _ int64) bool { return b.Here(h) })
	maps.DeleteFunc(old, func(h v1.Hash, _ int64) bool {
		_, stays := stay[h]
		_, anew := base[h]
		return !stays || anew
	})
	rebuilt := *add(own)
	want := []int64{*add(missing), rebuilt, *add(before), *add(during) + rebuilt, *add(after) + rebuilt, *add(old)}
	r := b.Report()
	if got := []int64{r.Fetch, r.Rebuilt, r.Before, r.During, r.After, r.Bases}; !slices.Equal(got, want) {
		t.Fatalf("seed %d: %v, want %v", seed, got, want)
	}
}
