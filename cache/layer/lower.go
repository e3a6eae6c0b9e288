package layer

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Lower is what the directory that stands for one layer in an overlay has at a path.
// Absent is a whiteout; no other kind is a HardLink.
type Lower struct {
	Node
	// Opaque hides what lower directories of the overlay have below the path.
	Opaque bool
	// None says that the overlay has no use for the layer's entry at the path.
	None bool
}

// DanglingError says that a hard link leads to a file that no layer has: such a
// layer can be looked at, but not be written to a disk.
type DanglingError struct {
	Layer      int // from 0
	Path, Link string
}

// Error names the link and its target as the image has them.
func (e *DanglingError) Error() string {
	return fmt.Sprintf("%q is a hard link to %q, which neither its layer nor a lower one has", e.Path, e.Link)
}

// Lower yields what the layer's directory in an overlay holds, in the order of
// ComparePaths: its entries, but for the adjustments, which are those of
// Tree.Adjustments for the layer. The layer has the given number in its stack.
func (t *TOC) Lower(number int, adjustments iter.Seq2[Lower, error]) iter.Seq2[Lower, error] {
	return func(yield func(Lower, error) bool) {
		next, stop := iter.Pull2(adjustments)
		defer stop()
		l, err, more := next()
		for e, failed := range t.Entries("") {
			for more && err == nil && failed == nil && ComparePaths(l.Path, e.Path) < 0 {
				if !yield(l, nil) {
					return
				}
				l, err, more = next()
			}
			if failed = errors.Join(failed, err); failed != nil {
				yield(Lower{}, failed)
				return
			}
			now := ownLower(e, number)
			if more && l.Path == e.Path {
				now = l
				l, err, more = next()
			}
			if !now.None && !yield(now, nil) {
				return
			}
		}
		for more && yield(l, err) && err == nil {
			l, err, more = next()
		}
	}
}

// ownLower is an entry of the layer with the given number as it is.
func ownLower(e Entry, number int) Lower {
	return Lower{
		Node:   Node{Entry: e, Layer: number, Carrier: number},
		Opaque: e.Kind == Dir && e.Hides != HidesNothing && e.Path != "",
	}
}

// Adjustments yields where the directories of the layers in an overlay differ from
// what the layers say when they are looked at alone, because of the layers below:
// whiteouts that hide nothing there, directories that a layer implies and a lower
// one has, hard links to lower files, and roots that hide all that is below them,
// which overlayfs has no mark for. They come in the order of ComparePaths, at each
// path bottom first. Two stacks in which a layer has the same adjustments can share
// its directory. The attributes of the root are not among them: those of the
// topmost directory of an overlay count, and who mounts it has to see to that.
//
// A hard link that dangles is a *DanglingError.
func (t *Tree) Adjustments() iter.Seq2[Lower, error] {
	return func(yield func(Lower, error) bool) {
		var opaqueRoots []int
		for m, err := range t.merged("") {
			if err != nil {
				yield(Lower{}, err)
				return
			}
			if len(m.path) == 0 {
				opaqueRoots = m.opaque()
				continue
			}
			found, err := t.adjust(m, opaqueRoots)
			for _, l := range found {
				if !yield(l, nil) {
					return
				}
			}
			if err != nil {
				yield(Lower{}, err)
				return
			}
		}
	}
}

// opaque returns the layers of the group that hide what is below their directories.
func (m *merge) opaque() (layers []int) {
	for _, h := range m.group {
		if h.rec.hides != HidesNothing {
			layers = append(layers, h.layer)
		}
	}
	return layers
}

// adjust returns the adjustments at the merge's path, bottom first.
func (t *Tree) adjust(m *merge, opaqueRoots []int) (found []Lower, err error) {
	for i := range m.group {
		l, differs, err := t.adjustEntry(m, i)
		if err != nil {
			return found, err
		}
		if differs {
			found = append(found, l)
		}
	}
	if len(opaqueRoots) == 0 || strings.Contains(string(m.path), "/") {
		return found, nil
	}
	for _, layer := range opaqueRoots {
		found = m.hideAtRoot(layer, found)
	}
	slices.SortFunc(found, func(a, b Lower) int { return a.Layer - b.Layer })
	return found, nil
}

// adjustEntry says what becomes of the entry of group[i] because of those below it.
func (t *Tree) adjustEntry(m *merge, i int) (l Lower, differs bool, err error) {
	h := m.group[i]
	switch {
	case h.rec.kind == Absent:
		l.Entry, l.Layer, l.Carrier = h.rec.entry(string(m.path)), h.layer, h.layer
		l.None = m.seeWithin(i, m.effectiveFloor(h.layer)).top < 0
		return l, l.None, nil
	case h.rec.kind == Dir && h.rec.implied:
		v := m.seeWithin(i+1, m.floorFor(h.layer))
		if v.attrs < 0 || v.attrs == i || m.group[v.attrs].rec.implied {
			return l, false, nil
		}
		lower := m.group[v.attrs]
		l.Entry, l.Layer, l.Carrier = lower.rec.entry(string(m.path)), h.layer, lower.layer
		l.Hides, l.Opaque = h.rec.hides, h.rec.hides != HidesNothing
		return l, true, nil
	case h.rec.kind == HardLink:
		e := h.rec.entry(string(m.path))
		n, ok, err := t.linked(Node{Entry: e, Layer: h.layer})
		if err == nil && !ok {
			err = &DanglingError{Layer: h.layer, Path: e.Path, Link: e.Link}
		}
		l.Node = n
		return l, true, err
	}
	return l, false, nil
}

// hideAtRoot makes up for the mark on the root of a layer, at a path directly below.
func (m *merge) hideAtRoot(layer int, found []Lower) []Lower {
	i, has := slices.BinarySearchFunc(m.group, layer, func(h *head, layer int) int { return h.layer - layer })
	if m.seeWithin(i, m.floorFor(layer-1)).top < 0 {
		return found
	}
	l := Lower{Node: Node{Entry: Entry{Path: string(m.path), Hides: HidesAll, Offset: -1}, Layer: layer, Carrier: layer}}
	if has {
		if m.group[i].rec.kind != Dir || m.group[i].rec.hides != HidesNothing {
			return found // it hides them by itself
		}
		l.Entry, l.Opaque = m.group[i].rec.entry(l.Path), true
	}
	return append(found, l)
}

// floorFor is the floor that the layers up to one make for the current path.
func (m *merge) floorFor(layer int) (floor int) {
	for _, l := range m.levels {
		floor = max(floor, l.floorFor(layer))
	}
	return floor
}

// effectiveFloor is floorFor without the layer's own mark on its root, which
// overlayfs does not know.
func (m *merge) effectiveFloor(layer int) int {
	floor := m.levels[0].floorFor(layer - 1)
	for _, l := range m.levels[1:] {
		floor = max(floor, l.floorFor(layer))
	}
	if len(m.levels) > 1 {
		floor = max(floor, m.levels[0].floorFor(layer))
	}
	return floor
}

func (l *level) floorFor(layer int) int {
	i, found := slices.BinarySearch(l.hiders, layer)
	if found {
		return layer
	}
	if i == 0 {
		return 0
	}
	return l.hiders[i-1]
}
