package layer

import (
	"errors"
	"fmt"
	"strings"
)

// Finder looks up nodes of a tree, one after another: what it read for the last, it
// need not read for the next if that lies close. It is not safe for concurrent use.
type Finder struct {
	tree  *Tree
	heads []*head
	m     merge // its levels are the parents of the path looked up last
}

// Finder returns a Finder of the tree. It reads nothing.
func (t *Tree) Finder() *Finder { return &Finder{tree: t, heads: newHeads(t.layers)} }

// Lookup is Tree.Lookup.
func (f *Finder) Lookup(path string) (Node, error) {
	if err := f.m.descend(f.heads, path); err != nil {
		f.m = merge{}
		return Node{}, err
	}
	f.m.group = f.m.group[:0]
	for _, h := range f.heads {
		ok, err := h.find(path)
		if err != nil {
			return Node{}, err
		}
		if ok {
			f.m.group = append(f.m.group, h)
		}
	}
	f.m.path = append(f.m.path[:0], path...)
	n, exists, err := f.tree.node(&f.m)
	if err == nil && !exists {
		err = ErrNotExist
	}
	return n, err
}

// Lookup returns the node at a clean path, or ErrNotExist. Links are not followed.
func (t *Tree) Lookup(path string) (Node, error) { return t.Finder().Lookup(path) }

// Hop is one symbolic link that Resolve followed: the link's path, and its target
// as written.
type Hop struct{ Path, Target string }

// LoopError says that a path leads through symbolic links without end, or through
// more of them than Linux follows.
type LoopError struct {
	Path string // as it was asked for
	Link string // of a loop, the link that leads to itself; "" if there are only too many
}

// Error says which of the two it is.
func (e *LoopError) Error() string {
	if e.Link == "" {
		return fmt.Sprintf("%q: more than %d symbolic links, which is all that Linux follows", e.Path, maxResolveHops)
	}
	return fmt.Sprintf("%q: the symbolic link %q leads to itself", e.Path, e.Link)
}

func isLoop(err error) bool {
	var loop *LoopError
	return errors.As(err, &loop)
}

const maxResolveHops = 40 // as Linux, where more is ELOOP

// Resolve finds the node at path as a process in the image would, following
// symbolic links inside the image's root, the last one too; ".." is clamped
// there. The hops are those it followed, also on an error, which is ErrNotExist, a
// *LoopError, or one of reading a TOC.
func (t *Tree) Resolve(path string) (Node, []Hop, error) { return t.Finder().resolve(path) }

func (f *Finder) resolve(path string) (Node, []Hop, error) {
	at, err := f.Lookup("")
	if errors.Is(err, ErrNotExist) {
		return at, nil, err
	}
	links := linkTrail{path: path}
	rest := []byte(path)
	for err == nil {
		var component []byte
		if component, rest = nextComponent(rest); component == nil {
			return at, links.hops, nil
		}
		if string(component) == ".." {
			parent, _ := splitPath(at.Path)
			at, err = f.Lookup(parent)
			continue
		}
		if at.Kind != Dir {
			return Node{}, links.hops, ErrNotExist
		}
		parent := at
		if at, err = f.Lookup(joinPath(parent.Path, string(component))); err != nil || at.Kind != Symlink {
			continue
		}
		if err = links.follow(at, len(rest)); err != nil {
			break
		}
		rest = append([]byte(at.Link+"/"), rest...)
		absolute := strings.HasPrefix(at.Link, "/")
		if at = parent; absolute {
			at, err = f.Lookup("")
		}
	}
	return Node{}, links.hops, err
}

// linkTrail is the symbolic links that were followed for a path.
type linkTrail struct {
	path string
	hops []Hop
	open []openLink
}

// openLink is a link of whose target not all has been walked: what came behind the
// link in the path is the last bytes of what is left.
type openLink struct {
	path   string
	behind int
}

// follow notes a link with so many bytes of the path behind it. One that is met in
// the course of its own target is a loop.
func (t *linkTrail) follow(link Node, behind int) error {
	for len(t.open) > 0 && t.open[len(t.open)-1].behind >= behind+1 {
		t.open = t.open[:len(t.open)-1]
	}
	for _, o := range t.open {
		if o.path == link.Path {
			return &LoopError{Path: t.path, Link: link.Path}
		}
	}
	t.open = append(t.open, openLink{path: link.Path, behind: behind})
	t.hops = append(t.hops, Hop{Path: link.Path, Target: link.Link})
	if len(t.hops) > maxResolveHops {
		return &LoopError{Path: t.path}
	}
	return nil
}
