package inspect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

// number makes a digest of a number.
func number(n int) v1.Hash { return v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%064x", n)} }

func numbers(list ...int) []layer.DiffID {
	ids := make([]layer.DiffID, len(list))
	for i, n := range list {
		ids[i] = layer.DiffID(number(n))
	}
	return ids
}

func TestChain(t *testing.T) {
	index := number(300)
	candidates := []Candidate{
		{Name: "py:2", DiffIDs: numbers(1, 2, 3), Digest: number(103), From: FromStore},
		{Name: "py:zstd", DiffIDs: numbers(1, 2, 3), Digest: number(104), Index: &index, From: FromSearch},
		{Name: "deb:1", DiffIDs: numbers(1), Digest: number(101), From: FromGiven},
		{Name: "deb:latest", DiffIDs: numbers(1), Digest: number(101), From: FromStore},
		{Name: "", DiffIDs: numbers(1), Digest: number(105), From: FromStore},
		{Name: "none", Digest: number(106)},
		{Name: "middle", DiffIDs: numbers(2, 3), Digest: number(107)},
		{Name: "other", DiffIDs: numbers(1, 3), Digest: number(108)},
		{Name: "twin", DiffIDs: numbers(1, 2, 3, 4), Digest: number(109), From: FromStore},
		{Name: "longer", DiffIDs: numbers(1, 2, 3, 4, 5), Digest: number(110)},
	}
	wantBases := []BaseLevel{
		{Layers: 1, Added: 1, Images: []BaseImage{
			{Names: []string{"deb:1", "deb:latest"}, Digest: hash(number(101)), Sure: SameLayers, From: []Provenance{FromGiven, FromStore}},
			{Names: []string{}, Digest: hash(number(105)), Sure: SameLayers, From: []Provenance{FromStore}},
		}},
		{Layers: 3, Added: 2, Images: []BaseImage{
			{Names: []string{"py:zstd"}, Digest: hash(number(104)), Index: hash(index), Sure: SameDigest, From: []Provenance{FromSearch}},
			{Names: []string{"py:2"}, Digest: hash(number(103)), Sure: SameLayers, From: []Provenance{FromStore}},
		}},
	}
	wantSame := []BaseImage{{Names: []string{"twin"}, Digest: hash(number(109)), From: []Provenance{FromStore}}}
	for range 20 {
		rand.Shuffle(len(candidates), func(i, j int) { candidates[i], candidates[j] = candidates[j], candidates[i] })
		bases, same := Chain(numbers(1, 2, 3, 4), candidates, index)
		if !reflect.DeepEqual(bases, wantBases) {
			t.Fatalf("bases\n%+v\nwant\n%+v", bases, wantBases)
		}
		if !reflect.DeepEqual(same, wantSame) {
			t.Fatalf("same %+v", same)
		}
	}
	if name := wantBases[0].Images[1].Name(); name != "sha256:000000000000" {
		t.Errorf("without a name: %s", name)
	}
}

// Without layers there is no base, and nothing breaks.
func TestChainOfNothing(t *testing.T) {
	bases, same := Chain(nil, []Candidate{{Name: "empty"}, {Name: "one", DiffIDs: numbers(1)}})
	if len(bases) != 0 || len(same) != 0 {
		t.Errorf("%+v %+v", bases, same)
	}
	r := FindBase(BaseInput{Manifest: &v1.Manifest{}, Config: &v1.ConfigFile{}, Candidates: []Candidate{{Name: "empty"}}})
	if len(r.Bases) != 0 || r.Guess != nil || r.Own.Layers != 0 || r.Nearest() != nil {
		t.Errorf("%+v", r)
	}
}

// On random families, which share their lowest layers as images do, the chain is what
// comparing all with all says, and the parts add up to the image.
func TestChainOfRandomFamilies(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	for range 500 {
		var family []Candidate
		for i := range 30 {
			var ids []layer.DiffID
			if i > 0 && rng.IntN(4) > 0 {
				parent := family[rng.IntN(i)].DiffIDs
				ids = slices.Clone(parent[:rng.IntN(len(parent)+1)])
			}
			for range rng.IntN(3) {
				ids = append(ids, numbers(rng.IntN(8))...) // layers may be there twice
			}
			family = append(family, Candidate{Name: fmt.Sprint("i", i), DiffIDs: ids, Digest: number(1000 + i)})
		}
		checkFamily(t, family, rng.IntN(len(family)))
	}
}

func checkFamily(t *testing.T, family []Candidate, of int) {
	t.Helper()
	ids := family[of].DiffIDs
	in := BaseInput{Digest: family[of].Digest, Manifest: &v1.Manifest{}, Config: &v1.ConfigFile{}, Candidates: family}
	var content, unpacked int64
	seen := map[layer.DiffID]bool{}
	for _, id := range ids {
		in.Config.RootFS.DiffIDs = append(in.Config.RootFS.DiffIDs, v1.Hash(id))
		size := int64(len(id.Hex)) + int64(id.Hex[63])
		in.Manifest.Layers = append(in.Manifest.Layers, v1.Descriptor{Digest: v1.Hash(id), Size: size})
		in.Unpacked = append(in.Unpacked, &size)
		unpacked += size
		if !seen[id] {
			seen[id] = true
			content += size
		}
	}
	r := FindBase(in)
	got := map[string]int{}
	layers, gotContent, gotUnpacked := r.Own.Layers, r.Own.Content, *r.Own.Unpacked
	for _, b := range r.Bases {
		layers, gotContent, gotUnpacked = layers+b.Added, gotContent+b.Content, gotUnpacked+*b.Unpacked
		for _, i := range b.Images {
			got[i.Digest] = b.Layers
		}
	}
	if layers != len(ids) || gotContent != content || gotUnpacked != unpacked {
		t.Fatalf("%d layers, %d and %d bytes are not %d, %d and %d", layers, gotContent, gotUnpacked, len(ids), content, unpacked)
	}
	want := map[string]int{}
	for i, c := range family {
		isPrefix := len(c.DiffIDs) > 0 && len(c.DiffIDs) < len(ids)
		for k := 0; isPrefix && k < len(c.DiffIDs); k++ {
			isPrefix = c.DiffIDs[k] == ids[k]
		}
		if isPrefix && i != of {
			want[hash(c.Digest)] = len(c.DiffIDs)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// Manifests may lie about sizes; sums stay what can be counted.
func TestSizesThatOverflow(t *testing.T) {
	huge := []v1.Descriptor{{Digest: number(1), Size: math.MaxInt64}, {Digest: number(2), Size: math.MaxInt64}, {Digest: number(3), Size: 5}}
	if p := split(huge, nil, 3); p[0].Content != math.MaxInt64 || p[0].Unpacked != nil {
		t.Errorf("%+v", p)
	}
	if m := MoveOf(huge, 2, huge[1:], false); m.Content != math.MaxInt64 || m.Fetch != 0 || m.Unused != math.MaxInt64 {
		t.Errorf("%+v", m)
	}
}

func TestMove(t *testing.T) {
	d := func(n int) v1.Descriptor { return v1.Descriptor{Digest: number(n), Size: int64(n)} }
	image := []v1.Descriptor{d(1), d(2), d(2), d(3), d(40)}
	m := MoveOf(image, 4, []v1.Descriptor{d(1), d(20), d(20), d(30), d(40)}, false)
	want := &Move{Layers: 5, Content: 91, Fetch: 50, FetchLayers: 2, Unused: 5, UnusedLayers: 2}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("%+v, want %+v", m, want)
	}
}

func TestPlanPull(t *testing.T) {
	a, b := number(1), number(2)
	images := []PullImage{
		{Name: "x", Layers: []PullLayer{{Digest: a, Content: 10, Here: true}, {Digest: b, Content: 100, Partial: 30}, {Digest: number(3), Content: 7}, {Digest: number(3), Content: 7}}},
		{Name: "y", Layers: []PullLayer{{Digest: a, Content: 10, Here: true}, {Digest: b, Content: 100, Partial: 30}, {Digest: number(4), Content: 1}}},
		{Name: "x", Layers: []PullLayer{{Digest: number(3), Content: 8}}}, // another size: another blob
	}
	p := PlanPull(images)
	want := []PullSums{
		{Content: 117, Here: 40, Fetch: 77, ToFetch: 2}, {Content: 111, Here: 10, Shared: 100, Fetch: 1, ToFetch: 1}, {Content: 8, Fetch: 8, ToFetch: 1},
	}
	for i, w := range want {
		if p.Images[i].PullSums != w {
			t.Errorf("image %d: %+v, want %+v", i, p.Images[i].PullSums, w)
		}
	}
	if w := (PullSums{Content: 126, Here: 40, Fetch: 86, ToFetch: 4}); p.Total != w {
		t.Errorf("total %+v, want %+v", p.Total, w)
	}
	if l := p.Images[0].Layers[3]; l.State != PullShared || l.With != "x" || l.Fetch != 0 {
		t.Errorf("the second of two: %+v", l)
	}
}

func BenchmarkChain(b *testing.B) {
	ids := make([]layer.DiffID, 50)
	for i := range ids {
		ids[i] = layer.DiffID(number(i))
	}
	var candidates []Candidate
	for i := range 10_000 {
		candidates = append(candidates, Candidate{Name: fmt.Sprint(i), DiffIDs: ids[:i%50], Digest: number(i)})
	}
	for b.Loop() {
		Chain(ids, candidates)
	}
}
