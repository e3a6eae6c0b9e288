package diff

import (
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/layers/layers/cache/layer"
)

// links tells which names of two trees are one file. Each file has one name at which it
// counts: the first that is a file in both trees, or else its first. So a file whose
// names are the same in both counts at the same name in both.
type links struct {
	old, new map[string]string // of files with several names: where they count
	// moved are the names that are a file in both trees, and another name's in one only.
	moved []string
}

// fileID is one file of a tree. A hard link to a lower layer's file is, on an overlay, a
// file of its own.
type fileID struct {
	layer, carrier int
	offset         int64
}

func findLinks(old, new *layer.Tree) (*links, error) {
	oldNames, err := severalNames(old)
	if err != nil {
		return nil, err
	}
	newNames, err := severalNames(new)
	if err != nil {
		return nil, err
	}
	l := &links{}
	if l.old, err = firsts(oldNames, new.Finder()); err != nil {
		return nil, err
	}
	if l.new, err = firsts(newNames, old.Finder()); err != nil {
		return nil, err
	}
	return l, l.findMoved(old, new)
}

// severalNames are the names of the files of a tree that have more than one.
func severalNames(t *layer.Tree) (map[fileID][]string, error) {
	linked, few, err := linkedNames(t)
	if err != nil {
		return nil, err
	}
	nodes := t.Walk("")
	if few {
		nodes = lookUp(t, linked)
	}
	names := map[fileID][]string{}
	for n, err := range nodes {
		if err != nil {
			return nil, err
		}
		if n.Kind != layer.Dir && (n.Links > 1 || n.Layer != n.Carrier) {
			id := fileID{n.Layer, n.Carrier, n.Offset}
			names[id] = append(names[id], n.Path)
		}
	}
	for id, list := range names {
		if len(list) < 2 {
			delete(names, id)
		}
	}
	return names, nil
}

// linkedNames are the names that layers say are one of several, in the order of their
// paths, if they are so few that looking each of them up is quicker than a walk.
func linkedNames(t *layer.Tree) (linked []string, few bool, err error) {
	most := int64(0)
	for _, l := range t.Layers() {
		most += l.Totals().Files / 20
	}
	for _, l := range t.Layers() {
		if !l.Linked() {
			continue
		}
		for e, err := range l.Entries("") {
			if err != nil {
				return nil, false, err
			}
			if e.Links <= 1 && e.Kind != layer.HardLink {
				continue
			}
			if linked = append(linked, e.Path); int64(len(linked)) > most {
				return nil, false, nil
			}
		}
	}
	slices.SortFunc(linked, layer.ComparePaths)
	return slices.Compact(linked), true, nil
}

// lookUp yields what a tree has at some paths.
func lookUp(t *layer.Tree, paths []string) iter.Seq2[layer.Node, error] {
	return func(yield func(layer.Node, error) bool) {
		f := t.Finder()
		for _, path := range paths {
			n, err := f.Lookup(path)
			if errors.Is(err, layer.ErrNotExist) {
				continue
			}
			if !yield(n, err) || err != nil {
				return
			}
		}
	}
}

// firsts says of each name where its file counts.
func firsts(names map[fileID][]string, other *layer.Finder) (map[string]string, error) {
	first := map[string]string{}
	for _, list := range names {
		at := list[0]
		for _, name := range list {
			there, err := isFile(other, name)
			if err != nil {
				return nil, err
			}
			if there {
				at = name
				break
			}
		}
		for _, name := range list {
			first[name] = at
		}
	}
	return first, nil
}

func isFile(f *layer.Finder, path string) (bool, error) {
	n, err := f.Lookup(path)
	if errors.Is(err, layer.ErrNotExist) {
		return false, nil
	}
	return err == nil && n.Kind != layer.Dir, err
}

func (l *links) findMoved(old, new *layer.Tree) error {
	for _, side := range []struct {
		names map[string]string
		other *layer.Finder
	}{{l.old, new.Finder()}, {l.new, old.Finder()}} {
		for name := range side.names {
			if l.oldFirst(name) == l.newFirst(name) {
				continue
			}
			there, err := isFile(side.other, name)
			if err != nil {
				return err
			}
			if there {
				l.moved = append(l.moved, name)
			}
		}
	}
	slices.SortFunc(l.moved, layer.ComparePaths)
	l.moved = slices.Compact(l.moved)
	return nil
}

func (l *links) oldFirst(name string) string { return firstOf(l.old, name) }
func (l *links) newFirst(name string) string { return firstOf(l.new, name) }

func firstOf(first map[string]string, name string) string {
	if at, several := first[name]; several {
		return at
	}
	return name
}

// holds reports whether a name that moved is below a directory.
func (l *links) holds(dir string) bool {
	i, _ := slices.BinarySearchFunc(l.moved, dir, layer.ComparePaths)
	return i < len(l.moved) && (dir == "" || strings.HasPrefix(l.moved[i], dir+"/"))
}
