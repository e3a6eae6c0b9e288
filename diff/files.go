package diff

import (
	"iter"

	"github.com/layers/layers/cache/layer"
)

// FilesOptions guides Files. The zero value works.
type FilesOptions struct {
	// Times says that a file differs that differs by nothing but its time.
	Times bool
}

// Files yields the paths at which two trees differ, in the order of layer.ComparePaths.
// Of a directory that was added or deleted, everything below it comes too. Memory grows
// with the number of files that have several names, and not with the files.
func Files(old, new *layer.Tree, o FilesOptions) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		l, err := findLinks(old, new)
		if err != nil {
			yield(Change{}, err)
			return
		}
		for p, err := range layer.Join(old, new, layer.JoinOptions{Times: o.Times, Enter: l.holds}) {
			if err != nil {
				yield(Change{}, err)
				return
			}
			if c, changed := l.compare(p, o.Times); changed && !yield(c, nil) {
				return
			}
		}
	}
}

// compare says how what two trees have at one path differs.
func (l *links) compare(p layer.Pair, times bool) (c Change, changed bool) {
	c = Change{Old: p.Old, New: p.New}
	if p.Old != nil {
		c.Path = p.Old.Path
		c.OldBytes = bytesAt(p.Old, l.oldFirst(c.Path))
	}
	if p.New != nil {
		c.Path = p.New.Path
		c.NewBytes = bytesAt(p.New, l.newFirst(c.Path))
	}
	switch {
	case p.Old == nil:
		c.Kind = Added
	case p.New == nil:
		c.Kind = Deleted
	case p.Old.Kind != p.New.Kind:
		c.Kind = Replaced
	default:
		c.Kind, c.What = Modified, differences(p.Old, p.New, times)
		if p.Old.Kind != layer.Dir && l.oldFirst(c.Path) != l.newFirst(c.Path) {
			c.What = append(c.What, Links)
		}
		return c, len(c.What) > 0
	}
	return c, true
}

// bytesAt is what counts at a name of a file that counts at another, or at this.
func bytesAt(n *layer.Node, first string) int64 {
	if n.Kind != layer.File || n.Path != first {
		return 0
	}
	return n.Size
}
