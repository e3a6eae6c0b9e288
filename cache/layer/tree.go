package layer

import (
	"errors"
	"fmt"
	"iter"
	"strings"
)

// Tree is the squashed view of a stack of layers: what a container would see. It
// holds no nodes in memory: every walk merges the layers' TOCs. It is safe for
// concurrent use.
type Tree struct{ layers []*TOC }

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

// linked resolves a hard link whose target another layer holds, or which its own
// holds behind a lower layer's symbolic link.
func (t *Tree) linked(n Node) (Node, bool, error) {
	below := Squash(t.layers[:n.Layer])
	at, link := n.Path, n.Link
	for range maxResolveHops {
		target, err := below.target(link)
		if err != nil {
			return Node{}, false, err
		}
		e, err := t.layers[n.Layer].Lookup(target)
		if err != nil && err != ErrNotExist {
			return Node{}, false, err
		}
		if err == nil && e.Kind == HardLink && target != at {
			at, link = target, e.Link
			continue
		}
		if err == nil && carriesFile(e.Kind) {
			e.Path = n.Path
			return Node{Entry: e, Layer: n.Layer, Carrier: n.Layer}, true, nil
		}
		return below.lend(target, n)
	}
	return Node{}, false, nil
}

// target is where a hard link's target lies, behind the tree's symbolic links.
func (t *Tree) target(link string) (string, error) {
	parent, name := splitPath(link)
	dir, _, err := t.Resolve(parent)
	if errors.Is(err, ErrNotExist) || isLoop(err) {
		return link, nil
	}
	return joinPath(dir.Path, name), err
}

// lend gives the file at a path to a hard link of a layer above.
func (t *Tree) lend(path string, link Node) (Node, bool, error) {
	found, err := t.Lookup(path)
	if err == ErrNotExist || err == nil && found.Kind == Dir {
		return Node{}, false, nil
	}
	if err != nil {
		return Node{}, false, err
	}
	found.Path, found.Layer = link.Path, link.Layer
	return found, true, nil
}

func carriesFile(k Kind) bool { return k != Absent && k != Dir && k != HardLink }

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

// Lookup returns the node at a clean path, or ErrNotExist. Links are not followed.
func (t *Tree) Lookup(path string) (Node, error) {
	for n, err := range t.Walk(path) {
		if err != nil {
			return Node{}, err
		}
		if n.Path == path {
			return n, nil
		}
		break
	}
	return Node{}, ErrNotExist
}

// Hop is one symbolic link that Resolve followed: the link's path, and its target
// as written.
type Hop struct{ Path, Target string }

// LoopError says that symbolic links lead to each other.
type LoopError struct{ Path string }

func (e *LoopError) Error() string {
	return fmt.Sprintf("%q: too many symbolic links, or a loop of them", e.Path)
}

func isLoop(err error) bool {
	var loop *LoopError
	return errors.As(err, &loop)
}

const maxResolveHops = 40 // as Linux

// Resolve finds the node at path as a process in the image would, following
// symbolic links inside the image's root, the last one too; ".." is clamped
// there. The hops are those it followed, also on an error.
func (t *Tree) Resolve(path string) (Node, []Hop, error) {
	at, err := t.Lookup("")
	if errors.Is(err, ErrNotExist) {
		return at, nil, err
	}
	var hops []Hop
	rest := []byte(path)
	for err == nil {
		var component []byte
		if component, rest = nextComponent(rest); component == nil {
			return at, hops, nil
		}
		if string(component) == ".." {
			parent, _ := splitPath(at.Path)
			at, err = t.Lookup(parent)
			continue
		}
		if at.Kind != Dir {
			return Node{}, hops, ErrNotExist
		}
		parent := at
		if at, err = t.Lookup(joinPath(parent.Path, string(component))); err != nil || at.Kind != Symlink {
			continue
		}
		hops = append(hops, Hop{Path: at.Path, Target: at.Link})
		if len(hops) > maxResolveHops {
			return Node{}, hops, &LoopError{Path: path}
		}
		rest = append([]byte(at.Link+"/"), rest...)
		if at = parent; strings.HasPrefix(hops[len(hops)-1].Target, "/") {
			at, err = t.Lookup("")
		}
	}
	return Node{}, hops, err
}
