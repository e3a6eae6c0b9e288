package cmd

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/inspect"
)

// input is what reports on an image are made from, and a function that frees it.
func (s *session) input(ctx context.Context, img *image) (inspect.Input, func(), error) {
	in := inspect.Input{
		Name: img.name, Digest: img.digest, Index: img.index, Platform: img.platform, Memo: s.store.Memo,
	}
	var err error
	if in.Manifest, err = img.Manifest(); err != nil {
		return in, nil, err
	}
	if in.Config, err = img.ConfigFile(); err != nil {
		return in, nil, err
	}
	found, free, err := s.layers(ctx, img)
	if err != nil {
		return in, nil, err
	}
	for _, l := range found {
		in.Layers = append(in.Layers, inspect.Layer{TOC: l.TOC, Extents: l.Extents, Kept: l.Kept})
	}
	return in, free, nil
}

// bases are the images in the store that another one may be built on.
func (s *session) bases(ctx context.Context, of v1.Hash) ([]inspect.Candidate, error) {
	all, err := s.store.Images(ctx)
	if err != nil {
		return nil, err
	}
	var list []inspect.Candidate
	known := map[v1.Hash][]layer.DiffID{} // an image may have many names
	for _, st := range all {
		if st.Digest == of {
			continue
		}
		ids, ok := known[st.Digest]
		if !ok {
			ids, _ = s.diffIDs(ctx, st) // a damaged image is nobody's base; cache verify tells of it
			known[st.Digest] = ids
		}
		list = append(list, inspect.Candidate{
			Name: source.Short(st.Name), DiffIDs: ids, Digest: st.Digest, Index: st.Index, From: inspect.FromStore,
		})
	}
	return list, ctx.Err()
}

func (s *session) diffIDs(ctx context.Context, st cache.Stored) ([]layer.DiffID, error) {
	img, err := s.store.Image(ctx, st.Digest)
	if err != nil {
		return nil, err
	}
	return diffIDsOf(img)
}

// diffIDsOf are the DiffIDs that an image's config has, bottom first.
func diffIDsOf(img v1.Image) ([]layer.DiffID, error) {
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	return inspect.DiffIDs(config), nil
}
