package cmd

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/inspect/fleet"
)

func newImages(p *program) *cobra.Command {
	var f settings
	c := &cobra.Command{
		Use:   "images [flags]",
		Short: "what is in the store",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.inStore(f, func(s *session) error { return s.images(cmd.Context(), f) })
		},
	}
	f.out.format(c, formatsList)
	f.out.quiet(c, "only the digests")
	f.out.noTrunc(c)
	f.out.sort(c, string(fleet.ByName), string(fleet.BySize), string(fleet.ByAge))
	f.out.color(c)
	f.out.file(c)
	f.store.dir(c)
	return describe(c, manual{
		long: `List the images in the store: names, digests, platforms, ages, content
(compressed bytes), unpacked bytes, how much of the content other images have,
too (SHARED), and how much goes when the image goes, with all its names
(EXCLUSIVE). Of those that did not come from a registry it says from what.`,
		examples: []string{"layers images", "layers images --sort size", "layers images -q", "layers images -f '{{.Name}} {{bytes .Content}}'"},
		exits:    storeExits,
	})
}

func (s *session) images(ctx context.Context, f settings) error {
	all, err := s.store.Images(ctx)
	if err != nil {
		return err
	}
	order := fleet.Order(f.out.Sort)
	if f.out.Quiet && order == fleet.ByName { // what the names alone tell
		return writeOnce(s.program, f.out, all, func(st cache.Stored) string { return st.Digest.String() })
	}
	set, err := s.describeAll(ctx, all)
	if err != nil {
		return err
	}
	r := fleet.Images(set, order)
	if !f.out.Quiet {
		return s.program.report(f.out, r)
	}
	return writeOnce(s.program, f.out, r.Images, func(i fleet.ImageRow) string { return i.Digest })
}

// writeOnce writes the digests of images, which may have several names, each once.
func writeOnce[T any](p *program, out outputFlags, images []T, digest func(T) string) error {
	var lines []string
	for _, i := range eachOnce(images, digest) {
		lines = append(lines, digest(i))
	}
	return p.lines(out, lines)
}

// describeAll says of what layers the images consist.
func (s *session) describeAll(ctx context.Context, all []cache.Stored) ([]fleet.StoredImage, error) {
	set := make([]fleet.StoredImage, 0, len(all))
	known := map[v1.Hash]fleet.StoredImage{} // an image may have many names
	for _, st := range all {
		row, ok := known[st.Digest]
		if !ok {
			var err error
			if row, err = s.describeStored(ctx, st); err != nil {
				return nil, err
			}
			known[st.Digest] = row
		}
		row.Name, row.Platform, row.Pulled, row.Origin = source.Short(st.Name), st.Platform, st.Pulled, st.Origin
		set = append(set, row)
	}
	return set, nil
}

// eachOnce is a list without those of which the key has come before.
func eachOnce[T any, K comparable](all []T, key func(T) K) []T {
	seen := map[K]bool{}
	return slices.DeleteFunc(slices.Clone(all), func(v T) bool {
		k := key(v)
		defer func() { seen[k] = true }()
		return seen[k]
	})
}

// describeStored says of what layers an image in the store consists. Of a damaged
// one what can be told is told, with a warning.
func (s *session) describeStored(ctx context.Context, st cache.Stored) (fleet.StoredImage, error) {
	row := fleet.StoredImage{Digest: st.Digest}
	if err := ctx.Err(); err != nil {
		return row, err
	}
	err := s.fillStored(ctx, &row)
	var blob *cache.BlobError
	if errors.As(err, &blob) || errors.Is(err, fs.ErrNotExist) {
		s.program.warn(err.Error() + " (layers cache verify --repair)")
		return row, nil
	}
	return row, err
}

func (s *session) fillStored(ctx context.Context, row *fleet.StoredImage) error {
	img, err := s.store.Image(ctx, row.Digest)
	if err != nil {
		return err
	}
	m, err := img.Manifest()
	if err != nil {
		return err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return err
	}
	row.Created = config.Created.Time
	for i, d := range m.Layers {
		l := fleet.Layer{Digest: d.Digest, Content: d.Size, Unpacked: fleet.Unknown}
		if i < len(config.RootFS.DiffIDs) {
			l.DiffID = layer.DiffID(config.RootFS.DiffIDs[i])
		}
		row.Layers = append(row.Layers, l)
	}
	found, free, err := s.layers(ctx, &image{Image: img, name: "sha256:" + shortDigest(row.Digest)})
	if err != nil {
		return err
	}
	defer free()
	for i, l := range found {
		row.Layers[i].Unpacked = l.TOC.Totals().Unpacked
	}
	return nil
}
