package diff

import (
	"iter"

	"github.com/layers/layers/cache/layer"
)

// renames are files that were added with the content of others that were deleted.
type renames struct {
	from map[string]*Change // what was deleted, by the new path
	gone map[string]bool    // old paths
}

// findRenames pairs files by their exact contents, those of the same name first.
func findRenames(changes iter.Seq2[Change, error]) (*renames, error) {
	deleted := map[layer.Digest][]*Change{}
	var added []*layer.Node
	for c, err := range changes {
		if err != nil {
			return nil, err
		}
		switch {
		case c.Kind == Deleted && renameable(c.Old):
			deleted[c.Old.Digest] = append(deleted[c.Old.Digest], &c)
		case c.Kind == Added && renameable(c.New):
			added = append(added, c.New)
		}
	}
	r := &renames{from: map[string]*Change{}, gone: map[string]bool{}}
	for _, sameName := range []bool{true, false} {
		for _, n := range added {
			r.find(n, deleted, sameName)
		}
	}
	return r, nil
}

func renameable(n *layer.Node) bool { return n.Kind == layer.File && n.Size > 0 }

func (r *renames) find(n *layer.Node, deleted map[layer.Digest][]*Change, sameName bool) {
	if r.from[n.Path] != nil {
		return
	}
	for _, was := range deleted[n.Digest] {
		if !r.gone[was.Path] && (!sameName || was.Old.Name() == n.Name()) {
			r.from[n.Path], r.gone[was.Path] = was, true
			return
		}
	}
}

// apply makes one change of an added and a deleted file, at the new path; it reports
// whether the change is still one.
func (r *renames) apply(c *Change) bool {
	if r == nil {
		return true
	}
	switch c.Kind {
	case Deleted:
		return !r.gone[c.Path]
	case Added:
		if was := r.from[c.Path]; was != nil {
			c.Kind, c.Old, c.OldBytes = Renamed, was.Old, was.OldBytes
			c.What = differences(c.Old, c.New, false)
		}
	}
	return true
}
