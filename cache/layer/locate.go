package layer

import (
	"bytes"
	"fmt"
	"slices"
)

// place is where a name leads: a directory of this layer and a last component.
type place struct {
	dir  uint32
	base []byte
	root bool // the name is the root itself
}

// maxHops is how many symbolic links of one layer a name may lead through. It is
// what the container runtimes follow when they unpack a layer (255 in containerd's
// and Docker's path resolvers): an image that they can apply is not refused here,
// though the kernel then follows no more than 40 to open a path.
const maxHops = 255

// walker goes through the components of a name, inside the tree of one layer.
// Links of the same layer are followed in memory, never on a disk.
type walker struct {
	b      *builder
	entry  []byte // the entry it is about, for messages
	create bool   // make directories that are missing
	hops   int
	open   []uint32 // links that are being followed, each met in the target of the one before
}

// locate finds where an entry lands: the directory, made if it is not there, and
// its last component. The name's own ".." are resolved by its text; those of
// links by where they lead.
func (b *builder) locate(name []byte) (place, error) {
	if bytes.Contains(name, []byte("..")) {
		clean, escaped := cleanPath(name)
		if escaped {
			b.lint(LintEscapes, name, "", 0)
		}
		name = []byte(clean)
	}
	w := walker{b: b, entry: name, create: true}
	at, err := w.walk(rootNode, name)
	if err != nil {
		return at, err
	}
	if w.hops > 0 {
		b.lint(LintThroughSymlink, name, "lands in /"+string(b.nodes.path(at.dir, nil)), 0)
		if b.nodes.pathLength(at.dir)+int64(len(at.base)) > b.limits.Path {
			return at, &LimitError{What: "path", Limit: b.limits.Path, Entry: string(name)}
		}
	}
	return at, nil
}

// walk resolves all but the last component. A last component of ".." or none
// makes the directory itself the place.
func (w *walker) walk(dir uint32, name []byte) (place, error) {
	for {
		var component []byte
		component, name = nextComponent(name)
		if component == nil {
			return w.self(dir), nil
		}
		if string(component) == ".." {
			dir = w.up(dir)
			continue
		}
		if isLast(name) {
			return place{dir: dir, base: component}, nil
		}
		var err error
		if dir, err = w.into(dir, component); err != nil || dir == 0 {
			return place{}, err
		}
	}
}

// self is the place of a directory that was walked into: its own name in its parent.
func (w *walker) self(dir uint32) place {
	if dir == rootNode {
		return place{dir: dir, root: true}
	}
	n := w.b.nodes.at(dir)
	return place{dir: n.parent, base: w.b.nodes.name(n)}
}

func (w *walker) up(dir uint32) uint32 {
	if dir == rootNode {
		return dir
	}
	return w.b.nodes.at(dir).parent
}

// into goes one directory down: through links, over what is no directory.
func (w *walker) into(dir uint32, component []byte) (uint32, error) {
	nodes := w.b.nodes
	i := nodes.find(dir, component)
	if i != 0 {
		switch n := nodes.at(i); n.kind {
		case Dir:
			return i, nil
		case Symlink:
			return w.follow(dir, i)
		}
	}
	if !w.create {
		return 0, nil
	}
	i, err := nodes.add(dir, component)
	if err != nil {
		return 0, err
	}
	if i, err = w.b.replace(i, Dir, w.entry); err != nil {
		return 0, err
	}
	n := nodes.at(i)
	n.kind, n.ref, n.implied = Dir, 0, true
	return i, nil
}

// follow resolves a symbolic link of this layer to the directory it leads to.
func (w *walker) follow(dir, link uint32) (uint32, error) {
	if slices.Contains(w.open, link) {
		path := w.b.nodes.path(link, nil)
		return 0, &RefusedError{Entry: string(w.entry), Reason: fmt.Sprintf("below a loop of symbolic links: %q leads to itself", path)}
	}
	w.hops++
	if w.hops > maxHops {
		return 0, &RefusedError{Entry: string(w.entry), Reason: fmt.Sprintf("below more than %d symbolic links", maxHops)}
	}
	w.open = append(w.open, link)
	defer func() { w.open = w.open[:len(w.open)-1] }()
	var r record
	buf, err := w.b.spool.get(w.b.nodes.at(link).ref, nil)
	if err != nil {
		return 0, err
	}
	if _, err := r.parse(buf); err != nil {
		return 0, err
	}
	if bytes.HasPrefix(r.link, []byte("/")) {
		dir = rootNode
	}
	at, err := w.walk(dir, r.link)
	if err != nil || at.dir == 0 {
		return 0, err
	}
	if at.root {
		return rootNode, nil
	}
	return w.into(at.dir, at.base)
}

// lookup finds the node that a hard link's target names, or 0. Links on the way
// are followed, one in the last component is not.
func (b *builder) lookup(name, entry []byte) (uint32, error) {
	clean, _ := cleanPath(name)
	w := walker{b: b, entry: entry}
	at, err := w.walk(rootNode, []byte(clean))
	if err != nil || at.dir == 0 || at.root {
		return 0, err
	}
	return b.nodes.find(at.dir, at.base), nil
}

// nextComponent cuts the first component off a name, skipping slashes and ".".
func nextComponent(name []byte) (component, rest []byte) {
	for {
		for len(name) > 0 && name[0] == '/' {
			name = name[1:]
		}
		if len(name) == 0 {
			return nil, nil
		}
		end := bytes.IndexByte(name, '/')
		if end < 0 {
			end = len(name)
		}
		component, name = name[:end], name[end:]
		if string(component) != "." {
			return component, name
		}
	}
}

// isLast reports whether nothing but slashes and dots follows.
func isLast(name []byte) bool {
	component, _ := nextComponent(name)
	return component == nil
}

// cleanPath cleans a name by its text alone and says whether it tried to leave the root.
func cleanPath(name []byte) (clean string, escaped bool) {
	var b []byte
	for {
		var component []byte
		component, name = nextComponent(name)
		switch {
		case component == nil:
			return string(b), escaped
		case string(component) != "..":
			if len(b) > 0 {
				b = append(b, '/')
			}
			b = append(b, component...)
		case len(b) == 0:
			escaped = true
		default:
			b = b[:max(bytes.LastIndexByte(b, '/'), 0)]
		}
	}
}
