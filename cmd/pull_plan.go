package cmd

import (
	"context"
	"errors"

	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/inspect"
)

// planPull says what a pull would fetch. One image that cannot be found does not keep
// the others from it.
func (s *session) planPull(ctx context.Context, names []string, f pullFlags) error {
	var images []inspect.PullImage
	var failed []error
	for _, name := range names {
		found, err := s.planned(ctx, name, f.all)
		images = append(images, found...)
		if err != nil {
			failed = append(failed, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	plan := inspect.PlanPull(images)
	if f.out.Quiet {
		return errors.Join(append(failed, s.program.lines(f.out, toFetch(plan)))...)
	}
	return errors.Join(append(failed, s.program.report(f.out, plan))...)
}

// toFetch are the digests of the layers of which a pull would fetch something.
func toFetch(plan *inspect.PullPlan) []string {
	var lines []string
	for _, img := range plan.Images {
		for _, l := range img.Layers {
			if l.State == inspect.PullFetch || l.State == inspect.PullPartly {
				lines = append(lines, l.Digest)
			}
		}
	}
	return lines
}

// planned says of what a reference means what is here.
func (s *session) planned(ctx context.Context, name string, all bool) ([]inspect.PullImage, error) {
	sources, err := s.openToPull(ctx, name, all)
	if err != nil {
		return nil, err
	}
	var images []inspect.PullImage
	for _, src := range sources {
		img, e := s.plannedImage(src)
		if e == nil {
			images = append(images, img)
		}
		err = errors.Join(err, e, src.Close())
	}
	return images, err
}

func (s *session) plannedImage(src *source.Image) (inspect.PullImage, error) {
	img := inspect.PullImage{Name: src.Name, Digest: src.Digest, Platform: src.Platform, Origin: string(src.From)}
	lacks, err := s.store.Lacks(src.Image, src.Name)
	for _, l := range lacks {
		img.Layers = append(img.Layers, inspect.PullLayer{Digest: l.Digest, Content: l.Size, Here: l.Here, Partial: l.Partial})
	}
	return img, err
}
