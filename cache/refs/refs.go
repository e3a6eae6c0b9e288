// Package refs counts references: of things that several holders need, it says what
// goes when some of the holders go, and what each holder's part is.
//
// It knows neither files nor images. The store sweeps by it and tells by it what a
// removal would free, and what many images share is summed up by it, so that all of
// them agree.
package refs

import "slices"

// Amount is two figures of a thing that are added up side by side, such as its
// apparent size and what it takes on the disk.
type Amount [2]int64

// Plus returns the sum.
func (a Amount) Plus(b Amount) Amount { return Amount{a[0] + b[0], a[1] + b[1]} }

// Graph says which holders need which things. Things and holders are numbered from 0
// in the order in which they come. The zero value is empty. Reading is safe for
// concurrent use, changing it is not.
type Graph struct {
	amounts []Amount
	holders []uint32 // how many need each thing
	needs   []uint32 // the things of all holders, one holder's after the other's
	ends    []int    // where those of each holder end in needs
}

// Thing adds a thing and returns its number.
func (g *Graph) Thing(a Amount) int {
	g.amounts = append(g.amounts, a)
	g.holders = append(g.holders, 0)
	return len(g.amounts) - 1
}

// Grow adds to the amount of a thing.
func (g *Graph) Grow(thing int, by Amount) { g.amounts[thing] = g.amounts[thing].Plus(by) }

// Things is how many things there are.
func (g *Graph) Things() int { return len(g.amounts) }

// Holders is how many holders there are.
func (g *Graph) Holders() int { return len(g.ends) }

// Amount is that of one thing.
func (g *Graph) Amount(thing int) Amount { return g.amounts[thing] }

// Holder adds a holder and returns its number. A thing that comes twice in what it
// needs counts once.
func (g *Graph) Holder(needs []int) int {
	start := len(g.needs)
	for _, thing := range needs {
		g.needs = append(g.needs, uint32(thing))
	}
	own := g.needs[start:]
	slices.Sort(own)
	own = slices.Compact(own)
	g.needs = g.needs[:start+len(own)]
	for _, thing := range own {
		g.holders[thing]++
	}
	g.ends = append(g.ends, len(g.needs))
	return len(g.ends) - 1
}

// Needs are the things that a holder needs, in the order of their numbers.
func (g *Graph) Needs(holder int) []uint32 {
	start := 0
	if holder > 0 {
		start = g.ends[holder-1]
	}
	return g.needs[start:g.ends[holder]]
}

// HoldersOf is how many holders need a thing.
func (g *Graph) HoldersOf(thing int) int { return int(g.holders[thing]) }

// Unheld are the things that nobody needs, in the order of their numbers.
func (g *Graph) Unheld() []int {
	var things []int
	for thing, n := range g.holders {
		if n == 0 {
			things = append(things, thing)
		}
	}
	return things
}

// Freed are the things that go when all of the holders go, in the order of their
// numbers: those that one of them needs, and nobody else. A holder that is named
// twice goes once.
func (g *Graph) Freed(holders []int) []int {
	r := g.Removal()
	var things []int
	for _, h := range holders {
		things = append(things, r.Drop(h)...)
	}
	slices.Sort(things)
	return things
}

// Sum adds up things.
func (g *Graph) Sum(things []int) (sum Amount) {
	for _, thing := range things {
		sum = sum.Plus(g.amounts[thing])
	}
	return sum
}

// Removal is a removal of holders, one after the other. The graph stays as it is, and
// must not change meanwhile.
type Removal struct {
	graph *Graph
	gone  map[int]bool
	left  map[uint32]uint32 // holders of the things that lost one
}

// Removal begins a removal, of nobody yet.
func (g *Graph) Removal() *Removal {
	return &Removal{graph: g, gone: map[int]bool{}, left: map[uint32]uint32{}}
}

// Drop removes one more holder, and returns the things that go with it, which nobody
// needs any more, in the order of their numbers.
func (r *Removal) Drop(holder int) (things []int) {
	if r.gone[holder] {
		return nil
	}
	r.gone[holder] = true
	for _, thing := range r.graph.Needs(holder) {
		left, ok := r.left[thing]
		if !ok {
			left = r.graph.holders[thing]
		}
		r.left[thing] = left - 1
		if left == 1 {
			things = append(things, int(thing))
		}
	}
	return things
}

// Restore takes one back that was dropped, and returns the things that are needed again,
// in the order of their numbers.
func (r *Removal) Restore(holder int) (things []int) {
	if !r.gone[holder] {
		return nil
	}
	delete(r.gone, holder)
	for _, thing := range r.graph.Needs(holder) {
		r.left[thing]++
		if r.left[thing] == 1 {
			things = append(things, int(thing))
		}
	}
	return things
}

// Share is what of the things is whose.
type Share struct {
	Exclusive    Amount // needed by this holder alone: what goes if it goes alone
	Shared       Amount // needed by others, too
	Proportional Amount // of each thing an equal part for each of its holders
}

// Shares returns the share of every holder, by its number. Parts are whole numbers:
// of what does not divide evenly, the first holders have one more, so that the
// proportional parts of all holders add up to what is held.
func (g *Graph) Shares() []Share {
	shares := make([]Share, g.Holders())
	served := make([]uint32, len(g.amounts)) // holders of each thing that have had their part
	for h := range shares {
		s := &shares[h]
		for _, thing := range g.Needs(h) {
			a, of := g.amounts[thing], g.holders[thing]
			if of == 1 {
				s.Exclusive = s.Exclusive.Plus(a)
			} else {
				s.Shared = s.Shared.Plus(a)
			}
			s.Proportional = s.Proportional.Plus(part(a, served[thing], of))
			served[thing]++
		}
	}
	return shares
}

// part is the n-th of so many equal parts.
func part(a Amount, n, of uint32) (p Amount) {
	for i, whole := range a {
		p[i] = whole / int64(of)
		if int64(n) < whole%int64(of) {
			p[i]++
		}
	}
	return p
}

// Held is the sum of all things that anybody needs, each once.
func (g *Graph) Held() (sum Amount) {
	for thing, n := range g.holders {
		if n > 0 {
			sum = sum.Plus(g.amounts[thing])
		}
	}
	return sum
}
