package diff

import (
	"slices"
	"strings"

	"github.com/layers/layers/cache/layer"
)

// couple is a layer of the old stack and what became of it, by their indexes; -1 is none.
type couple struct {
	old, new  int
	elsewhere bool // it crosses another couple
}

// aligner finds out which layer of one stack became which of the other: first by their
// DiffIDs, then by what they hold and by the steps that made them, in order; at last what
// was moved.
type aligner struct {
	old, new         []Layer
	oldOf            []int // of each new layer; -1 is none
	newOf            []int // of each old one
	elsewhere        []bool
	oldLook, newLook []*sketch // made when they are needed
}

// align pairs the layers. Every layer of either stack is in exactly one couple; they come
// in the order of the new stack, each layer that is gone before what came after it.
func align(old, new []Layer) ([]couple, error) {
	a := &aligner{
		old: old, new: new, oldOf: none(len(new)), newOf: none(len(old)), elsewhere: make([]bool, len(new)),
		oldLook: make([]*sketch, len(old)), newLook: make([]*sketch, len(new)),
	}
	same := func(i, j int) float64 {
		if old[i].diffID() == new[j].diffID() {
			return 1
		}
		return 0
	}
	if len(old) == 1 && len(new) == 1 { // there is nothing else that it could be
		a.pair(0, 0, false)
	}
	a.inOrder(0, len(old), 0, len(new), same)
	a.moved()
	a.gaps(a.sameStep)
	if err := a.alike(); err != nil {
		return nil, err
	}
	return a.couples(), nil
}

func none(n int) []int { return slices.Repeat([]int{-1}, n) }

// inOrder pairs the layers of two ranges so that the sum of the scores is the largest
// that can be had without crossing; what has no score is not paired.
func (a *aligner) inOrder(i0, i1, j0, j1 int, score func(i, j int) float64) {
	for i0 < i1 && j0 < j1 && score(i0, j0) >= 1 { // the common case: most is the same
		a.pair(i0, j0, false)
		i0, j0 = i0+1, j0+1
	}
	for i0 < i1 && j0 < j1 && score(i1-1, j1-1) >= 1 {
		i1, j1 = i1-1, j1-1
		a.pair(i1, j1, false)
	}
	if tooMany(i1-i0, j1-j0) {
		return
	}
	best := make([][]float64, i1-i0+1) // of what comes from i and j on
	for i := range best {
		best[i] = make([]float64, j1-j0+1)
	}
	scores := make([][]float64, i1-i0)
	for i := i1 - 1; i >= i0; i-- {
		scores[i-i0] = make([]float64, j1-j0)
		for j := j1 - 1; j >= j0; j-- {
			s := score(i, j)
			scores[i-i0][j-j0] = s
			b := max(best[i-i0+1][j-j0], best[i-i0][j-j0+1])
			if s > 0 {
				b = max(b, s+best[i-i0+1][j-j0+1])
			}
			best[i-i0][j-j0] = b
		}
	}
	for i, j := i0, j0; i < i1 && j < j1; {
		s, b := scores[i-i0][j-j0], best[i-i0][j-j0]
		switch {
		case s > 0 && b == s+best[i-i0+1][j-j0+1]:
			a.pair(i, j, false)
			i, j = i+1, j+1
		case b == best[i-i0+1][j-j0]:
			i++
		default:
			j++
		}
	}
}

// tooMany says of two numbers of layers that they are not compared each with each: no
// image that was built has so many, and one that was made to take time may.
func tooMany(m, n int) bool { return m > 0 && n > 1<<20/m }

func (a *aligner) pair(i, j int, elsewhere bool) {
	a.newOf[i], a.oldOf[j], a.elsewhere[j] = j, i, elsewhere
}

// moved pairs what is the same and crosses.
func (a *aligner) moved() {
	free := map[layer.DiffID][]int{}
	for i := range a.old {
		if a.newOf[i] < 0 {
			id := a.old[i].diffID()
			free[id] = append(free[id], i)
		}
	}
	for j := range a.new {
		id := a.new[j].diffID()
		if list := free[id]; a.oldOf[j] < 0 && len(list) > 0 {
			a.pair(list[0], j, true)
			free[id] = list[1:]
		}
	}
}

// gaps gives do what is between the layers that are paired in order.
func (a *aligner) gaps(do func(i0, i1, j0, j1 int)) {
	i0, j0 := 0, 0
	for j := 0; j <= len(a.new); j++ {
		i := len(a.old)
		if j < len(a.new) {
			if a.oldOf[j] < 0 || a.elsewhere[j] {
				continue
			}
			i = a.oldOf[j]
		}
		do(i0, i, j0, j)
		i0, j0 = i+1, j+1
	}
}

// sameStep pairs a layer with the only one that stands in its place, if their steps are
// alike: what they hold need not be looked at.
func (a *aligner) sameStep(i0, i1, j0, j1 int) {
	if i1-i0 == 1 && j1-j0 == 1 && a.newOf[i0] < 0 && a.oldOf[j0] < 0 && stepLikeness(a.old[i0].Step, a.new[j0].Step) >= stepsAlike {
		a.pair(i0, j0, false)
	}
}

// alike pairs layers that are not the same: between those that are, in order, and then
// those that were moved and changed.
func (a *aligner) alike() error {
	if err := a.look(); err != nil {
		return err
	}
	a.gaps(a.between)
	if tooMany(len(a.old), len(a.new)) {
		return nil
	}
	for j := range a.new {
		best, at := 0.0, -1
		for i := range a.old {
			if a.oldOf[j] < 0 && a.newOf[i] < 0 {
				if s := a.oldLook[i].likeness(a.newLook[j]); s >= muchAlike && s > best {
					best, at = s, i
				}
			}
		}
		if at >= 0 {
			a.pair(at, j, true)
		}
	}
	return nil
}

// between pairs what is not yet paired in two ranges.
func (a *aligner) between(i0, i1, j0, j1 int) {
	a.inOrder(i0, i1, j0, j1, func(i, j int) float64 {
		if a.newOf[i] >= 0 || a.oldOf[j] >= 0 {
			return 0
		}
		return a.affinity(i, j)
	})
}

// look makes the sketches of what is not paired, if it is on both sides.
func (a *aligner) look() (err error) {
	if !slices.Contains(a.newOf, -1) || !slices.Contains(a.oldOf, -1) {
		return nil
	}
	for i := range a.old {
		if a.newOf[i] < 0 && a.old[i].TOC != nil {
			if a.oldLook[i], err = sketchOf(a.old[i].TOC); err != nil {
				return err
			}
		}
	}
	for j := range a.new {
		if a.oldOf[j] < 0 && a.new[j].TOC != nil {
			if a.newLook[j], err = sketchOf(a.new[j].TOC); err != nil {
				return err
			}
		}
	}
	return nil
}

// How alike two layers, or two steps, must be for the one to have become the other. A
// layer that was moved must be much alike.
const (
	layersAlike = 0.3
	stepsAlike  = 0.5
	muchAlike   = 0.5
)

// affinity is above 0 if one layer may have become the other, and below 1 unless they
// hold the same.
func (a *aligner) affinity(i, j int) float64 {
	held, step := a.oldLook[i].likeness(a.newLook[j]), stepLikeness(a.old[i].Step, a.new[j].Step)
	if held < layersAlike && step < stepsAlike {
		return 0
	}
	return (held + step) / 2 * 0.99
}

// stepLikeness is the part of the words that two steps have in common.
func stepLikeness(a, b *Step) float64 {
	if a == nil || b == nil || a.Short == "" || b.Short == "" {
		return 0
	}
	if a.Short == b.Short {
		return 1
	}
	return commonPart(slices.Compact(slices.Sorted(strings.FieldsSeq(a.Short))), slices.Compact(slices.Sorted(strings.FieldsSeq(b.Short))))
}

// commonPart is the part of the members of two sets, sorted lists, that both have.
func commonPart[T string | uint64](a, b []T) float64 {
	if len(a) == 0 && len(b) == 0 {
		return 1
	}
	both := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			both, i, j = both+1, i+1, j+1
		case a[i] < b[j]:
			i++
		default:
			j++
		}
	}
	return float64(both) / float64(len(a)+len(b)-both)
}

func (a *aligner) couples() (all []couple) {
	next := 0 // the first old layer that may still be gone
	gone := func(until int) {
		for ; next < until; next++ {
			if a.newOf[next] < 0 {
				all = append(all, couple{old: next, new: -1})
			}
		}
	}
	for j := range a.new {
		if a.oldOf[j] >= 0 && !a.elsewhere[j] {
			gone(a.oldOf[j])
		}
		all = append(all, couple{a.oldOf[j], j, a.elsewhere[j]})
	}
	gone(len(a.old))
	return all
}
