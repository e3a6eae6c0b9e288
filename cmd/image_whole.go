package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/source"
)

// openWhole opens an image of the store. What it lacks there, because files were
// deleted or damaged, is fetched again, as --pull allows. Where that fails, the image
// is opened all the same: what was derived from its layers may be enough.
func (s *session) openWhole(ctx context.Context, st cache.Stored) (*image, error) {
	if s.peeking {
		return s.open(ctx, st)
	}
	found, lack := s.openChecked(ctx, st)
	switch {
	case !isLack(lack):
		return found, lack
	case st.Name == "":
		return lacking(found, lack, func(err error) error { return err })
	case s.fetch.Pull == pullNever, s.fetch.Offline:
		return lacking(found, lack, func(err error) error { return s.sayWhyNotAsked(advisePull(st, err)) })
	}
	whole, err := s.fetchWhole(ctx, st)
	if err == nil || ctx.Err() != nil {
		return whole, err
	}
	err = fmt.Errorf("not whole in the store, and fetching it again failed: %w", err)
	if found != nil {
		s.program.warn(found.name + ": " + err.Error())
	}
	return lacking(found, lack, func(error) error { return err })
}

// openStored opens an image that is asked for as one of the store, so that nothing
// is fetched.
func (s *session) openStored(ctx context.Context, st cache.Stored) (*image, error) {
	found, lack := s.openChecked(ctx, st)
	if !isLack(lack) {
		return found, lack
	}
	return lacking(found, lack, func(err error) error { return advisePull(st, err) })
}

// openChecked opens an image of the store, and says what it lacks. The image is nil
// if it cannot be opened.
func (s *session) openChecked(ctx context.Context, st cache.Stored) (*image, error) {
	found, err := s.open(ctx, st)
	if err == nil {
		err = s.store.Whole(found.Image)
	}
	return found, err
}

func isLack(err error) bool {
	var absent *cache.NotStoredError
	var damaged *cache.BlobError
	return errors.As(err, &absent) || errors.As(err, &damaged)
}

// advisePull says how to get what the store does not have.
func advisePull(st cache.Stored, err error) error {
	var absent *cache.NotStoredError
	if st.Name == "" || !errors.As(err, &absent) {
		return err
	}
	return &advised{err: err, hint: "layers pull " + source.Short(st.Name)}
}

// fetchWhole fetches what an image of the store lacks, from its registry and by its
// digest: its name may mean another image by now.
func (s *session) fetchWhole(ctx context.Context, st cache.Stored) (*image, error) {
	name, _, _ := strings.Cut(st.Name, "@")
	ref, err := source.Parse("docker://" + name + "@" + st.Digest.String())
	if err != nil {
		return nil, err
	}
	if s.store.Writable() != nil {
		return s.inPlace(ctx, ref)
	}
	src, err := source.Open(ctx, ref, s.sourceOptions())
	if err != nil {
		return nil, err
	}
	defer src.Close()
	// It has its names.
	src.Name, src.Names, src.Platform, src.Index = source.Short(st.Name), nil, st.Platform, st.Index
	if _, err := s.pullToUse(ctx, src); err != nil {
		return nil, err
	}
	return s.open(ctx, st)
}

// lacking makes explain tell why layers cannot be read that are not there. If the
// image could not even be opened, that is the error.
func lacking(found *image, lack error, explain func(error) error) (*image, error) {
	if found == nil {
		return nil, explain(lack)
	}
	found.Image = &lackingImage{Image: found.Image, explain: explain}
	return found, nil
}

// lackingImage is an image of the store that is not whole.
type lackingImage struct {
	v1.Image
	explain func(error) error
}

// Layers returns the layers that the manifest names, those that are not there too:
// the error comes when one is read.
func (i *lackingImage) Layers() ([]v1.Layer, error) {
	layers, err := i.Image.Layers()
	for n, l := range layers {
		layers[n] = &lackingLayer{Layer: l, explain: i.explain}
	}
	return layers, err
}

// lackingLayer is a layer of an image that is not whole. It may be there itself.
type lackingLayer struct {
	v1.Layer
	explain func(error) error
}

// Compressed opens the blob where it is there, and else explains why it is not.
func (l *lackingLayer) Compressed() (io.ReadCloser, error) {
	blob, err := l.Layer.Compressed()
	if err != nil {
		return nil, l.explain(err)
	}
	return blob, nil
}
