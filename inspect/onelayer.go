package inspect

import (
	"cmp"
	"context"
	"fmt"

	"github.com/layers/layers/cache/layer"
)

// LayerOptions guides OneLayer. The zero value works.
type LayerOptions struct {
	By By // how files and hidden paths are ranked; unpacked if empty
	// Limit is how many files, hidden paths and lints are listed at most; 0 is 20,
	// All is every one.
	Limit int
}

const defaultRows = 20

// LayerReport is what one layer of an image holds and hides.
type LayerReport struct {
	Version string    `json:"version"`
	Image   ImageInfo `json:"image"`
	Layer   LayerInfo `json:"layer"`
	By      By        `json:"by"`
	Files   []File    `json:"files"` // the biggest first
	// Other is the part of the blob that carries none of the layer's files:
	// headers of directories and whiteouts, entries that others of the same tar
	// replaced, the archive's end. All files' Content and Other are the blob.
	Other *int64 `json:"other,omitempty"`
	// Hides is what this layer hides of lower ones.
	Hides Reclaimable `json:"hides"`
	Lints []Lint      `json:"lints"`
}

// File is a file of a layer. The bytes of a file of several names count at the
// name that comes first; only that one is listed.
type File struct {
	Named
	Kind     string `json:"kind"`
	Unpacked int64  `json:"unpacked"`
	Content  *int64 `json:"content,omitempty"` // compressed
	Names    uint32 `json:"names,omitempty"`   // if more than one
}

// Lint is something odd about an entry of a layer.
type Lint struct {
	Code layer.LintCode `json:"code"`
	Named
	Detail string `json:"detail,omitempty"`
	Bytes  int64  `json:"bytes,omitempty"`
}

// OneLayer reports on the layer of the image that has the number, from 1.
func OneLayer(ctx context.Context, in Input, number int, o LayerOptions) (*LayerReport, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	if err := in.number(number); err != nil {
		return nil, err
	}
	if o.Limit == 0 {
		o.Limit = defaultRows
	}
	if o.By == "" {
		o.By = ByUnpacked
	}
	if err := in.checkBy(o.By, in.Layers[:number]); err != nil {
		return nil, err
	}
	hidden, err := in.summary(memoTop, ByUnpacked)
	if err != nil {
		return nil, err
	}
	base, _ := in.base()
	infos := in.layerInfos(ReadHistory(in.Config.History, len(in.Layers)), hidden, base)
	r := &LayerReport{Version: LayerVersion, Image: in.info(), Layer: infos[number-1], By: o.By}
	if err := r.fill(ctx, &in, o); err != nil {
		return nil, fmt.Errorf("inspecting layer %d of %s: %w", number, in.Name, err)
	}
	return r, nil
}

func (r *LayerReport) fill(ctx context.Context, in *Input, o LayerOptions) error {
	number := r.Layer.Number
	if err := r.rankFiles(ctx, in.Layers[number-1], o); err != nil {
		return err
	}
	tree := layer.Squash(in.tocs()[:number])
	var err error
	r.Hides, _, err = in.hiddenIn(tree, hiddenOptions{by: o.By, limit: o.Limit,
		keep: func(c layer.Copy) bool { return c.HiddenBy == number-1 }})
	if err != nil {
		return err
	}
	return r.listLints(in.Layers[number-1].TOC, tree, o.Limit)
}

func (r *LayerReport) rankFiles(ctx context.Context, l Layer, o LayerOptions) error {
	top := newTopK(o.Limit, func(a, b file) int {
		bytesA, bytesB := a.unpacked, b.unpacked
		if o.By == ByContent {
			bytesA, bytesB = a.content, b.content
		}
		return cmp.Or(cmp.Compare(bytesB, bytesA), layer.ComparePaths(a.path, b.path))
	})
	measure := &files{layers: []Layer{l}, seen: make(map[contentID]struct{})}
	var content int64
	for e, err := range l.TOC.Entries("") {
		if err := cmp.Or(err, ctx.Err()); err != nil {
			return err
		}
		if !isFile(e.Kind) {
			continue
		}
		if e.Group != 0 && !measure.first(&e, 0) {
			continue
		}
		f := measure.once(&e, 0)
		content += f.content
		top.add(f)
	}
	if l.Extents != nil {
		other := l.Extents.Size() - content
		r.Other = &other
	}
	r.Files = []File{}
	for _, f := range top.sorted() {
		r.Files = append(r.Files, newFile(f, l.Extents != nil))
	}
	return nil
}

func newFile(f file, content bool) File {
	out := File{Named: layer.Name(f.path), Kind: f.kind.String(), Unpacked: f.unpacked}
	if content {
		out.Content = &f.content
	}
	if f.names > 1 {
		out.Names = f.names
	}
	return out
}

// maxLints bounds the lints that a report lists without a limit; a layer's table
// of contents lists no more either.
const maxLints = 1000

func (r *LayerReport) listLints(toc *layer.TOC, tree *layer.Tree, limit int) error {
	if limit < 0 || limit > maxLints {
		limit = maxLints
	}
	r.Lints = []Lint{}
	add := func(l layer.Lint) {
		if len(r.Lints) < limit {
			r.Lints = append(r.Lints, Lint{Code: l.Code, Named: layer.Name(l.Path), Detail: l.Detail, Bytes: l.Bytes})
		}
	}
	own, _ := toc.Lints()
	for _, l := range own {
		add(l)
	}
	for l, err := range tree.Lints() {
		if err != nil {
			return err
		}
		if l.Layer == r.Layer.Number-1 {
			add(l.Lint)
		}
	}
	return nil
}
