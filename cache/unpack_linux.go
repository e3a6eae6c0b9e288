package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cache/unpack"
)

// Unpack writes the files of an image, as a container would see them, to a
// directory, which is made whole or not at all. Each layer that any visible file
// comes from is read once, side by side, and only those files are written. It
// returns what could not be kept of the image.
func (s *Store) Unpack(ctx context.Context, img v1.Image, dir string, o UnpackOptions) (losses []unpack.Loss, err error) {
	p, err := newPlan(img, o.Display)
	if err != nil {
		return nil, err
	}
	layers, err := s.Layers(ctx, img, o.Display)
	if err != nil {
		return nil, err
	}
	defer closeLayers(layers)
	items, err := flatItems(p, layers, o)
	if err != nil {
		return nil, err
	}
	if o.Replace && s.liesIn(dir) {
		return nil, &fs.PathError{Op: "replace", Path: dir, Err: errHoldsStore}
	}
	stage, err := unpack.NewStage(dir, o.Replace)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stage.Discard()) }()
	there, err := s.newReuse(ctx, stage.Path(), o.Link, nil)
	if err != nil {
		return nil, err
	}
	options := there.reusing(unpack.Options{KeepOwner: o.KeepOwner})
	losses, err = s.fillDir(ctx, stage.Path(), filling{plan: p, items: items, options: options})
	if err != nil {
		return nil, outOfSpace(dir, err)
	}
	return losses, outOfSpace(dir, stage.Commit())
}

var errHoldsStore = errors.New("the store is in it")

// liesIn reports whether the store would go if a directory were removed.
func (s *Store) liesIn(dir string) bool {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false // it does not exist
	}
	if real, err = filepath.Abs(real); err != nil {
		return true
	}
	store, err := filepath.EvalSymlinks(s.dir)
	if err != nil {
		return true
	}
	up, err := filepath.Rel(real, store)
	return err != nil || filepath.IsLocal(up)
}

func closeLayers(layers []Layer) {
	for _, l := range layers {
		_ = l.Close() // files that were only read
	}
}

// flatItems are the visible files of the lowest layers.
func flatItems(p *plan, layers []Layer, o UnpackOptions) (unpack.Items, error) {
	if o.Layers < 0 || o.Layers > len(layers) {
		return nil, fmt.Errorf("the image has %d layers and none with number %d", len(layers), o.Layers)
	}
	if o.Layers > 0 {
		layers = layers[:o.Layers]
	}
	tree := layer.Squash(tocsOf(layers))
	for _, err := range tree.Adjustments() {
		if err != nil {
			return nil, p.failAt(err)
		}
	}
	var items unpack.Items = func(yield func(unpack.Item, error) bool) {
		for n, err := range tree.Walk("") {
			if !yield(unpack.Item{Node: n}, err) {
				return
			}
		}
	}
	if o.Only != nil {
		items = unpack.Only(items, o.Only)
	}
	return items, nil
}

func tocsOf(layers []Layer) []*layer.TOC {
	tocs := make([]*layer.TOC, len(layers))
	for i, l := range layers {
		tocs[i] = l.TOC
	}
	return tocs
}

// failAt says which layer a hard link that dangles is in.
func (p *plan) failAt(err error) error {
	var dangling *layer.DanglingError
	if errors.As(err, &dangling) {
		return p.parts[dangling.Layer].fail(err)
	}
	return err
}

// filling is what a directory is filled with.
type filling struct {
	plan    *plan
	items   unpack.Items
	options unpack.Options
	staged  map[int]*staged // the contents of layers by their numbers, those that are staged
}

// fillDir fills a directory, and returns what it could not keep.
func (s *Store) fillDir(ctx context.Context, dir string, f filling) (losses []unpack.Loss, err error) {
	target, err := unpack.Open(dir, f.options)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if err := target.Prepare(f.items); err != nil {
		return nil, err
	}
	var need int64
	for i := range f.plan.parts {
		if f.staged[i] == nil {
			need += target.Bytes(i)
		}
	}
	if err := s.roomFor(dir, need); err != nil {
		return nil, err
	}
	if err := s.contents(ctx, target, f); err != nil {
		return nil, err
	}
	return target.Finish(f.items)
}

// contents gives a target the files of all layers that it wants any of.
func (s *Store) contents(ctx context.Context, target *unpack.Target, f filling) error {
	g, ctx := errgroup.WithContext(ctx)
	for i, part := range f.plan.parts {
		if target.Wanted(i) == 0 {
			continue
		}
		if from := f.staged[i]; from != nil {
			g.Go(func() error { return part.fail(target.Take(ctx, i, from)) })
			continue
		}
		g.Go(func() error {
			pass, err := s.passes.take(ctx)
			if err != nil {
				return err
			}
			defer pass.release()
			return part.fail(s.contentsOf(ctx, part, target.Contents(i)))
		})
	}
	return g.Wait()
}

// contentsOf reads one layer for its files.
func (s *Store) contentsOf(ctx context.Context, p *part, to layer.Contents) error {
	blob, stored, err := s.open(p)
	if err != nil {
		return err
	}
	defer blob.Close()
	var r io.Reader = blob
	r = s.reading(p, r)
	_, err = layer.Index(ctx, r, layer.Outputs{Contents: to}, layer.IndexOptions{
		Limits: s.options.Limits, Digest: p.digest, Size: p.size, DiffID: p.diffID, TempDir: s.ScratchDir(),
	})
	if err != nil {
		return s.blame(p, stored, blameConfig(err))
	}
	s.talk.event(p.read())
	return nil
}

// roomFor says if a directory's file system has no room for so many bytes.
func (s *Store) roomFor(dir string, need int64) error {
	free, err := s.freeFor(dir, need)
	if err != nil {
		return nil // writing will tell
	}
	if free < need {
		return &SpaceError{Dir: dir, Need: need, Free: free, Outside: true, Err: unix.ENOSPC}
	}
	return nil
}

// outOfSpace names the directory that the user gave, if its disk is full.
func outOfSpace(dir string, err error) error {
	known, ok := errors.AsType[*SpaceError](err)
	switch {
	case ok && known.Outside:
		known.Dir = dir
	case !ok && isFull(err):
		return &SpaceError{Dir: dir, Outside: true, Err: err}
	}
	return err
}
