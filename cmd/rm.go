package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/cmd/term"
)

// rmReport is the answer of layers rm.
type rmReport struct {
	Version string    `json:"version"`
	Removed []removed `json:"removed"`
	DryRun  bool      `json:"dryRun"`
	Freed   int64     `json:"freed"` // bytes: what du --apparent-size tells less of the store
	Disk    int64     `json:"disk"`  // and du
}

type removed struct {
	Name     string `json:"name,omitempty"`
	Digest   string `json:"digest"`
	Platform string `json:"platform"`
}

func newRm(p *program) *cobra.Command {
	f := settings{fetch: fetchFlags{Pull: pullNever}}
	var wait, dryRun bool
	c := &cobra.Command{
		Use:               "rm IMAGE... [flags]",
		Short:             "remove images from the store",
		Args:              arguments(1, -1),
		ValidArgsFunction: p.completeImages(0, &f.store),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.inStore(f, func(s *session) error {
				s.wait = wait
				return s.rm(cmd.Context(), args, dryRun, f.out)
			})
		},
	}
	f.out.format(c, formatsValue)
	f.out.quiet(c, "say nothing")
	addWait(c, &wait)
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would go, and what that frees")
	c.Flags().Var(&f.fetch.Platform, "platform", "only the image for os/arch[/variant]")
	f.store.dir(c)
	return describe(c, manual{
		long: `Remove images from the store, by name (for all platforms) or by digest or its
first digits (with all names), and free what no other image uses. Nothing is
asked. If one of the images is not there, none is removed. Unpacked files are
put aside at once, and removed from the disk in the background.

What is freed is told as du would: blocks on the disk. What images share goes
with the last of them, so that two free together what neither frees alone.`,
		examples: []string{"layers rm python:3.10", "layers rm --dry-run app:1 app:2", "layers rm 4a5bc1d2", "layers rm --platform linux/arm64 alpine"},
		exits:    []int{exitNotFound, exitTemporary, exitHost},
	})
}

func (s *session) rm(ctx context.Context, names []string, dryRun bool, out outputFlags) error {
	gone, err := s.allToRemove(ctx, names)
	if err != nil {
		return err
	}
	freed, err := s.store.Remove(ctx, gone, dryRun)
	if err != nil {
		return err
	}
	r := rmReport{Version: "layers.rm/v1", Removed: []removed{}, DryRun: dryRun, Freed: freed.Apparent, Disk: freed.Disk}
	for _, st := range gone {
		r.Removed = append(r.Removed, removed{source.Short(st.Name), st.Digest.String(), st.Platform.String()})
	}
	return render(s.program, out, r, func(w io.Writer, r rmReport) error { return writeRemoved(w, r, out) })
}

// allToRemove finds the names that references stand for, or says of all that there are
// none.
func (s *session) allToRemove(ctx context.Context, names []string) ([]cache.Stored, error) {
	var gone []cache.Stored
	var missing []error
	for _, name := range names {
		found, err := s.toRemove(ctx, name)
		gone = append(gone, found...)
		missing = append(missing, err)
	}
	if err := errors.Join(missing...); err != nil {
		return nil, err
	}
	type named struct {
		name     string
		digest   v1.Hash
		platform string
	}
	// A name and its digest may both have been given.
	return eachOnce(gone, func(st cache.Stored) named { return named{st.Name, st.Digest, st.Platform.String()} }), nil
}

// toRemove finds the names that a reference stands for.
func (s *session) toRemove(ctx context.Context, name string) ([]cache.Stored, error) {
	ref, err := source.Parse(name)
	if err != nil {
		return nil, err
	}
	if ref.Transport != source.Store && ref.Transport != source.Any {
		return nil, &usageError{text: name + ": only images in the store can be removed", hint: "layers images"}
	}
	found, err := s.store.Find(ctx, storeKey(ref))
	if err != nil {
		return nil, err
	}
	if ref.Name == "" && len(found) > 0 {
		if _, err := oneDigest(ref, found); err != nil {
			return nil, err
		}
	}
	if want := s.fetch.Platform.Platform; want != nil {
		have := platformsOf(found)
		kept := found[:0]
		for _, st := range found {
			if source.Fits(*want, st.Platform) == source.ExactFit {
				kept = append(kept, st)
			}
		}
		if len(found) > 0 && len(kept) == 0 {
			return nil, &source.PlatformError{Name: name + " (in the store)", Want: want.String(), Have: have}
		}
		found = kept
	}
	if len(found) == 0 {
		return nil, s.advise(ctx, ref, &source.NotFoundError{Name: name, Reason: "not in the store"})
	}
	return found, nil
}

func writeRemoved(w io.Writer, r rmReport, out outputFlags) error {
	if out.Quiet {
		return nil
	}
	did, freed := "removed", "freed"
	if r.DryRun {
		did, freed = "would remove", "would be freed"
	}
	for _, g := range r.Removed {
		name := g.Name
		if name == "" {
			name = g.Digest
		}
		if _, err := fmt.Fprintf(w, "%s %s   %s\n", did, term.Escape(name), term.Escape(g.Platform)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s %s\n", bytesText(r.Disk, out.Units), freed)
	return err
}
