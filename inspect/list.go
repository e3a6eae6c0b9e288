package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/layers/layers/cache/layer"
)

// ListOptions guides List. The zero value works.
type ListOptions struct {
	Layer     int  // from 1: what that layer's tar says, whiteouts included; 0 is the squashed image
	Recursive bool // all below a directory, not only what is right in it
	BySize    bool // the biggest first; else by path, a directory before what is in it
	// Limit is how many rows there are at most; 0 is every one. Sorting by size
	// without a limit holds all rows in memory.
	Limit int
}

// Listing is what lies at a path. Its rows are read from the tables of contents
// while they are asked for.
type Listing struct {
	Version string    `json:"version"`
	Image   ImageInfo `json:"image"`
	Layer   int       `json:"layer,omitempty"` // absent for the squashed image
	// Asked is the path that was asked for; Named is where it led.
	Asked string `json:"asked"`
	Named
	Hops []Hop `json:"hops,omitempty"` // the symbolic links on the way
	// Dir says whether there is a directory at the path; its own row is not listed.
	Dir       bool `json:"dir"`
	Recursive bool `json:"recursive"`

	ctx   context.Context
	limit int
	all   iter.Seq2[Row, error] // in the order of their paths
	names iter.Seq2[Row, error] // in the order that was asked for
	more  bool
}

// List finds a path in the image and lists the directory there, or the single
// name. A symbolic link is followed, inside the image; in a single layer none is.
// If there is nothing, the error is a *NotExistError; if the path MeansDir and there
// is something else, a *NotDirError.
func List(ctx context.Context, in Input, path string, o ListOptions) (*Listing, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	l := &Listing{
		Version: ListVersion, Image: in.info(), Layer: o.Layer, Asked: path, Recursive: o.Recursive,
		ctx: ctx, limit: o.Limit,
	}
	find := l.ofTree
	if o.Layer != 0 {
		find = l.ofLayer
	}
	all, err := find(&in, path)
	if err != nil {
		return nil, err
	}
	if !l.Dir && MeansDir(path) {
		return nil, &NotDirError{Image: in.Name, Path: path}
	}
	l.all = l.within(all)
	l.names = l.all
	if o.BySize {
		l.names = l.bySize(l.all)
	}
	return l, nil
}

// Rows yields the rows. It may be called several times; each walks again.
func (l *Listing) Rows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		n := 0
		l.more = false
		for row, err := range l.names {
			if err = cmp.Or(err, l.ctx.Err()); err != nil {
				yield(Row{}, l.fail(err))
				return
			}
			if l.limit > 0 && n == l.limit {
				l.more = true
				return
			}
			n++
			if !yield(row, nil) {
				return
			}
		}
	}
}

// Truncated reports, after the last row, whether the limit left out some.
func (l *Listing) Truncated() bool { return l.more }

// Left counts the rows that the limit leaves out, for which it walks all of them.
func (l *Listing) Left() (int64, error) {
	if l.limit <= 0 {
		return 0, nil
	}
	var n int64
	for _, err := range l.all {
		if err = cmp.Or(err, l.ctx.Err()); err != nil {
			return 0, l.fail(err)
		}
		n++
	}
	return max(n-int64(l.limit), 0), nil
}

func (l *Listing) fail(err error) error {
	return fmt.Errorf("listing /%s of %s: %w", l.Path, l.Image.Name, err)
}

func (l *Listing) ofTree(in *Input, path string) (iter.Seq2[Row, error], error) {
	tree := layer.Squash(in.tocs())
	node, followed, err := tree.Resolve(path)
	l.Hops = hops(followed)
	if errors.Is(err, layer.ErrNotExist) && Clean(path) == "" {
		err, node.Kind = nil, layer.Dir // an image without layers has a root, too
	}
	if err != nil {
		return nil, in.notExist(tree, path, err)
	}
	l.Named, l.Dir = layer.Name(node.Path), node.Kind == layer.Dir
	nodes := tree.Walk(node.Path)
	if l.Dir && !l.Recursive {
		nodes = tree.Children(node.Path)
	}
	return func(yield func(Row, error) bool) {
		for n, err := range nodes {
			if !yield(nodeRow(n), err) || err != nil {
				return
			}
		}
	}, nil
}

func (l *Listing) ofLayer(in *Input, path string) (iter.Seq2[Row, error], error) {
	if err := in.number(l.Layer); err != nil {
		return nil, err
	}
	toc := in.Layers[l.Layer-1].TOC
	at, err := toc.Lookup(Clean(path))
	if errors.Is(err, layer.ErrNotExist) && Clean(path) == "" {
		err, at.Kind = nil, layer.Dir
	}
	if err != nil {
		return nil, in.notExist(layer.Squash([]*layer.TOC{toc}), path, err)
	}
	l.Named, l.Dir = layer.Name(at.Path), at.Kind == layer.Dir
	return func(yield func(Row, error) bool) {
		for e, err := range toc.Entries(at.Path) {
			if !yield(entryRow(e, l.Layer), err) || err != nil {
				return
			}
		}
	}, nil
}

// within drops the directory's own row and, unless all is asked for, what is not
// right in it.
func (l *Listing) within(all iter.Seq2[Row, error]) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for row, err := range all {
			if err == nil && l.Dir && !l.holds(row.Path) {
				continue
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

func (l *Listing) holds(path string) bool {
	if path == l.Path {
		return false
	}
	rest := path
	if l.Path != "" {
		rest = path[len(l.Path)+1:]
	}
	return l.Recursive || !strings.Contains(rest, "/")
}

func (l *Listing) bySize(rows iter.Seq2[Row, error]) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		k := All
		if l.limit > 0 {
			k = l.limit + 1 // one more tells whether the limit left out some
		}
		top := newTopK(k, func(a, b Row) int {
			return cmp.Or(cmp.Compare(b.bytes(), a.bytes()), layer.ComparePaths(a.Path, b.Path))
		})
		for row, err := range rows {
			if err != nil {
				yield(Row{}, err)
				return
			}
			top.add(row)
		}
		for _, row := range top.sorted() {
			if !yield(row, nil) {
				return
			}
		}
	}
}

func (r *Row) bytes() int64 {
	if r.Size == nil {
		return 0
	}
	return *r.Size
}
