package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/layers/layers/inspect"
)

func newWhy(p *program) *cobra.Command {
	var f settings
	c := &cobra.Command{
		Use:               "why IMAGE PATH [flags]",
		Short:             "which layers and build steps made, changed or hid this path",
		Args:              arguments(2, 2),
		ValidArgsFunction: p.completeImages(1, &f.store),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.why(cmd.Context(), args[0], args[1], f)
		},
	}
	f.out.format(c, formatsValue)
	f.out.noTrunc(c)
	f.out.color(c)
	f.out.file(c)
	f.addImage(c)
	return describe(c, manual{
		long: `Tell how a path of an image came to be what it is: every layer that added,
changed, hid or removed it, with the build step, sizes and attributes. Symbolic
links are followed inside the image, and said.`,
		examples: []string{
			"layers why python:3.10 /usr/bin/python3",
			"layers why --no-trunc python:3.10 /var/lib/apt/lists",
		},
		exits: imageExits,
	})
}

func (p *program) why(ctx context.Context, name, path string, f settings) error {
	return p.onImage(ctx, f, name, func(_ *session, _ *image, in inspect.Input) error {
		r, err := inspect.Why(ctx, in, path)
		if err != nil {
			return err
		}
		return p.report(f.out, r)
	})
}
