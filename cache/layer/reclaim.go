package layer

import (
	"iter"
	"math"
)

// Copy is the content of one file in one layer of which no name is visible.
type Copy struct {
	Path     string // of its first name
	Names    int    // how many names it has in the layer
	Layer    int    // the layer that carries it, numbered from 0
	HiddenBy int    // the layer that hid the last of its names
	Bytes    int64  // unpacked
	Entry    Entry
}

// Reclaimable yields every hidden copy that has bytes, each once, in the order of
// ComparePaths, at one path the lowest layer first: the bytes that the layers carry and
// no container sees. Memory grows with the number of files that have several names,
// by a few bytes each, not with the files.
func (t *Tree) Reclaimable() iter.Seq2[Copy, error] {
	return func(yield func(Copy, error) bool) {
		r, err := t.newReclaim()
		if err != nil {
			yield(Copy{}, err)
			return
		}
		for m, err := range t.merged("") {
			if err != nil {
				yield(Copy{}, err)
				return
			}
			if !r.yield(m, yield) {
				return
			}
		}
	}
}

// carried names the content that a layer's tar holds at an offset.
type carried struct {
	layer  int
	offset int64
}

// reclaim knows what a path alone does not tell: what hid files by their other names.
type reclaim struct {
	links  map[carried]int // content with hard links whose target their layers do not hold by that name: what hid the last, or inView
	groups [][]int32       // by layer and group: what hid the last name, or inView, or 0 for files that were yielded
}

func (t *Tree) newReclaim() (*reclaim, error) {
	links, err := t.linksBelow()
	if err != nil {
		return nil, err
	}
	r := &reclaim{links: links, groups: make([][]int32, len(t.layers))}
	several := false
	for i, toc := range t.layers {
		r.groups[i] = make([]int32, toc.meta.Groups)
		several = several || toc.meta.Groups > 0
	}
	if !several {
		return r, nil
	}
	for m, err := range t.merged("") {
		if err != nil {
			return nil, err
		}
		r.note(m)
	}
	return r, nil
}

// note looks at the names at one path that files of several names have.
func (r *reclaim) note(m *merge) {
	v := m.see()
	for i, h := range m.group {
		if h.rec.kind == File && h.rec.group > 0 {
			by := &r.groups[h.layer][h.rec.group-1]
			*by = max(*by, int32(r.hiddenBy(m, v, i)))
		}
	}
}

// yield yields the copies whose first name is at one path.
func (r *reclaim) yield(m *merge, yield func(Copy, error) bool) bool {
	v := m.see()
	for i, h := range m.group {
		if h.rec.kind != File || h.rec.size == 0 {
			continue
		}
		by := 0
		if g := h.rec.group; g > 0 {
			by = int(r.groups[h.layer][g-1])
			r.groups[h.layer][g-1] = 0
		} else {
			by = r.hiddenBy(m, v, i)
		}
		if by != 0 && by != inView && !yield(newCopy(m, h, by), nil) {
			return false
		}
	}
	return true
}

// hiddenBy is the layer that hides the name group[i] and all links to it from other
// layers, or inView.
func (r *reclaim) hiddenBy(m *merge, v view, i int) int {
	h := m.group[i]
	last := r.links[carried{h.layer, h.rec.offset}]
	if last == inView || v.top >= 0 && i >= v.low {
		return inView
	}
	layer, _ := m.hiddenBy(i)
	return max(layer, last)
}

func newCopy(m *merge, h *head, hiddenBy int) Copy {
	e := h.rec.entry(string(m.path))
	return Copy{Path: e.Path, Names: int(max(e.Links, 1)), Layer: h.layer, HiddenBy: hiddenBy, Bytes: e.Size, Entry: e}
}

// inView stands for the layer that hides what none does.
const inView = math.MaxInt32

// linksBelow finds the content of lower layers to which layers have hard links,
// and which layer hid the last of these. Stacks without such links, nearly all,
// are not walked.
func (t *Tree) linksBelow() (map[carried]int, error) {
	links := false
	for _, toc := range t.layers {
		links = links || toc.meta.LowerLinks > 0
	}
	if !links {
		return nil, nil
	}
	last := make(map[carried]int)
	for m, err := range t.merged("") {
		if err != nil {
			return nil, err
		}
		top := m.see().top
		for i, h := range m.group {
			if h.rec.kind != HardLink {
				continue
			}
			n, ok, err := t.linked(Node{Entry: h.rec.entry(string(m.path)), Layer: h.layer})
			if err != nil {
				return nil, err
			}
			if !ok || n.Kind != File {
				continue
			}
			last[n.carried()] = max(last[n.carried()], m.until(i, top))
		}
	}
	return last, nil
}

func (n *Node) carried() carried { return carried{n.Carrier, n.Offset} }

// until is the layer that hides group[i], or inView if it is the top.
func (m *merge) until(i, top int) int {
	if i == top {
		return inView
	}
	layer, _ := m.hiddenBy(i)
	return layer
}
