package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/layers/layers/inspect"
)

type inspectFlags struct {
	settings
	layer       int
	tree        bool
	depth       int
	reclaimable bool
	by          inspect.By
}

func newInspect(p *program) *cobra.Command {
	var f inspectFlags
	c := &cobra.Command{
		Use:               "inspect IMAGE... [flags]",
		Short:             "layers, sizes, base image, reclaimable bytes",
		Args:              arguments(1, -1),
		ValidArgsFunction: p.completeImages(0, &f.store),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.inspect(cmd.Context(), args, f)
		},
	}
	c.Flags().IntVar(&f.layer, "layer", 0, "one layer, `N` from 1: its biggest entries, and what it hides")
	c.Flags().BoolVar(&f.tree, "tree", false, "the directories by size")
	c.Flags().IntVar(&f.depth, "depth", 2, "how many `LEVELS` of directories --tree tells apart")
	c.Flags().BoolVar(&f.reclaimable, "reclaimable", false, "the files that later layers overwrite or delete")
	addChoice(c, &f.by, "by", "rank --tree, --layer and --reclaimable by bytes of", inspect.ByUnpacked, inspect.ByContent)
	f.out.limit(c, "at most `N` rows of a list, 0 is all (default: some)")
	f.out.format(c, formatsList)
	f.out.noTrunc(c)
	f.out.color(c)
	f.out.file(c)
	f.out.quiet(c, "only the digests")
	f.addImage(c)
	return describe(c, manual{
		long: `Show what an image is made of: its layers with their sizes and build steps, its
platform and age, the image it was built on if that is in the store, and how
many bytes later layers overwrite or delete.

CONTENT is compressed bytes, which a pull moves. UNPACKED is bytes of the files
that a layer carries.`,
		examples: []string{
			"layers inspect python:3.10",
			"layers inspect --reclaimable --limit 0 python:3.10",
			"layers inspect --layer 3 python:3.10",
			"layers inspect --tree --depth 3 --by content python:3.10",
			"layers inspect -f json ./image.tar",
			"docker save app:1 | layers inspect -",
		},
		exits: imageExits,
	})
}

func (f *inspectFlags) check() error {
	switch {
	case f.tree && f.reclaimable:
		return &usageError{text: "--tree and --reclaimable exclude each other"}
	case f.layer != 0 && f.reclaimable:
		return &usageError{text: "--layer and --reclaimable exclude each other", hint: "--layer N says what the layer hides"}
	case f.layer < 0:
		return &usageError{text: "--layer counts from 1"}
	case f.by == inspect.ByContent && !f.tree && f.layer == 0 && !f.reclaimable:
		return &usageError{text: "--by is for --tree, --layer N and --reclaimable"}
	case f.depth < 1:
		return &usageError{text: "--depth must be at least 1"}
	}
	return nil
}

func (p *program) inspect(ctx context.Context, names []string, f inspectFlags) error {
	dropStart()
	if err := f.check(); err != nil {
		return err
	}
	return p.inStore(f.settings, func(s *session) error { return s.inspectAll(ctx, names, f) })
}

func (s *session) inspectAll(ctx context.Context, names []string, f inspectFlags) error {
	var reports []any
	var digests []string
	for _, name := range names {
		img, err := s.find(ctx, name)
		if err != nil {
			return err
		}
		digests = append(digests, img.digest.String())
		if f.out.Quiet {
			continue
		}
		r, err := s.inspect(ctx, img, f)
		if err != nil {
			return err
		}
		reports = append(reports, r)
	}
	if f.out.Quiet {
		return s.program.lines(f.out, digests)
	}
	return s.program.report(f.out, reports...)
}

// inspect makes the report that the flags ask for.
func (s *session) inspect(ctx context.Context, img *image, f inspectFlags) (any, error) {
	in, free, err := s.input(ctx, img)
	if err != nil {
		return nil, err
	}
	defer free()
	limit := f.out.rows()
	switch {
	case f.tree:
		return inspect.Dirs(ctx, in, inspect.DirsOptions{Layer: f.layer, By: f.by, Depth: f.depth, Limit: limit})
	case f.layer != 0:
		return inspect.OneLayer(ctx, in, f.layer, inspect.LayerOptions{By: f.by, Limit: limit})
	}
	if in.Bases, err = s.bases(ctx, img.digest); err != nil {
		return nil, err
	}
	r, err := inspect.Image(ctx, in, inspect.Options{By: f.by, Limit: limit})
	if err == nil && f.reclaimable {
		return r.ReclaimableReport(), nil
	}
	return r, err
}
