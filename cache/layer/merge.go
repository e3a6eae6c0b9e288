package layer

import "container/heap"

// merge goes through the TOCs of a stack side by side, in path order, and tells at
// each path what becomes of each layer's entry there.
type merge struct {
	heads  mergeHeap
	levels []level // of the directories that lead to the current path
	deep   []byte  // the path of the last level, which the others are prefixes of
	path   []byte
	group  []*head // the cursors that stand at the current path, bottom first
}

// head is one layer's cursor.
type head struct {
	*cursor
	layer int
}

// level is a directory on the way to the current path.
type level struct {
	end    int   // of its path in merge.deep: copies of all would grow with the square of the depth
	floor  int   // the entries below the directory of layers under this one are hidden
	hiders []int // all layers that hide what lower ones have below it, ascending
}

func newMerge(layers []*TOC, prefix string) (*merge, error) {
	m := &merge{}
	heads := newHeads(layers)
	if err := m.descend(heads, prefix); err != nil {
		return nil, err
	}
	for _, h := range heads {
		h.seek(prefix)
		if err := m.advance(h); err != nil {
			return nil, err
		}
	}
	heap.Init(&m.heads)
	return m, nil
}

func newHeads(layers []*TOC) []*head {
	heads := make([]*head, len(layers))
	for i, t := range layers {
		heads[i] = &head{cursor: &cursor{toc: t}, layer: i}
	}
	return heads
}

// descend makes the levels of the parents of prefix, as if the walk had come
// through them.
func (m *merge) descend(heads []*head, prefix string) error {
	m.leave([]byte(prefix))
	if prefix == "" {
		return nil
	}
	for _, parent := range parents(prefix)[len(m.levels):] {
		m.deep = append(m.deep[:0], parent...)
		l := level{end: len(parent), floor: m.floor()}
		for _, h := range heads {
			ok, err := h.find(parent)
			if err != nil {
				return err
			}
			if ok {
				l.add(h.layer, hidesBelow(h.rec.kind, h.rec.hides))
			}
		}
		m.levels = append(m.levels, l)
	}
	return nil
}

// parents returns the clean paths above path, the root first.
func parents(path string) []string {
	all := []string{""}
	for i := range len(path) {
		if path[i] == '/' {
			all = append(all, path[:i])
		}
	}
	return all
}

// hidesBelow reports whether an entry hides what lower layers have below its path.
func hidesBelow(k Kind, h Hides) bool { return k != Dir || h != HidesNothing }

// hidesAt reports whether an entry hides what lower layers have at its own path,
// where they have a directory or something else there.
func hidesAt(upper *record, lower Kind) bool {
	return upper.kind != Dir || upper.hides == HidesAll || lower != Dir
}

func (l *level) add(layer int, hides bool) {
	if hides {
		l.floor = max(l.floor, layer)
		l.hiders = append(l.hiders, layer)
	}
}

// floor is that of the directory which the current path lies in.
func (m *merge) floor() int {
	if len(m.levels) == 0 {
		return 0
	}
	return m.levels[len(m.levels)-1].floor
}

// leave drops the levels that path does not lie below.
func (m *merge) leave(path []byte) {
	for len(m.levels) > 0 {
		p := m.deep[:m.levels[len(m.levels)-1].end]
		if len(p) == 0 && len(path) > 0 || len(path) > len(p) && string(path[:len(p)]) == string(p) && path[len(p)] == '/' {
			return
		}
		m.levels = m.levels[:len(m.levels)-1]
	}
}

// advance moves a cursor on; one that has ended is dropped.
func (m *merge) advance(h *head) error {
	ok, err := h.next()
	if err != nil || !ok {
		return err
	}
	m.heads = append(m.heads, h)
	return nil
}

// skip passes over all that lies below the current path. Only the cursors of the
// group can have anything there, since a TOC has an entry for every parent.
func (m *merge) skip() error {
	path := string(m.path)
	for _, h := range m.group {
		if err := h.skip(path); err != nil {
			return err
		}
	}
	return nil
}

// next goes to the next path, which stands in path and group.
func (m *merge) next() (bool, error) {
	for _, h := range m.group {
		ok, err := h.next()
		if err != nil {
			return false, err
		}
		if ok {
			heap.Push(&m.heads, h)
		}
	}
	m.group = m.group[:0]
	if len(m.heads) == 0 {
		return false, nil
	}
	m.path = append(m.path[:0], m.heads[0].path...)
	for len(m.heads) > 0 && string(m.heads[0].path) == string(m.path) {
		m.group = append(m.group, heap.Pop(&m.heads).(*head))
	}
	m.leave(m.path)
	return true, nil
}

// enter makes the current path a level, for what comes below it.
func (m *merge) enter() {
	if len(m.levels) < cap(m.levels) {
		m.levels = m.levels[:len(m.levels)+1]
	} else {
		m.levels = append(m.levels, level{})
	}
	l := &m.levels[len(m.levels)-1]
	floor := 0
	if len(m.levels) > 1 {
		floor = m.levels[len(m.levels)-2].floor
	}
	m.deep = append(m.deep[:0], m.path...)
	l.end, l.floor, l.hiders = len(m.path), floor, l.hiders[:0]
	for _, h := range m.group {
		l.add(h.layer, hidesBelow(h.rec.kind, h.rec.hides))
	}
}

// view is what a container sees at the current path.
type view struct {
	top   int // in group: the entry that makes the name; -1 if there is none
	attrs int // in group: the entry whose attributes count; for directories also one below top
	low   int // in group: the lowest directory that is merged
}

// see finds what is visible at the current path.
func (m *merge) see() view { return m.seeBelow(len(m.group)) }

// seeBelow finds what is visible at the current path of the first n of the group.
func (m *merge) seeBelow(n int) view { return m.seeWithin(n, m.floor()) }

// seeWithin is seeBelow with the floor that some of the layers make.
func (m *merge) seeWithin(n, floor int) view {
	last := n - 1
	if last < 0 || m.group[last].layer < floor || m.group[last].rec.kind == Absent {
		return view{top: -1}
	}
	v := view{top: last, attrs: last, low: last}
	if m.group[last].rec.kind != Dir {
		return v
	}
	v.attrs = -1
	for i := last; i >= 0; i-- {
		r := &m.group[i].rec
		if m.group[i].layer < floor || r.kind != Dir {
			break
		}
		v.low = i
		if v.attrs < 0 && !r.implied {
			v.attrs = i
		}
		if r.hides == HidesAll {
			break
		}
	}
	if v.attrs < 0 {
		v.attrs = last
	}
	return v
}

// hiddenBy returns the lowest layer that hides the entry of group[i], and the path
// of the entry which does; -1 if none hides it.
func (m *merge) hiddenBy(i int) (layer int, at []byte) {
	layer = -1
	own := m.group[i].layer
	for _, l := range m.levels {
		for _, hider := range l.hiders {
			if hider > own {
				if layer < 0 || hider < layer {
					layer, at = hider, m.deep[:l.end]
				}
				break
			}
		}
	}
	for _, h := range m.group[i+1:] {
		if hidesAt(&h.rec, m.group[i].rec.kind) {
			if layer < 0 || h.layer < layer {
				layer, at = h.layer, m.path
			}
			break
		}
	}
	return layer, at
}

// mergeHeap orders cursors by path, then by layer.
type mergeHeap []*head

// Len is that of sort.Interface.
func (h mergeHeap) Len() int { return len(h) }

// Less puts the cursor first whose path is first, and of one path the lowest layer's.
func (h mergeHeap) Less(i, j int) bool {
	if c := comparePaths(h[i].path, h[j].path); c != 0 {
		return c < 0
	}
	return h[i].layer < h[j].layer
}

// Swap is that of sort.Interface.
func (h mergeHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push takes a *head; it is for container/heap alone, as Pop is.
func (h *mergeHeap) Push(x any) { *h = append(*h, x.(*head)) }

// Pop takes the last element off, which container/heap has put there.
func (h *mergeHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
