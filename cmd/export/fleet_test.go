package export

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/inspect/fleet"
)

func hash(kind byte, n int) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%02x%062x", kind, n)}
}

// family adds random images to a set: built on each other, with layers twice, in several
// blobs, of no size, and with odd names.
func family(r *rand.Rand, unknown bool) *fleet.Set {
	var set fleet.Set
	var stacks [][]fleet.Layer
	for i := range 1 + r.IntN(12) {
		var stack []fleet.Layer
		if i > 0 && r.IntN(4) > 0 {
			on := stacks[r.IntN(i)]
			stack = slices.Clone(on[:len(on)-min(len(on), r.IntN(2))])
		}
		for range r.IntN(4) {
			n := r.IntN(16)
			l := fleet.Layer{Digest: hash('b', n), DiffID: layer.DiffID(hash('t', n/2)), Content: int64(n * 37), Unpacked: int64(n / 2 * 53)}
			if unknown && n/2%5 == 0 {
				l.Unpacked = fleet.Unknown
			}
			stack = append(stack, l)
		}
		names := []string{"a:1", "odd\xff\x00'\"", "ünï:" + fmt.Sprint(i), "b:2"}[:r.IntN(5)]
		set.Add(fleet.Image{Names: names, Digest: hash('i', i), Platform: []string{"", "linux/amd64"}[r.IntN(2)], Layers: stack})
		stacks = append(stacks, stack)
	}
	return &set
}

// rowsOf are the tables of a set, as they are read back.
func rowsOf(t *testing.T, set *fleet.Set) ([]Image, []Layer) {
	images := Images(set.Report())
	var layers []Layer
	for _, row := range images {
		h, err := v1.NewHash(row.Digest)
		if err != nil {
			t.Fatal(err)
		}
		id, _ := set.Number(h)
		layers = append(layers, Layers(row.Digest, set.Layers(id), nil, nil)...)
	}
	return tableOf(t, images), tableOf(t, layers)
}

// sums adds up amounts by what they are of, each once; nil if any is not known.
func sums(layers []Layer, wanted func(l Layer) bool) (content int64, unpacked *int64) {
	blobs, tars := map[string]bool{}, map[string]bool{}
	unpacked = new(int64)
	for _, l := range layers {
		if !wanted(l) {
			continue
		}
		if !blobs[l.Digest] {
			content += l.Content
		}
		switch {
		case l.Unpacked == nil:
			unpacked = nil
		case unpacked != nil && !tars[l.DiffID]:
			*unpacked += *l.Unpacked
		}
		blobs[l.Digest], tars[l.DiffID] = true, true
	}
	return content, unpacked
}

func same(a, b *int64) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

// TestTablesHaveTheSumsOfTheReport computes everything again from the rows of layers.
func TestTablesHaveTheSumsOfTheReport(t *testing.T) {
	for seed := range uint64(150) {
		set := family(rand.New(rand.NewPCG(seed, 7)), seed%2 == 1)
		totals := set.Report().Totals
		images, layers := rowsOf(t, set)
		content, unpacked := sums(layers, func(Layer) bool { return true })
		if content != totals.After.Content || !same(unpacked, totals.After.Unpacked) || len(images) != totals.Images || len(layers) != totals.Layers {
			t.Fatalf("seed %d: %d images, %d layers, %d bytes; %+v", seed, len(images), len(layers), content, totals)
		}
		var before, proportional int64
		for _, row := range images {
			before += row.Content
			proportional += row.ProportionalContent
			checkImage(t, seed, row, layers)
		}
		if before != totals.Before.Content || proportional != totals.After.Content {
			t.Fatalf("seed %d: before %d, proportional %d; %+v", seed, before, proportional, totals)
		}
	}
}

func checkImage(t *testing.T, seed uint64, row Image, layers []Layer) {
	t.Helper()
	blobs, tars := map[string]bool{}, map[string]bool{} // that others have
	var stack []string
	for _, l := range layers {
		if l.Image != row.Digest {
			blobs[l.Digest], tars[l.DiffID] = true, true
			continue
		}
		if stack = append(stack, l.DiffID); l.Number != int64(len(stack)) {
			t.Fatalf("seed %d: layer %d is at %d", seed, l.Number, len(stack))
		}
	}
	own := func(l Layer) bool { return l.Image == row.Digest }
	content, unpacked := sums(layers, own)
	alone, _ := sums(layers, func(l Layer) bool { return own(l) && !blobs[l.Digest] })
	_, aloneUnpacked := sums(layers, func(l Layer) bool { return own(l) && !tars[l.DiffID] })
	if content != row.Content || !same(unpacked, row.Unpacked) || alone != row.ExclusiveContent || !same(aloneUnpacked, row.ExclusiveUnpacked) ||
		content-alone != row.SharedContent || int64(len(stack)) != row.Layers {
		t.Fatalf("seed %d: %+v", seed, row)
	}
	checkBase(t, seed, row, stack, layers)
}

// checkBase looks for the longest stack that is the lowest part of an image's.
func checkBase(t *testing.T, seed uint64, row Image, stack []string, layers []Layer) {
	t.Helper()
	stacks := map[string][]string{}
	for _, l := range layers {
		stacks[l.Image] = append(stacks[l.Image], l.DiffID)
	}
	most := 0
	for _, other := range stacks {
		if n := len(other); n < len(stack) && n > most && slices.Equal(other, stack[:n]) {
			most = n
		}
	}
	switch {
	case row.Base == nil && most == 0:
	case row.Base == nil || len(stacks[*row.Base]) != most || !slices.Equal(stacks[*row.Base], stack[:most]):
		t.Fatalf("seed %d: %+v is built on %d layers", seed, row, most)
	}
}

func TestOddNamesAndSteps(t *testing.T) {
	var set fleet.Set
	id := layer.DiffID(hash('t', 1))
	set.Add(fleet.Image{Names: []string{"dir\xff:1"}, Digest: hash('i', 1), Layers: []fleet.Layer{
		{Digest: hash('b', 1), DiffID: id, Content: -5, Unpacked: fleet.Unknown}, {Digest: hash('b', 2), DiffID: layer.DiffID(hash('t', 2)), Content: 7, Unpacked: 0},
	}})
	images := tableOf(t, Images(set.Report()))
	if images[0].Names[0] != "dir\uFFFD:1" || images[0].Platform != nil || images[0].Unpacked != nil || images[0].Content != 7 {
		t.Errorf("%+v", images[0])
	}
	rows := tableOf(t, Layers("x", set.Layers(0), []string{"RUN \xff", ""}, map[layer.DiffID]layer.Totals{id: {Files: 3, Whiteouts: 0}}))
	if *rows[0].CreatedBy != "RUN \uFFFD" || rows[0].Unpacked != nil || *rows[0].Files != 3 || *rows[0].Whiteouts != 0 || rows[0].Content != 0 {
		t.Errorf("%+v", rows[0])
	}
	if rows[1].CreatedBy != nil || *rows[1].Unpacked != 0 || rows[1].Files != nil || rows[1].Whiteouts != nil {
		t.Errorf("%+v", rows[1])
	}
}
