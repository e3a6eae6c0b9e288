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

// Reclaimable yields every hidden copy that has bytes, each once: the bytes that
// the layers carry and no container sees. Memory grows with the number of files
// that have several names, not with the files.
func (t *Tree) Reclaimable() iter.Seq2[Copy, error] {
	return func(yield func(Copy, error) bool) {
		r := reclaim{groups: make(map[carried]*Copy)}
		var err error
		if r.links, err = t.linksBelow(); err != nil {
			yield(Copy{}, err)
			return
		}
		for m, err := range t.merged("") {
			if err != nil {
				yield(Copy{}, err)
				return
			}
			if !r.path(m, yield) {
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

type reclaim struct {
	links  map[carried]int   // content with hard links whose target their layers do not hold by that name: what hid the last, or inView
	groups map[carried]*Copy // files of several names of which some have come, all hidden; nil for a visible one
}

// path looks at the entries of one path.
func (r *reclaim) path(m *merge, yield func(Copy, error) bool) bool {
	v := m.see()
	for i, h := range m.group {
		if h.rec.kind != File || h.rec.size == 0 {
			continue
		}
		last := r.links[carried{h.layer, h.rec.offset}]
		if last == inView {
			continue
		}
		hidden := -1
		if v.top < 0 || i < v.low {
			hidden, _ = m.hiddenBy(i)
			hidden = max(hidden, last)
		}
		if c := r.entry(m, h, hidden); c != nil && !yield(*c, nil) {
			return false
		}
	}
	return true
}

// entry takes one name of a file and returns the file's copy if it is the last
// and all are hidden.
func (r *reclaim) entry(m *merge, h *head, hiddenBy int) *Copy {
	if h.rec.group == 0 {
		if hiddenBy < 0 {
			return nil
		}
		return newCopy(m, h, hiddenBy)
	}
	key := carried{h.layer, h.rec.offset}
	c, known := r.groups[key]
	switch {
	case hiddenBy < 0:
		r.groups[key] = nil
		return nil
	case !known:
		c = newCopy(m, h, hiddenBy)
		r.groups[key] = c
	case c == nil:
		return nil
	default:
		c.Names++
		c.HiddenBy = max(c.HiddenBy, hiddenBy)
	}
	if c.Names < int(h.rec.links) {
		return nil
	}
	delete(r.groups, key)
	return c
}

func newCopy(m *merge, h *head, hiddenBy int) *Copy {
	e := h.rec.entry(string(m.path))
	return &Copy{Path: e.Path, Names: 1, Layer: h.layer, HiddenBy: hiddenBy, Bytes: e.Size, Entry: e}
}

// inView stands for the layer that hides what none does.
const inView = math.MaxInt

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
