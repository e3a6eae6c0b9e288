package cmd

import (
	"context"
	"errors"
	"slices"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cmd/report"
	"github.com/layers/layers/inspect/fleet"
	"github.com/layers/layers/inspect/packages"
)

// drawn are the formats of trees alone.
var drawn = []string{string(report.Dot), string(report.SVG), string(report.HTML)}

const suggestLong = `

With --suggest, what would save how many bytes, each figure exact: one version
of a base for all, one layer where several have the same files or packages, one
compressor. SAVES is of each alone; what two of them free counts once in the
sum. Versions of a base are images of one name whose tags differ in numbers
only, and stacks of which the same files are more than half.`

// suggest says what would save bytes in the images that came together.
func (g *gathering) suggest(ctx context.Context, f baseFlags) error {
	r := g.set.Suggest()
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.Join(g.s.program.report(f.out, r), g.errors())
}

// install tells the set of the packages of an image, and of which layer each of their
// files is: of the highest that has it. An image whose layers all are known of others has
// nothing to tell.
func (g *gathering) install(ctx context.Context, found []cache.Layer) error {
	l := locating{linked: map[link]bool{}}
	isNew := false
	for _, f := range found {
		l.layers = append(l.layers, packages.Layer{TOC: f.TOC, Kept: f.Kept})
		isNew = isNew || !g.searched[f.TOC.DiffID()]
	}
	if !isNew {
		return nil
	}
	var side diffSide
	if err := side.findPackages(ctx, l.layers, g.s.store.Memo); err != nil {
		return err
	}
	paths, err := side.Paths(ctx, side.Packages.Packages)
	if err != nil {
		return err
	}
	for i, p := range side.Packages.Packages {
		of, err := l.files(paths[i])
		if err != nil {
			return err
		}
		for id, files := range of {
			if !g.searched[id] {
				g.set.Install(id, fleet.Package{Kind: string(p.Kind), Name: p.Name, Version: p.Version, Arch: p.Arch}, files)
			}
		}
	}
	for _, f := range found {
		g.searched[f.TOC.DiffID()] = true
	}
	return nil
}

// locating finds the layers that files of an image lie in.
type locating struct {
	layers []packages.Layer
	linked map[link]bool // files of several names that were found by one of them
}

type link struct {
	in    layer.DiffID
	group uint32
}

// files are those of some paths that have bytes, by layer; of a file of several names, the
// first that is asked for.
func (l *locating) files(paths []string) (map[layer.DiffID][]fleet.File, error) {
	of := map[layer.DiffID][]fleet.File{}
	for _, path := range paths {
		id, e, err := l.find(path)
		if err != nil {
			return nil, err
		}
		if e.Kind != layer.File || e.Size == 0 || l.linked[link{id, e.Group}] {
			continue
		}
		if e.Group > 0 {
			l.linked[link{id, e.Group}] = true
		}
		of[id] = append(of[id], fleet.File{Digest: e.Digest, Size: e.Size, Path: path})
	}
	return of, nil
}

// find is the entry of the highest layer that has a path, and the layer; the zero Entry if
// none has.
func (l *locating) find(path string) (layer.DiffID, layer.Entry, error) {
	for _, in := range slices.Backward(l.layers) {
		e, err := in.TOC.Lookup(path)
		if err == nil || !errors.Is(err, layer.ErrNotExist) {
			return in.TOC.DiffID(), e, err
		}
	}
	return layer.DiffID{}, layer.Entry{}, nil
}
