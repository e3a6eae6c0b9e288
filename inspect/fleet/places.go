package fleet

import (
	"cmp"
	"slices"
)

// places knows which images have a thing: a blob or a tar.
type places struct {
	s      *Set
	rank   []int      // of each image
	images [][]uint32 // of each thing, in the order of the ranks
	layer  []uint32   // of each thing, its number in the first of its images
}

// placesOf makes the places of n things, which thing tells of a layer. Images of few
// layers come first, for a layer is rather that of a base than of what was built on it.
func placesOf(s *Set, order []int, n int, thing func(stacked) uint32) *places {
	p := &places{s: s, rank: make([]int, len(s.images)), images: make([][]uint32, n), layer: make([]uint32, n)}
	order = slices.Clone(order)
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(s.layers(a)), len(s.layers(b))) })
	for i, image := range order {
		p.rank[image] = i
		for number, l := range s.layers(image) {
			id := thing(l)
			of := p.images[id]
			if len(of) == 0 {
				p.layer[id] = uint32(number) + 1
			}
			if len(of) == 0 || of[len(of)-1] != uint32(image) {
				p.images[id] = append(of, uint32(image))
			}
		}
	}
	return p
}

// of is the place of a thing whose tar is given.
func (p *places) of(id, tar uint32) Place {
	first := int(p.images[id][0])
	name := p.s.Digest(first).String()
	if names := p.s.Names(first); len(names) > 0 {
		name = names[0]
	}
	return Place{Image: name, Layer: int(p.layer[id]), DiffID: p.s.tars.hash(tar).String(), Images: len(p.images[id])}
}

// compare orders things by where they are.
func (p *places) compare(a, b uint32) int {
	return cmp.Or(cmp.Compare(p.rank[p.images[a][0]], p.rank[p.images[b][0]]), cmp.Compare(p.layer[a], p.layer[b]))
}

// imagesOf are the images that have any of the things, each once.
func (p *places) imagesOf(ids []uint32) []uint32 {
	if len(ids) == 1 {
		return p.images[ids[0]]
	}
	var all []uint32
	for _, id := range ids {
		all = append(all, p.images[id]...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
