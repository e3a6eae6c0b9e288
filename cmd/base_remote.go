package cmd

import (
	"context"
	"sync"

	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/inspect/fleet"
)

// askedAtOnce is how many images registries are asked for side by side.
const askedAtOnce = 16

// answer is what came of a reference.
type answer struct {
	image fleet.Image
	err   error
}

// remote adds images of registries by their manifests and configurations, and others as
// they lie. They come side by side, and are added in the order of the references.
func (g *gathering) remote(ctx context.Context, names []string, f baseFlags) {
	answers := make([]answer, len(names))
	var wait sync.WaitGroup
	slots := make(chan struct{}, askedAtOnce)
	for i, name := range names {
		ref, err := source.Parse(name)
		if err == nil && ref.Transport != source.Any && ref.Transport != source.Registry {
			continue
		}
		if err != nil {
			answers[i].err = err
			continue
		}
		slots <- struct{}{}
		wait.Add(1)
		go func() {
			defer func() { <-slots; wait.Done() }()
			answers[i].image, answers[i].err = g.ask(ctx, ref)
		}()
	}
	wait.Wait()
	for i, name := range names {
		switch a := &answers[i]; {
		case a.err != nil:
			g.note(ctx, a.err)
		case a.image.Names != nil:
			g.set.Add(a.image)
		default:
			g.note(ctx, g.named(ctx, name, f))
		}
	}
}

// ask reads an image's manifest and configuration.
func (g *gathering) ask(ctx context.Context, ref source.Reference) (fleet.Image, error) {
	if err := ctx.Err(); err != nil {
		return fleet.Image{}, err
	}
	src, err := source.Open(ctx, ref, g.s.sourceOptions())
	if err != nil {
		return fleet.Image{}, adviseFile(ref, g.s.advise(ctx, ref, err))
	}
	defer src.Close()
	img := &image{Image: src.Image, name: src.Name, digest: src.Digest, platform: src.Platform}
	to, err := unread(img)
	if err != nil {
		return to, err
	}
	to.Names = []string{src.Name}
	return to, g.export.learn(img)
}
