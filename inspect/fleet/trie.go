package fleet

import (
	"cmp"
	"slices"
)

// node is a stack of layers, by their DiffIDs, that images end at, or part at: a node of
// the trie of all stacks.
type node struct {
	depth    int   // layers of the stack
	images   []int // that consist of exactly these layers, in order
	some     int   // its first image, or the first above it
	rank     int   // the place of that in the order
	children []*node
}

// trie is the trie of the stacks of a set. The root stands for no layers; images that
// have none are in it.
func (s *Set) trie(order []int) *node {
	root := &node{}
	sorted := slices.Clone(order)
	slices.SortStableFunc(sorted, func(a, b int) int { return compareStacks(s.layers(a), s.layers(b)) })
	open := []*node{root} // the way to the last image
	var before []stacked
	for _, image := range sorted {
		at := s.layers(image)
		open = part(open, common(before, at))
		top := open[len(open)-1]
		if len(at) > top.depth {
			next := &node{depth: len(at)}
			top.children = append(top.children, next)
			top, open = next, append(open, next)
		}
		top.images = append(top.images, image)
		before = at
	}
	rank := make([]int, len(s.images))
	for i, image := range order {
		rank[image] = i
	}
	root.finish(rank)
	return root
}

func compareStacks(a, b []stacked) int {
	return slices.CompareFunc(a, b, func(a, b stacked) int { return cmp.Compare(a.tar, b.tar) })
}

// common is the number of lowest layers that two stacks have in common.
func common(a, b []stacked) int {
	n := 0
	for n < min(len(a), len(b)) && a[n].tar == b[n].tar {
		n++
	}
	return n
}

// part goes back on the way to the last image to where another leaves it, which becomes
// a node if it is none.
func part(open []*node, depth int) []*node {
	var last *node
	for open[len(open)-1].depth > depth {
		last, open = open[len(open)-1], open[:len(open)-1]
	}
	top := open[len(open)-1]
	if top.depth == depth {
		return open
	}
	between := &node{depth: depth, children: []*node{last}}
	top.children[len(top.children)-1] = between
	return append(open, between)
}

// finish puts what is above a node in order.
func (n *node) finish(rank []int) {
	for _, child := range n.children {
		child.finish(rank)
	}
	slices.SortFunc(n.images, func(a, b int) int { return cmp.Compare(rank[a], rank[b]) })
	slices.SortFunc(n.children, func(a, b *node) int { return cmp.Compare(a.rank, b.rank) })
	switch {
	case len(n.images) > 0:
		n.rank, n.some = rank[n.images[0]], n.images[0]
	case len(n.children) > 0:
		n.rank, n.some = n.children[0].rank, n.children[0].some
	}
}

// order is the order of images in reports: by name, those without one last, then by
// digest.
func (s *Set) order() []int {
	order, digests := make([]int, len(s.images)), make([]string, len(s.images))
	for i := range order {
		order[i], digests[i] = i, s.Digest(i).String()
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := s.images[a].names, s.images[b].names
		return cmp.Or(cmp.Compare(min(len(y), 1), min(len(x), 1)), slices.Compare(x, y), cmp.Compare(digests[a], digests[b]))
	})
	return order
}

// Bases returns, of each image, the number of the one that it is built on: of the other
// images of which all the layers, by DiffID, are the lowest of its own, the one with the
// most; -1 if there is none. Of several with the same layers it is the first by name. An
// image is not built on one that has all of its layers and no fewer, nor on one of none.
func (s *Set) Bases() []int {
	bases := make([]int, len(s.images))
	var walk func(n *node, base int)
	walk = func(n *node, base int) {
		for _, image := range n.images {
			bases[image] = base
		}
		if len(n.images) > 0 && n.depth > 0 {
			base = n.images[0]
		}
		for _, child := range n.children {
			walk(child, base)
		}
	}
	walk(s.trie(s.counts().order), -1)
	return bases
}
