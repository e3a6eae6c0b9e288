package inspect

import (
	"cmp"
	"slices"

	"github.com/layers/layers/cache/layer"
)

// hiddenOptions guides hiddenIn.
type hiddenOptions struct {
	by    By
	limit int
	keep  func(layer.Copy) bool // nil: all
}

// hiddenIn sums up the hidden copies of a tree of the lowest layers, by path and by
// the layer that carries them. Memory is bounded by the limit.
func (in *Input) hiddenIn(tree *layer.Tree, o hiddenOptions) (Reclaimable, []int64, error) {
	g := newGrouper(in.Layers[:len(tree.Layers())], o)
	for c, err := range tree.Reclaimable() {
		if err != nil {
			return Reclaimable{}, nil, err
		}
		if o.keep == nil || o.keep(c) {
			g.add(c)
		}
	}
	g.flush()
	g.sum.Top = g.top.sorted()
	return g.sum, g.bytes, nil
}

// grouper makes paths of copies that come in path order.
type grouper struct {
	sum   Reclaimable
	from  []Layer
	bytes []int64 // by layer
	top   *topK[Hidden]

	path    string
	current []HiddenCopy // of path
}

func newGrouper(from []Layer, o hiddenOptions) *grouper {
	g := &grouper{from: from, bytes: make([]int64, len(from)), top: newTopK(o.limit, ranking(o.by))}
	g.sum.By = cmp.Or(o.by, ByUnpacked)
	if extentsKnown(from) {
		g.sum.Content = new(int64)
	}
	return g
}

func (g *grouper) copyOf(c layer.Copy) HiddenCopy {
	h := HiddenCopy{Layer: c.Layer + 1, HiddenBy: c.HiddenBy + 1, Bytes: c.Bytes}
	if c.Names > 1 {
		h.Names = c.Names
	}
	if g.sum.Content != nil {
		span, _ := g.from[c.Layer].Extents.Span(c.Entry.Offset)
		h.Content = &span.Bytes
	}
	return h
}

func (g *grouper) add(c layer.Copy) {
	if c.Path != g.path {
		g.flush()
		g.path = c.Path
	}
	g.current = append(g.current, g.copyOf(c))
}

// flush closes the current path.
func (g *grouper) flush() {
	g.group(g.path, g.current)
	g.current = g.current[:0]
}

func (g *grouper) group(path string, copies []HiddenCopy) {
	if len(copies) == 0 {
		return
	}
	h := Hidden{Named: Named{Path: path}}
	if g.sum.Content != nil {
		h.Content = new(int64)
	}
	for _, c := range copies {
		h.Bytes += c.Bytes
		g.bytes[c.Layer-1] += c.Bytes
		if h.Content != nil {
			*h.Content += *c.Content
			*g.sum.Content += *c.Content
		}
	}
	g.sum.Paths++
	g.sum.Copies += int64(len(copies))
	g.sum.Bytes += h.Bytes
	if g.top.wants(h) {
		h.Named = layer.Name(path)
		h.Copies = slices.Clone(copies)
		g.top.add(h)
	}
}
