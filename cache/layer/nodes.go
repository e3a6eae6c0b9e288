package layer

import (
	"bytes"
	"hash/maphash"
)

// node is one name of the layer that is being read. A layer of a million names
// is held as nodes, so each is a few dozen bytes and points nowhere.
//
// A directory that something else replaces loses all its children at once: its
// generation goes up, and a child lives only while it has its parent's generation.
type node struct {
	parent  uint32
	name    uint32 // offset in nodeTable.names
	nameLen uint32
	child   uint32 // the newest, 0 for none
	next    uint32 // sibling
	ref     uint32 // record in the spool; 0 for implied directories and pure whiteouts
	gen     uint32 // of the children
	born    uint32 // the parent's generation when this was last added
	kind    Kind
	hides   Hides
	implied bool
}

const (
	nodeChunk = 8192
	rootNode  = uint32(1)
)

// nodeTable is a tree of names with a hash table over (parent, name).
type nodeTable struct {
	chunks []*[nodeChunk]node
	count  uint32 // nodes, and the unused number 0
	names  []byte
	slots  []uint32 // open addressing, a power of two, at most half full
	seed   maphash.Seed
	limit  int64
}

func newNodeTable(limit int64) *nodeTable {
	t := &nodeTable{seed: maphash.MakeSeed(), slots: make([]uint32, 1024), limit: limit}
	t.grow() // number 0
	root := t.grow()
	*t.at(root) = node{kind: Dir, implied: true}
	return t
}

func (t *nodeTable) at(i uint32) *node { return &t.chunks[i/nodeChunk][i%nodeChunk] }

func (t *nodeTable) name(n *node) []byte {
	return t.names[n.name : n.name+n.nameLen : n.name+n.nameLen]
}

func (t *nodeTable) grow() uint32 {
	i := t.count
	if i%nodeChunk == 0 {
		t.chunks = append(t.chunks, new([nodeChunk]node))
	}
	t.count++
	return i
}

// lives reports whether a node counts, given that its parent does.
func (t *nodeTable) lives(n *node) bool { return n.parent == 0 || n.born == t.at(n.parent).gen }

// find returns the living child of a directory, or 0.
func (t *nodeTable) find(parent uint32, name []byte) uint32 {
	i := t.slots[t.slot(parent, name)]
	if i != 0 && !t.lives(t.at(i)) {
		return 0
	}
	return i
}

// slot returns where the name is, or where it would go.
func (t *nodeTable) slot(parent uint32, name []byte) int {
	mask := len(t.slots) - 1
	h := int(maphash.Bytes(t.seed, name)+uint64(parent)*0x9e3779b97f4a7c15) & mask
	for ; t.slots[h] != 0; h = (h + 1) & mask {
		n := t.at(t.slots[h])
		if n.parent == parent && bytes.Equal(t.name(n), name) {
			break
		}
	}
	return h
}

// add returns the child of a directory, new and empty (Absent) if it did not live.
func (t *nodeTable) add(parent uint32, name []byte) (i uint32, err error) {
	h := t.slot(parent, name)
	born := t.at(parent).gen
	if i = t.slots[h]; i != 0 {
		if n := t.at(i); n.born != born {
			n.born = born
			n.gen++
			n.ref, n.kind, n.hides, n.implied = 0, Absent, HidesNothing, false
		}
		return i, nil
	}
	if int64(t.count) > t.limit {
		return 0, &LimitError{What: "entries", Limit: t.limit}
	}
	if uint64(len(t.names))+uint64(len(name)) > 1<<32-1 {
		return 0, &LimitError{What: "path", Limit: 1<<32 - 1}
	}
	i = t.grow()
	p := t.at(parent)
	*t.at(i) = node{parent: parent, name: uint32(len(t.names)), nameLen: uint32(len(name)), next: p.child, born: born}
	p.child = i
	t.names = append(t.names, name...)
	t.slots[h] = i
	if int(t.count)*2 > len(t.slots) {
		t.rehash()
	}
	return i, nil
}

func (t *nodeTable) rehash() {
	old := t.slots
	t.slots = make([]uint32, 2*len(old))
	for _, i := range old {
		if i != 0 {
			n := t.at(i)
			t.slots[t.slot(n.parent, t.name(n))] = i
		}
	}
}

// path appends the clean path of a node to b.
func (t *nodeTable) path(i uint32, b []byte) []byte {
	n := t.at(i)
	if n.parent == 0 {
		return b
	}
	if n.parent != rootNode {
		b = append(t.path(n.parent, b), '/')
	}
	return append(b, t.name(n)...)
}
