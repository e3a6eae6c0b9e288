package diff

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/layers/layers/cache/layer"
)

// ListingVersion is the version of Listing.
const ListingVersion = "layers.diff-files/v1"

// Order is how rows are sorted.
type Order string

// The orders. All but the first hold every row in memory, or as many as the limit.
const (
	ByPath   Order = "path"
	BySize   Order = "size"   // the larger of the two sizes, the largest first
	ByChange Order = "change" // the largest change of bytes first
)

// ListOptions guides List. The zero value works.
type ListOptions struct {
	FilesOptions
	Filter Filter
	// Renames has a file that was deleted here and added there told of as one change.
	// Memory grows with the number of files that were added or deleted.
	Renames bool
	Sort    Order // ByPath if empty
	Limit   int   // how many rows there are at most; 0 is every one
}

// Renamed is the Kind of a file that has the content of one that was deleted elsewhere.
const Renamed Kind = "renamed"

// Listing is the paths at which two images differ. Its rows are found while they are
// asked for.
type Listing struct {
	Version string `json:"version"`
	Old     Side   `json:"old"`
	New     Side   `json:"new"`

	ctx       context.Context // of List: rows are found later
	c         *comparison
	o         ListOptions
	renames   *renames
	truncated bool
}

// Row is a path that differs.
type Row struct {
	layer.Named
	Kind Kind `json:"kind"`
	// From is where a renamed file was.
	From *layer.Named `json:"from,omitempty"`
	What []Attribute  `json:"what,omitempty"` // of what was modified
	// Change is by how many unpacked bytes the path changes what a container sees; of a
	// file with several names it counts at one of them.
	Change int64    `json:"change"`
	Old    *RowSide `json:"old,omitempty"`
	New    *RowSide `json:"new,omitempty"`
	// By is the new image's layer that deleted the path, where it has the layer that
	// the old one has it from.
	By *Origin `json:"by,omitempty"`

	bytes int64 // the larger of the two sizes
}

// RowSide is what one image has at a path.
type RowSide struct {
	// Kind is "file", "dir", "symlink" …; of a layer that is looked at alone also
	// "whiteout" or "opaque", which have no attributes.
	Kind string `json:"kind"`
	Size *int64 `json:"size,omitempty"`
	Mode string `json:"mode,omitempty"` // four octal digits
	UID  uint32 `json:"uid"`
	GID  uint32 `json:"gid"`
	Link string `json:"link,omitempty"`
	// LinkBase64 has the bytes of a link that is not UTF-8.
	LinkBase64 string   `json:"linkBase64,omitempty"`
	Device     string   `json:"device,omitempty"` // "major:minor"
	Xattrs     []string `json:"xattrs,omitempty"` // names
	Digest     string   `json:"digest,omitempty"` // of a file's content: "blake3:…"
	Modified   string   `json:"modified,omitempty"`
	Origin
}

// Origin is the layer that something is from, and its build step.
type Origin struct {
	Layer int    `json:"layer"`          // from 1
	Step  string `json:"step,omitempty"` // in one line
}

// List finds the paths at which two images differ. It reads nothing before its rows are
// asked for, unless renames are. The context ends also what yields the rows.
func List(ctx context.Context, old, new *Image, o ListOptions) (*Listing, error) {
	if err := o.Filter.Check(); err != nil {
		return nil, err
	}
	l := &Listing{ctx: ctx, Version: ListingVersion, Old: old.side(), New: new.side(), c: &comparison{old: old, new: new}, o: o}
	if o.Renames {
		every := Filter{Path: o.Filter.Path, Ignore: o.Filter.Ignore} // a rename is of two kinds
		var err error
		if l.renames, err = findRenames(l.changes(every, nil)); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Rows yields the rows. It may be called several times; each compares again.
func (l *Listing) Rows() iter.Seq2[Row, error] {
	if l.o.Sort != "" && l.o.Sort != ByPath {
		return l.sorted()
	}
	return func(yield func(Row, error) bool) {
		n := 0
		l.truncated = false
		for row, err := range l.all() {
			if err == nil && l.o.Limit > 0 && n == l.o.Limit {
				l.truncated = true
				return
			}
			if n++; !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// Truncated reports, after the last row, whether the limit left out some.
func (l *Listing) Truncated() bool { return l.truncated }

func (l *Listing) sorted() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		r := ranking{by: l.o.Sort, limit: l.o.Limit}
		for row, err := range l.all() {
			if err != nil {
				yield(Row{}, err)
				return
			}
			r.add(row)
		}
		l.truncated = r.cut()
		for _, row := range r.rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// ranking takes the first of many rows in an order. It holds no more than about twice as
// many as it is to have.
type ranking struct {
	by    Order
	limit int // 0 is every one
	rows  []Row
	lost  bool
}

func (r *ranking) add(row Row) {
	if r.rows = append(r.rows, row); r.limit > 0 && len(r.rows) >= 2*r.limit+1000 {
		r.cut()
	}
}

// cut sorts, and reports whether there were more rows than the limit.
func (r *ranking) cut() (more bool) {
	slices.SortStableFunc(r.rows, func(a, b Row) int { return cmp.Compare(b.rank(r.by), a.rank(r.by)) })
	if r.limit > 0 && len(r.rows) > r.limit {
		r.rows, r.lost = r.rows[:r.limit], true
	}
	return r.lost
}

func (r *Row) rank(by Order) int64 {
	if by == BySize {
		return r.bytes
	}
	return abs(r.Change)
}

// changes are those that the filter takes, with the renames that were found.
func (l *Listing) changes(filter Filter, found *renames) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		for c, err := range l.c.changes(l.o.FilesOptions) {
			if err == nil {
				err = l.ctx.Err()
			}
			if err != nil {
				yield(c, err)
				return
			}
			if found.apply(&c) && filter.Takes(&c) && !yield(c, nil) {
				return
			}
		}
	}
}

func (l *Listing) all() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		d := newDeletions(l.c.old, l.c.new)
		for c, err := range l.changes(l.o.Filter, l.renames) {
			if err != nil {
				yield(Row{}, err)
				return
			}
			row := l.c.row(&c)
			if c.Kind == Deleted && !l.c.old.Single {
				if row.By, err = d.by(c.Old); err != nil {
					yield(Row{}, err)
					return
				}
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

func (of *comparison) row(c *Change) Row {
	r := Row{Named: layer.Name(c.Path), Kind: c.Kind, What: c.What, Change: c.NewBytes - c.OldBytes}
	r.Old, r.New = rowSide(of.old, c.Old), rowSide(of.new, c.New)
	for _, n := range []*layer.Node{c.Old, c.New} {
		if n != nil {
			r.bytes = max(r.bytes, n.Size)
		}
	}
	if c.Kind == Renamed {
		from := layer.Name(c.Old.Path)
		r.From = &from
	}
	return r
}

func rowSide(of *Image, n *layer.Node) *RowSide {
	if n == nil {
		return nil
	}
	if n.Kind == layer.Absent { // a whiteout, of a layer that is looked at alone
		return &RowSide{Kind: hidesText[n.Hides], Origin: of.origin(0)}
	}
	s := &RowSide{
		Kind: n.Kind.String(), UID: n.UID, GID: n.GID, Link: n.Link, LinkBase64: layer.ExactBase64(n.Link),
		Modified: n.ModTime.String(), Origin: of.origin(n.Layer),
	}
	if n.Kind != layer.Symlink {
		s.Mode = fmt.Sprintf("%04o", n.Mode)
	}
	switch n.Kind {
	case layer.File:
		size := n.Size
		s.Size, s.Digest = &size, n.Digest.String()
	case layer.Char, layer.Block:
		s.Device = fmt.Sprintf("%d:%d", n.Major, n.Minor)
	}
	for _, x := range n.Xattrs {
		s.Xattrs = append(s.Xattrs, x.Name)
	}
	return s
}

var hidesText = map[layer.Hides]string{layer.HidesAll: "whiteout", layer.HidesChildren: "opaque"}

func (i *Image) origin(n int) Origin {
	o := Origin{Layer: i.number(n)}
	if step := i.Layers[n].Step; step != nil {
		o.Step = step.Short
	}
	return o
}

// deletions tells which layers deleted what is not there any more.
type deletions struct {
	new   *Image
	tree  *layer.Tree
	stays map[int]int // of the old image's layers that the new one has: where
}

func newDeletions(old, new *Image) *deletions {
	d := &deletions{new: new, tree: new.Tree(), stays: map[int]int{}}
	at := map[layer.DiffID]int{}
	for n := range new.Layers {
		at[new.Layers[n].TOC.DiffID()] = n
	}
	for n := range old.Layers {
		if k, has := at[old.Layers[n].TOC.DiffID()]; has {
			d.stays[n] = k
		}
	}
	return d
}

// by is the layer that deleted a node of the old image; nil if the new image has not got
// the layer that the node was from.
func (d *deletions) by(n *layer.Node) (*Origin, error) {
	from, stays := d.stays[n.Layer]
	if !stays {
		return nil, nil
	}
	versions, err := d.tree.History(n.Path)
	if err != nil && !errors.Is(err, layer.ErrNotExist) {
		return nil, err
	}
	for _, v := range versions {
		if v.Layer == from && v.HiddenBy >= 0 {
			o := d.new.origin(v.HiddenBy)
			return &o, nil
		}
	}
	return nil, nil
}
