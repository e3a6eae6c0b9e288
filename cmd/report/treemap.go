package report

import (
	"cmp"
	"math"
	"slices"

	"github.com/layers/layers/inspect/fleet"
)

// rect is a part of a picture, in its units; y grows downwards.
type rect struct{ X, Y, W, H float64 }

func (r rect) area() float64 { return float64(r.W * r.H) }

// tile is a rectangle of a treemap. Its area is to that of the whole as Bytes to all bytes.
type tile struct {
	rect
	Kind   tileKind
	Node   *fleet.Node   // nil of tileMore
	Nodes  []*fleet.Node // of tileMore, those that are summed up
	Bytes  int64
	Images int // that have these layers; of tileMore, that are there
	Parent int // the tile of kind tileFrame around it, -1 if none
}

// tileKind is what a tile stands for.
type tileKind int

const (
	tileFrame tileKind = iota // a node with all that is built on it, which lies within
	tileOwn                   // the layers that a node adds to what is below it
	tileWhole                 // a node and all that is built on it, too small to be parted
	tileMore                  // nodes that are too small, or not wanted
)

// smallestTile is the area below which nodes are summed up.
const smallestTile = 700

// treemap lays out trees in a rectangle, squarified: each node is a frame of its own
// layers and, beside them, of what is built on it.
type treemap struct {
	bytes  func(*fleet.Node) int64 // of a node's own layers
	shown  func(*fleet.Node) bool
	weight map[*fleet.Node]int64 // bytes with all above
	images map[*fleet.Node]int
	scale  float64 // area of a byte
	tiles  []tile
}

// layTree lays out; there is nothing where there are no bytes.
func layTree(roots []*fleet.Node, within rect, bytes func(*fleet.Node) int64, shown func(*fleet.Node) bool) *treemap {
	m := &treemap{bytes: bytes, shown: shown, weight: map[*fleet.Node]int64{}, images: map[*fleet.Node]int{}}
	total := m.weigh(roots)
	if total > 0 {
		m.scale = within.area() / float64(total)
		m.siblings(roots, within, -1)
	}
	return m
}

func (m *treemap) weigh(nodes []*fleet.Node) (total int64) {
	for _, n := range nodes {
		m.weight[n] = m.bytes(n) + m.weigh(n.Children)
		m.images[n] = len(n.Images)
		for _, child := range n.Children {
			m.images[n] += m.images[child]
		}
		total += m.weight[n]
	}
	return total
}

// siblings lays out nodes side by side, the heaviest first, and those that are too small
// as one.
func (m *treemap) siblings(nodes []*fleet.Node, within rect, parent int) {
	var large, small []*fleet.Node
	rest := tile{Kind: tileMore, Parent: parent}
	for _, n := range nodes {
		tiny := float64(float64(m.weight[n])*m.scale) < smallestTile
		switch {
		case m.weight[n] == 0:
		case !m.shown(n):
			small = append(small, n)
		case tiny:
			small = append(small, n)
		default:
			large = append(large, n)
		}
	}
	if len(small) == 1 && m.shown(small[0]) {
		large, small = append(large, small[0]), nil
	}
	slices.SortStableFunc(large, func(a, b *fleet.Node) int { return cmp.Compare(m.weight[b], m.weight[a]) })
	var weights []int64
	for _, n := range large {
		weights = append(weights, m.weight[n])
	}
	for _, n := range small {
		rest.Bytes += m.weight[n]
		rest.Images += m.images[n]
	}
	if rest.Nodes = small; len(small) > 0 {
		weights = append(weights, rest.Bytes)
	}
	for i, at := range squarify(weights, within) {
		if i < len(large) {
			m.node(large[i], at, parent)
			continue
		}
		rest.rect = at
		m.tiles = append(m.tiles, rest)
	}
}

func (m *treemap) node(n *fleet.Node, at rect, parent int) {
	t := tile{rect: at, Node: n, Bytes: m.weight[n], Images: m.images[n], Parent: parent}
	own := m.bytes(n)
	switch {
	case own == m.weight[n]:
		t.Kind = tileOwn
	case at.area() < smallestTile:
		t.Kind = tileWhole
	}
	m.tiles = append(m.tiles, t)
	if t.Kind != tileFrame {
		return
	}
	frame := len(m.tiles) - 1
	share := float64(own) / float64(t.Bytes)
	left, right := at.split(share)
	if own > 0 {
		t.rect, t.Kind, t.Bytes, t.Parent = left, tileOwn, own, frame
		m.tiles = append(m.tiles, t)
	}
	m.siblings(n.Children, right, frame)
}

// split parts a rectangle: at the top, for there names have room, or at the left of one
// that is low.
func (r rect) split(share float64) (first, rest rect) {
	first, rest = r, r
	if r.W > 2*r.H {
		first.W = float64(r.W * share)
		rest.X, rest.W = r.X+first.W, r.W-first.W
		return first, rest
	}
	first.H = float64(r.H * share)
	rest.Y, rest.H = r.Y+first.H, r.H-first.H
	return first, rest
}

// squarify parts a rectangle in the proportion of weights, all above 0, into rectangles
// that are as little oblong as is found by filling it row by row (Bruls, Huizing and van
// Wijk, 2000).
func squarify(weights []int64, r rect) (parts []rect) {
	left := int64(0)
	for _, w := range weights {
		left += w
	}
	for len(weights) > 0 {
		n, sum := 1, weights[0]
		for n < len(weights) && worst(weights[:n+1], sum+weights[n], left, r) <= worst(weights[:n], sum, left, r) {
			sum += weights[n]
			n++
		}
		share := float64(sum) / float64(left)
		row, rest := r, r
		if wide := r.W >= r.H; wide {
			row.W = float64(r.W * share)
			rest.X, rest.W = r.X+row.W, r.W-row.W
		} else {
			row.H = float64(r.H * share)
			rest.Y, rest.H = r.Y+row.H, r.H-row.H
		}
		parts = append(parts, fill(weights[:n], sum, row, r.W >= r.H)...)
		weights, left, r = weights[n:], left-sum, rest
	}
	return parts
}

// worst is how oblong the most oblong of a row's rectangles is, 1 being a square.
func worst(row []int64, sum, left int64, r rect) (most float64) {
	long, short := max(r.W, r.H), min(r.W, r.H)
	thick := float64(long*float64(sum)) / float64(left)
	for _, w := range row {
		length := float64(short*float64(w)) / float64(sum)
		most = max(most, thick/length, length/thick)
	}
	if math.IsNaN(most) {
		return math.Inf(1)
	}
	return most
}

// fill parts a row, from the top downwards or from the left to the right.
func fill(weights []int64, sum int64, row rect, down bool) (parts []rect) {
	done := int64(0)
	for _, w := range weights {
		from, to := float64(done)/float64(sum), float64(done+w)/float64(sum)
		at := row
		if down {
			at.Y, at.H = row.Y+float64(row.H*from), float64(row.H*to)-float64(row.H*from)
		} else {
			at.X, at.W = row.X+float64(row.W*from), float64(row.W*to)-float64(row.W*from)
		}
		parts = append(parts, at)
		done += w
	}
	return parts
}
