package layer

import (
	"iter"
	"strings"
)

// Tree is the squashed view of a stack of layers: what a container would see. It
// holds no nodes in memory: every walk merges the layers' TOCs. It is safe for
// concurrent use.
type Tree struct {
	layers []*TOC
	links  treeLinks
}

// Squash lays the layers over each other, bottom first. It reads nothing.
func Squash(layers []*TOC) *Tree { return &Tree{layers: layers} }

// Layers returns the TOCs of the stack, bottom first.
func (t *Tree) Layers() []*TOC { return t.layers }

// Node is what a container would see at a path. Layers are numbered from 0.
type Node struct {
	Entry       // attributes and content are resolved: never Absent, never a HardLink
	Layer   int // the layer whose entry made the name
	Carrier int // the layer whose tar holds the content and the attributes; differs from Layer for a hard link to a lower layer's file, and for a directory that the layer only implies
}

// Walk yields the nodes at and below the clean path, in the order of ComparePaths.
// Hard links that dangle are left out.
func (t *Tree) Walk(prefix string) iter.Seq2[Node, error] {
	return func(yield func(Node, error) bool) {
		m, err := newMerge(t.layers, prefix)
		if err != nil {
			yield(Node{}, err)
			return
		}
		for {
			ok, err := m.next()
			if err != nil {
				yield(Node{}, err)
				return
			}
			if !ok || !within(m.path, prefix) {
				return
			}
			node, exists, err := t.node(m)
			if err != nil {
				yield(Node{}, err)
				return
			}
			m.enter()
			if exists && !yield(node, nil) {
				return
			}
		}
	}
}

// Children yields the nodes directly below the directory at the clean path, in the
// order of ComparePaths, and passes over what lies below those without reading it.
func (t *Tree) Children(dir string) iter.Seq2[Node, error] {
	return func(yield func(Node, error) bool) {
		err := t.children(dir, func(n Node) bool { return yield(n, nil) })
		if err != nil {
			yield(Node{}, err)
		}
	}
}

func (t *Tree) children(dir string, yield func(Node) bool) error {
	m, err := newMerge(t.layers, dir)
	if err != nil {
		return err
	}
	for {
		ok, err := m.next()
		if err != nil || !ok || !within(m.path, dir) {
			return err
		}
		node, exists, err := t.node(m)
		if err != nil {
			return err
		}
		if len(m.path) == len(dir) {
			m.enter()
			continue
		}
		if exists && !yield(node) {
			return nil
		}
		if err := m.skip(); err != nil {
			return err
		}
	}
}

// node gives what is visible at the merge's current path.
func (t *Tree) node(m *merge) (Node, bool, error) {
	v := m.see()
	if v.top < 0 {
		return Node{}, false, nil
	}
	n := Node{Layer: m.group[v.top].layer, Carrier: m.group[v.attrs].layer}
	n.Entry = m.group[v.attrs].rec.entry(string(m.path))
	if n.Kind != HardLink {
		return n, true, nil
	}
	return t.linked(n)
}

func splitPath(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

func joinPath(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
