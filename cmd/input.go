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
	for _, st := range all {
		if st.Name == "" || st.Digest == of {
			continue
		}
		ids, err := s.diffIDs(ctx, st)
		if err != nil {
			continue // a damaged image is nobody's base; cache verify tells of it
		}
		list = append(list, inspect.Candidate{Name: source.Short(st.Name), DiffIDs: ids})
	}
	return list, nil
}

func (s *session) diffIDs(ctx context.Context, st cache.Stored) ([]layer.DiffID, error) {
	img, err := s.store.Image(ctx, st.Digest)
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	ids := make([]layer.DiffID, len(config.RootFS.DiffIDs))
	for i, id := range config.RootFS.DiffIDs {
		ids[i] = layer.DiffID(id)
	}
	return ids, nil
}
