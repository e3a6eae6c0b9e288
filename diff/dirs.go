package diff

import (
	"cmp"
	"slices"

	"github.com/layers/layers/cache/layer"
)

// DirsVersion is the version of DirsReport.
const DirsVersion = "layers.diff-dirs/v1"

// DirsReport sums the paths that differ up by directory.
type DirsReport struct {
	Version string      `json:"version"`
	Old     Side        `json:"old"`
	New     Side        `json:"new"`
	Depth   int         `json:"depth"`
	Dirs    []DirChange `json:"dirs"`
	// Omitted is how many more there are than the limit allows.
	Omitted int `json:"omitted,omitempty"`
}

// DirChange is what differs below a directory. What lies less deep than the report tells
// apart is counted with its own directory, which has the other rows' parents only in part.
type DirChange struct {
	layer.Named
	Added    int64 `json:"added"` // names that are no directories
	Deleted  int64 `json:"deleted"`
	Modified int64 `json:"modified"` // replaced and renamed ones, too
	Old      int64 `json:"old"`      // unpacked bytes of what differs
	New      int64 `json:"new"`
	Change   int64 `json:"change"`
}

// Dirs sums the listing's rows up by the directories of at most the given depth in which
// they lie, in the listing's order. Their changes add up to that of all rows. Memory grows
// with the number of these directories.
func (l *Listing) Dirs(depth int) (*DirsReport, error) {
	sums := map[string]*DirChange{}
	for c, err := range l.changes(l.o.Filter, l.renames) {
		if err != nil {
			return nil, err
		}
		dir := dirAt(c.Path, depth)
		if sums[dir] == nil {
			sums[dir] = &DirChange{Named: layer.Name(dir)}
		}
		sums[dir].add(&c)
	}
	r := &DirsReport{Version: DirsVersion, Old: l.Old, New: l.New, Depth: depth, Dirs: []DirChange{}}
	for _, d := range sums {
		r.Dirs = append(r.Dirs, *d)
	}
	slices.SortFunc(r.Dirs, func(a, b DirChange) int {
		return cmp.Or(cmp.Compare(b.rank(l.o.Sort), a.rank(l.o.Sort)), layer.ComparePaths(a.Path, b.Path))
	})
	if l.o.Limit > 0 && len(r.Dirs) > l.o.Limit {
		r.Omitted = len(r.Dirs) - l.o.Limit
		r.Dirs = r.Dirs[:l.o.Limit]
	}
	return r, nil
}

// dirAt is the directory of a path, cut to a number of names.
func dirAt(path string, depth int) string {
	end := 0
	for i := range len(path) {
		if path[i] == '/' && depth > 0 {
			end, depth = i, depth-1
		}
	}
	return path[:end]
}

func (d *DirChange) add(c *Change) {
	d.Old += c.OldBytes
	d.New += c.NewBytes
	d.Change += c.NewBytes - c.OldBytes
	if !c.notDir() {
		return
	}
	switch c.Kind {
	case Added:
		d.Added++
	case Deleted:
		d.Deleted++
	default:
		d.Modified++
	}
}

func (d *DirChange) rank(by Order) int64 {
	switch by {
	case BySize:
		return max(d.Old, d.New)
	case ByChange:
		return abs(d.Change)
	}
	return 0
}
