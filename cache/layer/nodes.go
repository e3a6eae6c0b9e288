package layer

import (
	"bytes"
	"hash/maphash"
)

// node is one name of the layer that is being read. A layer of a million names
// is held as nodes, so each is two dozen bytes and points nowhere.
//
// A directory that something else replaces loses all its children at once: its
// node is dead, and a new one has its name.
type node struct {
	parent  uint32
	name    uint32 // in nodeTable.names
	child   uint32 // the newest, 0 for none
	next    uint32 // sibling
	ref     uint32 // record in the spool; 0 for implied directories and pure whiteouts
	kind    Kind
	hides   Hides
	implied bool
	state   nodeState
}

// nodeState is what becomes of a node.
type nodeState uint8

const (
	alive   nodeState = iota
	dead              // a replaced directory: neither it nor its children count
	onChain           // a hard link that resolveChain has come by
	settled           // a hard link that leads out of the layer, and says where
)

const (
	nodeSize  = 24 // bytes
	nodeChunk = 8192
	rootNode  = uint32(1)
)

// nodeTable is a tree of names with a hash table over (parent, name).
type nodeTable struct {
	chunks []*[nodeChunk]node
	count  uint32 // nodes, and the unused number 0
	names  nameLog
	slots  []uint32 // open addressing, a power of two, at most half full
	seed   maphash.Seed
	limit  int64 // of nodes but the root
}

func newNodeTable(limits Limits) *nodeTable {
	t := &nodeTable{seed: maphash.MakeSeed(), slots: make([]uint32, 1024), limit: limits.Entries}
	t.names.limit = limits.Names
	t.grow() // number 0
	root := t.grow()
	*t.at(root) = node{kind: Dir, implied: true}
	return t
}

// memory is what the table holds, in bytes.
func (t *nodeTable) memory() int64 {
	nodes := int64(len(t.chunks)) * nodeChunk * nodeSize
	return nodes + int64(len(t.names.pages))*namePage + int64(len(t.slots))*4
}

func (t *nodeTable) at(i uint32) *node { return &t.chunks[i/nodeChunk][i%nodeChunk] }

func (t *nodeTable) name(n *node) []byte { return t.names.at(n.name) }

func (t *nodeTable) grow() uint32 {
	i := t.count
	if i%nodeChunk == 0 {
		t.chunks = append(t.chunks, new([nodeChunk]node))
	}
	t.count++
	return i
}

// find returns the living child of a directory, or 0.
func (t *nodeTable) find(parent uint32, name []byte) uint32 {
	return t.slots[t.slot(parent, name)]
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

// add returns the child of a directory, new and empty (Absent) if there was none.
func (t *nodeTable) add(parent uint32, name []byte) (uint32, error) {
	h := t.slot(parent, name)
	if i := t.slots[h]; i != 0 {
		return i, nil
	}
	if err := t.full(); err != nil {
		return 0, err
	}
	at, err := t.names.add(name)
	if err != nil {
		return 0, err
	}
	t.slots[h] = t.put(parent, at)
	i := t.slots[h]
	if int(t.count)*2 > len(t.slots) {
		t.rehash()
	}
	return i, nil
}

// bury makes a node and all below it dead, and returns the new and empty one that
// takes its place.
func (t *nodeTable) bury(i uint32) (uint32, error) {
	if err := t.full(); err != nil {
		return 0, err
	}
	n := t.at(i)
	heir := t.put(n.parent, n.name)
	t.at(heir).hides = n.hides
	t.slots[t.slot(n.parent, t.name(n))] = heir
	n.state = dead
	return heir, nil
}

func (t *nodeTable) full() error {
	if int64(t.count)-2 >= t.limit || t.count == 1<<32-1 {
		return &LimitError{What: "entries", Limit: t.limit}
	}
	return nil
}

func (t *nodeTable) put(parent, name uint32) uint32 {
	i := t.grow()
	p := t.at(parent)
	*t.at(i) = node{parent: parent, name: name, next: p.child}
	p.child = i
	return i
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

// reachable reports whether a node and all its parents live.
func (t *nodeTable) reachable(i uint32) bool {
	for ; i != rootNode; i = t.at(i).parent {
		if t.at(i).state == dead {
			return false
		}
	}
	return true
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

// pathLength counts the bytes of a node's path, a slash before each name.
func (t *nodeTable) pathLength(i uint32) (n int64) {
	for ; i != rootNode; i = t.at(i).parent {
		n += int64(len(t.name(t.at(i)))) + 1
	}
	return n
}
