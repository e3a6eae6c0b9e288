package cmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/inspect"
)

type lsFlags struct {
	settings
	layer     int
	long      bool
	recursive bool
	verbose   bool
}

func newLs(p *program) *cobra.Command {
	var f lsFlags
	c := &cobra.Command{
		Use:               "ls IMAGE [PATH] [flags]",
		Short:             "list files (of the image, or of one layer)",
		Args:              arguments(1, 2),
		ValidArgsFunction: p.completeImages(1, &f.store),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "/"
			if len(args) == 2 {
				path = args[1]
			}
			return p.ls(cmd.Context(), args[0], path, f)
		},
	}
	c.Flags().IntVar(&f.layer, "layer", 0, "what layer `N` (from 1) holds, whiteouts included")
	c.Flags().BoolVarP(&f.long, "long", "l", false, "mode, owner, size, time and layer of each")
	c.Flags().BoolVarP(&f.recursive, "recursive", "R", false, "all below the directory")
	c.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "say which symbolic links were followed")
	f.out.sort(c, "path", "size")
	f.out.limit(c, "at most `N` rows; 0 is all")
	f.out.format(c, formatsList)
	f.out.color(c)
	f.out.file(c)
	f.addImage(c)
	return describe(c, manual{
		long: `List what an image has in a directory, or what a layer has there. Symbolic links
are followed inside the image; in a single layer none is.`,
		examples: []string{
			"layers ls python:3.10 /usr/local",
			"layers ls -l -R --sort size --limit 20 python:3.10",
			"layers ls --layer 2 python:3.10 /etc",
		},
		exits: imageExits,
	})
}

func (p *program) ls(ctx context.Context, name, path string, f lsFlags) error {
	return p.onImage(ctx, f.settings, name, func(_ *session, _ *image, in inspect.Input) error {
		return p.list(ctx, in, path, f)
	})
}

// list writes what is at a path.
func (p *program) list(ctx context.Context, in inspect.Input, path string, f lsFlags) error {
	listing, err := inspect.List(ctx, in, path, inspect.ListOptions{
		Layer: f.layer, Recursive: f.recursive, BySize: f.out.Sort == "size", Limit: f.out.Limit,
	})
	if errors.Is(err, layer.ErrNotExist) && f.layer == 0 {
		return hiddenPath(in.Name, layer.Squash(tocsOf(&in)), path, &advised{err: err})
	}
	if err != nil {
		return err
	}
	if f.verbose {
		p.sayHops(listing.Hops)
	}
	f.out.long = f.long || f.out.Sort == "size"
	return p.report(f.out, listing)
}

// sayHops tells which symbolic links were followed.
func (p *program) sayHops(hops []inspect.Hop) {
	for _, h := range hops {
		p.say("/%s is a symbolic link to %s", h.Path, h.Target)
	}
}
