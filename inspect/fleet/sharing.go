package fleet

import "github.com/layers/layers/cache/refs"

// counted is a set with its references counted. The things of the graph are the blobs,
// with their content, and then the tars, with what they unpack to; its holders are the
// images in the order of reports, so that parts do not depend on the order of Add.
type counted struct {
	s     *Set
	graph refs.Graph
	order []int // image by holder
	rank  []int // holder by image
}

// counts counts the references, once after each change of the set.
func (s *Set) counts() *counted {
	if s.counted != nil {
		return s.counted
	}
	c := &counted{s: s, order: s.order(), rank: make([]int, len(s.images))}
	for _, amount := range s.blobs.amount {
		c.graph.Thing(refs.Amount{max(amount, 0), 0})
	}
	for _, amount := range s.tars.amount {
		c.graph.Thing(refs.Amount{0, max(amount, 0)})
	}
	var needs []int
	for holder, image := range c.order {
		needs = needs[:0]
		for _, l := range s.layers(image) {
			needs = append(needs, int(l.blob), len(s.blobs.keys)+int(l.tar))
		}
		c.rank[image] = holder
		c.graph.Holder(needs)
	}
	s.counted = c
	return c
}

// known reports whether what the things unpack to is known of all of them.
func (c *counted) known(thing uint32) bool {
	tar := int(thing) - len(c.s.blobs.keys)
	return tar < 0 || c.s.tars.amount[tar] >= 0
}

// of sums up those things of an image that are wanted, by how many images have them.
func (c *counted) of(image int, wanted func(holders int) bool) Bytes {
	var all refs.Amount
	known := true
	for _, thing := range c.graph.Needs(c.rank[image]) {
		if wanted(c.graph.HoldersOf(int(thing))) {
			all = all.Plus(c.graph.Amount(int(thing)))
			known = known && c.known(thing)
		}
	}
	return bytesOf(all, known)
}

func (c *counted) total(image int) Bytes { return c.of(image, func(int) bool { return true }) }

// Total is all of an image, with a layer that it has twice once.
func (s *Set) Total(image int) Bytes { return s.counts().total(image) }

// Exclusive is what is freed if this image alone goes: its layers that no other image of
// the set has.
func (s *Set) Exclusive(image int) Bytes {
	return s.counts().of(image, func(holders int) bool { return holders == 1 })
}

// Shared is what another image of the set has, too. It and Exclusive are the Total.
func (s *Set) Shared(image int) Bytes {
	return s.counts().of(image, func(holders int) bool { return holders > 1 })
}

// Freed is exactly what goes when all of these images go, whose numbers may come twice:
// what no other image of the set holds. Of two images it is more than the sum of what
// each of them frees where they share what nobody else has.
func (s *Set) Freed(images ...int) Bytes {
	c := s.counts()
	var holders []int
	for _, image := range images {
		holders = append(holders, c.rank[image])
	}
	freed := c.graph.Freed(holders)
	known := true
	for _, thing := range freed {
		known = known && c.known(uint32(thing))
	}
	return bytesOf(c.graph.Sum(freed), known)
}

// Before is what the images take when each has all of its layers for itself.
func (s *Set) Before() Bytes {
	all := bytesOf(refs.Amount{}, true)
	for image := range s.images {
		all = all.plus(s.Total(image))
	}
	return all
}

// After is what they take when they share what is the same.
func (s *Set) After() Bytes {
	known := true
	for _, amount := range s.tars.amount {
		known = known && amount >= 0
	}
	return bytesOf(s.counts().graph.Held(), known)
}

// Others is how many other images of the set have a layer, by DiffID, that this one has.
func (s *Set) Others(image int) (n int) {
	own := map[uint32]bool{}
	for _, l := range s.layers(image) {
		own[l.tar] = true
	}
	for other := range s.images {
		for _, l := range s.layers(other) {
			if other != image && own[l.tar] {
				n++
				break
			}
		}
	}
	return n
}
