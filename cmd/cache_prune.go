package cmd

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/unpack"
	"github.com/layers/layers/cmd/report"
	"github.com/layers/layers/inspect/fleet"
)

type pruneFlags struct {
	settings
	keep   keepFlags
	dryRun bool
	wait   bool
}

// pruneReport is the answer of layers cache prune: which images went, and what of the
// rest no image needed.
type pruneReport struct {
	*fleet.PlanReport
	cache.PruneReport // Bytes and Disk are of the images, too
}

func newCachePrune(p *program) *cobra.Command {
	var f pruneFlags
	c := &cobra.Command{
		Use:   "prune [flags]",
		Short: "remove what no image needs",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.inStore(f.settings, func(s *session) error {
				s.wait = f.wait
				return s.prune(cmd.Context(), f)
			})
		},
	}
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "only say what would go")
	f.keep.add(c)
	addWait(c, &f.wait)
	f.out.format(c, formatsValue)
	f.store.dir(c)
	return describe(c, manual{
		long: `Remove from the store what no image and no running command needs: blobs, what
was derived from them, and downloads that were not finished. Unpacked files are
put aside at once, and removed from the disk in the background.

No image goes unless --keep-bytes or --keep says so. What was used is inspected,
compared, mounted, run or pulled. With --keep-bytes, images of which the going
would free nothing stay. What a running command or a mount needs is freed later.`,
		examples: []string{
			"layers cache prune --dry-run",
			"layers cache prune --keep 30d",
			"layers cache prune --keep-bytes 10GB --keep-name 'main*' --keep 24h",
		},
		exits: []int{exitTemporary, exitHost},
	})
}

func (s *session) prune(ctx context.Context, f pruneFlags) error {
	done, err := s.pruneBy(ctx, f.keep, f.dryRun)
	if err != nil {
		return err
	}
	done.Version = "layers.prune/v1"
	return render(s.program, f.out, done, func(w io.Writer, r *pruneReport) error { return s.writePruned(w, r, f) })
}

// pruneBy drops the images that the flags do not keep, and then what no image needs; a
// dry run only says what would go.
func (s *session) pruneBy(ctx context.Context, keep keepFlags, dryRun bool) (*pruneReport, error) {
	policy, err := keep.policy(s.program.now())
	if err != nil {
		return nil, err
	}
	d, found, err := s.disk(ctx)
	if err != nil {
		return nil, err
	}
	choice := fleet.Without(d, nil)
	if keep.given() {
		for i := range d.Holders {
			d.Holders[i].Keep = cmp.Or(d.Holders[i].Keep, keep.keeps(d.Holders[i].Names))
		}
		choice = fleet.Choose(d, policy)
	}
	var images []cache.Stored
	for _, drop := range choice.Drop {
		images = append(images, found.Holders[drop.Holder].Images...)
	}
	var freed unpack.Weight
	if len(images) > 0 {
		if freed, err = s.store.Remove(ctx, images, dryRun); err != nil {
			return nil, err
		}
	}
	rest, err := s.store.Prune(ctx, dryRun)
	if err != nil {
		return nil, err
	}
	unneeded := unpack.Weight{Apparent: rest.Bytes, Disk: rest.Disk}
	freed = freed.Plus(unneeded)
	done := &pruneReport{PlanReport: fleet.Plan(d, choice, weightOf(freed)), PruneReport: rest}
	done.Unneeded = weightOf(unneeded)
	done.DryRun, done.Bytes, done.Disk = dryRun, freed.Apparent, freed.Disk
	return done, nil
}

func (s *session) writePruned(w io.Writer, r *pruneReport, f pruneFlags) error {
	if f.keep.given() {
		o, err := s.program.reportOptions(f.out)
		if err != nil {
			return err
		}
		return report.Write(w, r.PlanReport, o)
	}
	verb := "freed"
	if r.DryRun {
		verb = "would be freed"
	}
	_, err := fmt.Fprintf(w, "%s, %s, %s: %s %s\n", count(r.Blobs, "blob"),
		count(r.Derived, "derived file"), count(r.Partials, "unfinished download"), bytesText(r.Unneeded.Disk, f.out.Units), verb)
	return err
}
