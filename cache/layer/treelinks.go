package layer

import (
	"errors"
	"sync"
)

// treeLinks resolves the hard links of a tree that lead out of their layers. There
// may be a million of them, and those that follow each other in a walk lead to much
// the same: what the last of a layer needed is kept.
type treeLinks struct {
	mu     sync.Mutex
	layers map[int]*layerLinks
}

// layerLinks are the hard links of one layer.
type layerLinks struct {
	below  *Finder
	own    *cursor
	last   linkedFile
	parent string // of the target looked for last
	dir    string // where that parent lies behind symbolic links
	known  bool   // parent and dir are set
}

// linkedFile is the file that a hard link leads to.
type linkedFile struct {
	link   string // "" if there is none yet
	node   Node
	exists bool
}

// linked resolves a hard link whose target another layer holds, or which its own
// holds behind a lower layer's symbolic link.
func (t *Tree) linked(n Node) (Node, bool, error) {
	t.links.mu.Lock()
	defer t.links.mu.Unlock()
	l := t.links.layers[n.Layer]
	if l == nil {
		l = &layerLinks{below: Squash(t.layers[:n.Layer]).Finder(), own: &cursor{toc: t.layers[n.Layer]}}
		if t.links.layers == nil {
			t.links.layers = make(map[int]*layerLinks)
		}
		t.links.layers[n.Layer] = l
	}
	if l.last.link != n.Link || n.Link == "" {
		file, err := l.resolve(n)
		if err != nil {
			return Node{}, false, err
		}
		l.last = file
	}
	if !l.last.exists {
		return Node{}, false, nil
	}
	file := l.last.node
	file.Path, file.Layer = n.Path, n.Layer
	return file, true, nil
}

// resolve follows a link through the links of its own layer, to that layer's file or
// to what the layers below show. Where the link itself lies makes no difference.
func (l *layerLinks) resolve(n Node) (linkedFile, error) {
	at, link := n.Path, n.Link
	for range maxResolveHops {
		target, err := l.target(link)
		if err != nil {
			return linkedFile{}, err
		}
		if target == link {
			// The layer has no file there, or this were no link out of it.
			return l.lend(n.Link, target)
		}
		ok, err := l.own.find(target)
		if err != nil {
			return linkedFile{}, err
		}
		if own := &l.own.rec; ok && own.kind == HardLink && target != at {
			at, link = target, string(own.link)
			continue
		} else if ok && carriesFile(own.kind) {
			return linkedFile{link: n.Link, node: Node{Entry: own.entry(target), Carrier: n.Layer}, exists: true}, nil
		}
		return l.lend(n.Link, target)
	}
	return linkedFile{link: n.Link}, nil
}

// lend gives the file that the layers below show at a path.
func (l *layerLinks) lend(link, path string) (linkedFile, error) {
	found, err := l.below.Lookup(path)
	if err != nil && err != ErrNotExist {
		return linkedFile{}, err
	}
	return linkedFile{link: link, node: found, exists: err == nil && found.Kind != Dir}, nil
}

// target is where a hard link's target lies, behind the symbolic links below.
func (l *layerLinks) target(link string) (string, error) {
	parent, name := splitPath(link)
	if !l.known || l.parent != parent {
		dir, _, err := l.below.resolve(parent)
		if errors.Is(err, ErrNotExist) || isLoop(err) {
			dir.Path, err = parent, nil
		}
		if err != nil {
			return "", err
		}
		l.parent, l.dir, l.known = parent, dir.Path, true
	}
	return joinPath(l.dir, name), nil
}

func carriesFile(k Kind) bool { return k != Absent && k != Dir && k != HardLink }
