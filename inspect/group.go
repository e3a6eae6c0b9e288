package inspect

import (
	"cmp"
	"slices"

	"github.com/layers/layers/cache/layer"
)

// hiddenIn sums up the hidden copies of a tree that keep accepts (nil: all), by
// path and by the layer that carries them. Memory is bounded by the limit and by
// the number of hidden files that have several names.
//
// Copies come in the order of their paths, but for files of several names, which
// come late. They are held; if there are any, a second pass puts them where they
// belong.
func hiddenIn(tree *layer.Tree, limit int, keep func(layer.Copy) bool) (Reclaimable, []int64, error) {
	late := make(map[string][]HiddenCopy)
	g := newGrouper(tree, limit, nil)
	for c, err := range tree.Reclaimable() {
		switch {
		case err != nil:
			return Reclaimable{}, nil, err
		case keep != nil && !keep(c):
		case c.Names > 1:
			late[c.Path] = append(late[c.Path], hiddenCopy(c))
		default:
			g.add(c)
		}
	}
	if len(late) == 0 {
		sum, layers := g.finish()
		return sum, layers, nil
	}
	g = newGrouper(tree, limit, late)
	for c, err := range tree.Reclaimable() {
		if err != nil {
			return Reclaimable{}, nil, err
		}
		if c.Names == 1 && (keep == nil || keep(c)) {
			g.add(c)
		}
	}
	sum, layers := g.finish()
	return sum, layers, nil
}

func hiddenCopy(c layer.Copy) HiddenCopy {
	h := HiddenCopy{Layer: c.Layer + 1, HiddenBy: c.HiddenBy + 1, Bytes: c.Bytes}
	if c.Names > 1 {
		h.Names = c.Names
	}
	return h
}

// grouper makes paths of copies that come in path order.
type grouper struct {
	sum    Reclaimable
	layers []int64 // bytes, by layer
	top    *topK[Hidden]
	late   map[string][]HiddenCopy

	path    string
	current []HiddenCopy // of path
}

func newGrouper(tree *layer.Tree, limit int, late map[string][]HiddenCopy) *grouper {
	return &grouper{layers: make([]int64, len(tree.Layers())), top: newTopK(limit, rankHidden), late: late}
}

func (g *grouper) add(c layer.Copy) {
	if c.Path != g.path {
		g.flush()
		g.path = c.Path
	}
	g.current = append(g.current, hiddenCopy(c))
}

// flush closes the current path.
func (g *grouper) flush() {
	g.current = append(g.current, g.late[g.path]...)
	delete(g.late, g.path)
	g.group(g.path, g.current)
	g.current = g.current[:0]
}

func (g *grouper) group(path string, copies []HiddenCopy) {
	if len(copies) == 0 {
		return
	}
	h := Hidden{Named: Named{Path: path}}
	for _, c := range copies {
		h.Bytes += c.Bytes
		g.layers[c.Layer-1] += c.Bytes
	}
	g.sum.Paths++
	g.sum.Copies += int64(len(copies))
	g.sum.Bytes += h.Bytes
	if g.top.wants(h) {
		h.Named = named(path)
		h.Copies = slices.Clone(copies)
		slices.SortFunc(h.Copies, func(a, b HiddenCopy) int { return cmp.Compare(a.Layer, b.Layer) })
		g.top.add(h)
	}
}

func (g *grouper) finish() (Reclaimable, []int64) {
	g.flush()
	for path, copies := range g.late {
		g.group(path, copies)
	}
	g.sum.Top = g.top.sorted()
	return g.sum, g.layers
}
