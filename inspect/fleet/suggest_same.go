package fleet

import (
	"fmt"
	"slices"
)

// sames suggests to make one layer of those that are nearly the same; those of the same
// images in one suggestion.
func (p *proposing) sames() (all []*change) {
	at, groups := map[string]int{}, [][][]held{}
	for _, blobs := range p.s.nearBlobs() {
		slices.SortFunc(blobs, func(a, b held) int { return p.at.compare(a.blob, b.blob) })
		key := string(p.kindOf(blobs))
		for _, b := range blobs {
			key += fmt.Sprint(p.at.images[b.blob])
		}
		n, has := at[key]
		if !has {
			n = len(groups)
			at[key] = n
			groups = append(groups, nil)
		}
		groups[n] = append(groups[n], blobs)
	}
	for _, g := range groups {
		all = append(all, p.same(g))
	}
	return all
}

// kindOf says why blobs are not one.
func (p *proposing) kindOf(blobs []held) SuggestKind {
	kind := Recompress
	first := p.below(blobs[0])
	for _, b := range blobs[1:] {
		switch {
		case b.tar == blobs[0].tar:
		case !slices.EqualFunc(first, p.below(b), p.s.near.sameFiles):
			return BuildOnce
		default:
			kind = BuiltAgain
		}
	}
	return kind
}

// below are the layers that a layer stands on where it is first.
func (p *proposing) below(b held) []stacked {
	return p.s.layers(int(p.at.images[b.blob][0]))[:p.at.layer[b.blob]-1]
}

// sameFiles reports whether layers are one, or nearly.
func (n *near) sameFiles(a, b stacked) bool {
	x, known := n.of[a.tar]
	y, also := n.of[b.tar]
	return a.tar == b.tar || known && also && x == y
}

var hows = map[SuggestKind]string{
	Recompress: "content bytes of all blobs of these tars less those of the smallest one of each",
	BuiltAgain: "bytes of all layers with these files, on layers with the same files, less those of the one with the smallest blob",
	BuildOnce:  "bytes of all layers with these files, on different layers, less those of the one with the smallest blob",
}

func (p *proposing) same(groups [][]held) *change {
	c := &change{Suggestion: Suggestion{Kind: p.kindOf(groups[0])}}
	c.How = hows[c.Kind]
	images, lists := map[int]bool{}, make([][]uint32, 0, len(groups))
	for _, g := range groups {
		slices.SortStableFunc(g, func(a, b held) int { return p.s.compareContent(a, b) })
		var layers []SuggestedLayer
		for i, b := range g {
			layers = append(layers, SuggestedLayer{p.at.of(b.blob, b.tar), p.s.blobs.hash(b.blob).String(), p.s.blobs.amount[b.blob]})
			for _, image := range p.at.images[b.blob] {
				images[int(image)] = images[int(image)] || i > 0
			}
			lists = append(lists, p.at.images[b.blob])
		}
		c.Groups = append(c.Groups, layers)
	}
	c.Images = p.called(images)
	had := slices.Concat(lists...)
	c.apply = func(t *trial) { t.unite(groups, had) }
	return c
}

func (s *Set) compareContent(a, b held) int {
	return int(min(1, max(-1, s.blobs.amount[a.blob]-s.blobs.amount[b.blob])))
}

// unite gives images the first layer of each group that anybody has, instead of others of
// the group. The images that had any of them before the trial are named.
func (t *trial) unite(groups [][]held, images []uint32) {
	to := map[stacked]stacked{}
	for _, g := range groups {
		first := slices.IndexFunc(g, func(b held) bool { return t.blobs[b.blob] > 0 })
		for _, b := range g[first+1:] {
			if first >= 0 {
				to[stacked(b)] = stacked(g[first])
			}
		}
	}
	all := slices.Clone(images)
	for _, g := range t.gained {
		if slices.ContainsFunc(g.layers, func(l stacked) bool { _, has := to[l]; return has }) {
			all = append(all, g.images...)
		}
	}
	slices.Sort(all)
	for _, image := range slices.Compact(all) {
		layers := slices.Clone(t.layers[image])
		for i, l := range layers {
			if other, has := to[l]; has {
				layers[i] = other
			}
		}
		t.put(int(image), layers)
	}
}
