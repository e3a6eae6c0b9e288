package cmd

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/inspect/fleet"
)

// factsMemo and timesMemo name what fleet.ReadFacts and layer.OtherTimes return; they
// change when that does.
const (
	factsMemo = "fleet-facts-1-"
	timesMemo = "other-times-1-"
)

// learn tells the set of layers what others that are nearly the same are found by: once
// for each, also of those that several runs look at.
func (g *gathering) learn(img *image, found []cache.Layer) error {
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	for i, l := range found {
		id := l.TOC.DiffID()
		if g.set.Knows(id) {
			continue
		}
		facts, err := remembered(g.s.store.Memo, factsMemo+id.Hex, func() (fleet.Facts, error) { return fleet.ReadFacts(l.TOC) })
		if err != nil {
			return fmt.Errorf("%s: layer %d: %w", img.name, i+1, err)
		}
		g.set.Learn(id, facts)
		g.export.read(l.TOC)
		g.layers[id] = layers[i]
	}
	return nil
}

// report is what is known of the set.
func (g *gathering) report(ctx context.Context) *fleet.Report {
	r := g.set.Report()
	g.set.Near(r, fleet.NearOptions{OtherTimes: func(a, b layer.DiffID) (int64, error) {
		return remembered(g.s.store.Memo, timesMemo+a.Hex+"-"+b.Hex, func() (int64, error) { return g.otherTimes(ctx, a, b) })
	}})
	return r
}

// otherTimes opens two tables of contents, which were there a moment ago.
func (g *gathering) otherTimes(ctx context.Context, a, b layer.DiffID) (int64, error) {
	if err := g.s.store.Writable(); err != nil { // then they may not be kept
		return 0, err
	}
	first, err := g.toc(ctx, a)
	if err != nil {
		return 0, err
	}
	defer first.Close()
	second, err := g.toc(ctx, b)
	if err != nil {
		return 0, err
	}
	defer second.Close()
	return layer.OtherTimes(first, second)
}

func (g *gathering) toc(ctx context.Context, id layer.DiffID) (*layer.TOC, error) {
	return g.s.store.TOC(ctx, g.layers[id])
}

// newGathering is an empty one.
func (s *session) newGathering() *gathering {
	return &gathering{s: s, set: &fleet.Set{}, layers: map[layer.DiffID]v1.Layer{}}
}
