package cmd

import (
	"context"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/inspect"
	"github.com/layers/layers/inspect/fleet"
)

// bumpFlags say that a base moves.
type bumpFlags struct {
	to   string
	from []string
}

// bump tells what it takes when the images of the store that are built on an image of one
// repository are built on another one of it. Of the new base no layer is fetched.
func (s *session) bump(ctx context.Context, f bumpFlags, out outputFlags) error {
	s.peeking, s.fetch.Pull = true, pullMissing
	img, err := s.find(ctx, f.to)
	if err != nil {
		return err
	}
	to, err := unread(img)
	if err != nil {
		return err
	}
	to.Names = []string{img.name}
	here, err := s.blobsHere(img)
	if err != nil {
		return err
	}
	b := &bumping{session: s, base: img, platform: to.Platform}
	b.Bump = fleet.Bump{Base: to, Here: func(blob v1.Hash) bool { return here[blob] }}
	if err := b.gather(ctx, f.from); err != nil {
		return err
	}
	if err := b.moves(); err != nil {
		return err
	}
	return s.program.report(out, b.Report())
}

// blobsHere are the layers of an image that the store has.
func (s *session) blobsHere(img *image) (map[v1.Hash]bool, error) {
	m, err := img.Manifest()
	if err != nil {
		return nil, err
	}
	lacks, err := s.store.Lacks(img, img.name)
	if err != nil {
		return nil, err
	}
	here := map[v1.Hash]bool{}
	for i, d := range m.Layers {
		here[d.Digest] = lacks[i].Here
	}
	return here, nil
}

// bumping finds which images are built on an old base.
type bumping struct {
	fleet.Bump
	*session
	base     *image
	platform string
	old      []inspect.Candidate
}

// gather finds the images of the store, and the old bases: those that have a name in the
// new one's repository, and those that are given.
func (b *bumping) gather(ctx context.Context, from []string) error {
	all, err := b.store.Images(ctx)
	if err != nil {
		return err
	}
	number := map[v1.Hash]int{}
	for _, st := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		i, known := number[st.Digest]
		if !known {
			if i, err = b.stored(ctx, st); isLack(err) {
				continue // cache verify tells of it
			}
			if err != nil {
				return err
			}
			number[st.Digest] = i
		}
		if st.Name != "" {
			b.called(i, source.Short(st.Name))
		}
	}
	for _, name := range from {
		img, err := b.find(ctx, name)
		if err != nil {
			return err
		}
		old, err := unread(img)
		if err != nil {
			return err
		}
		b.old = append(b.old, inspect.Candidate{Name: img.name, DiffIDs: stackOf(old)})
	}
	return nil
}

func (b *bumping) stored(ctx context.Context, st cache.Stored) (int, error) {
	found, err := b.store.Image(ctx, st.Digest)
	if err != nil {
		return 0, err
	}
	img, err := unread(&image{Image: found, name: source.Short(st.Name), digest: st.Digest, platform: st.Platform})
	b.Images = append(b.Images, img)
	return len(b.Images) - 1, err
}

func (b *bumping) called(i int, name string) {
	img := &b.Images[i]
	img.Names = append(img.Names, name)
	if repositoryOf(name) == repositoryOf(b.base.name) && img.Platform == b.platform {
		b.old = append(b.old, inspect.Candidate{Name: name, DiffIDs: stackOf(*img)})
	}
}

func stackOf(i fleet.Image) (ids []layer.DiffID) {
	for _, l := range i.Layers {
		ids = append(ids, l.DiffID)
	}
	return ids
}

// moves finds the images that are built on an old base, and not on the new one.
func (b *bumping) moves() error {
	now := stackOf(b.Base)
	for i := range b.Images {
		img := &b.Images[i]
		if img.Platform != b.platform {
			continue
		}
		bases, _ := inspect.Chain(stackOf(*img), b.old)
		if len(bases) == 0 {
			continue
		}
		nearest := bases[len(bases)-1]
		if !slices.Equal(now, stackOf(*img)[:nearest.Layers]) {
			b.Moved = append(b.Moved, fleet.Moved{Image: i, Old: nearest.Images[0].Name(), Below: nearest.Layers})
		}
	}
	if len(b.old) > 0 {
		return nil
	}
	return &advised{
		err:  &source.NotFoundError{Name: repositoryOf(b.base.name), Reason: "no image of it is in the store, on which others could be built"},
		hint: "--bump-from NAME says what they are built on now",
	}
}
