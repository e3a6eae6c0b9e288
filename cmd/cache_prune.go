package cmd

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/layers/layers/cache"
)

type pruneFlags struct {
	settings
	dryRun bool
}

// pruneReport is the answer of layers cache prune.
type pruneReport struct {
	Version string `json:"version"`
	DryRun  bool   `json:"dryRun"`
	cache.PruneReport
}

func newCachePrune(p *program) *cobra.Command {
	var f pruneFlags
	c := &cobra.Command{
		Use:   "prune [flags]",
		Short: "remove what no image needs",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.inStore(f.settings, func(s *session) error { return s.prune(cmd.Context(), f) })
		},
	}
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "only say what would go")
	f.out.format(c, formatsValue)
	f.store.dir(c)
	return describe(c, manual{
		long: `Remove from the store what no image and no running command needs: blobs, what
was derived from them, and downloads that were not finished.`,
		examples: []string{"layers cache prune --dry-run", "layers cache prune"},
		exits:    []int{exitTemporary, exitHost},
	})
}

func (s *session) prune(ctx context.Context, f pruneFlags) error {
	done, err := s.store.Prune(ctx, f.dryRun)
	if err != nil {
		return err
	}
	r := pruneReport{Version: "layers.prune/v1", DryRun: f.dryRun, PruneReport: done}
	return render(s.program, f.out, r, func(w io.Writer, r pruneReport) error {
		verb := "freed"
		if r.DryRun {
			verb = "would be freed"
		}
		_, err := fmt.Fprintf(w, "%s, %s, %s: %s %s\n", count(r.Blobs, "blob"),
			count(r.Derived, "derived file"), count(r.Partials, "unfinished download"), bytesText(r.Bytes, f.out.Units), verb)
		return err
	})
}
