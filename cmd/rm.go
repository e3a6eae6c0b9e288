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
	Freed   int64     `json:"freed"` // bytes on disk
}

type removed struct {
	Name     string `json:"name,omitempty"`
	Digest   string `json:"digest"`
	Platform string `json:"platform"`
}

func newRm(p *program) *cobra.Command {
	f := settings{fetch: fetchFlags{Pull: pullNever}}
	c := &cobra.Command{
		Use:               "rm IMAGE... [flags]",
		Short:             "remove images from the store",
		Args:              arguments(1, -1),
		ValidArgsFunction: p.completeImages(0, &f.store),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.inStore(f, func(s *session) error { return s.rm(cmd.Context(), args, f.out) })
		},
	}
	f.out.format(c, formatsValue)
	f.out.quiet(c, "say nothing")
	c.Flags().Var(&f.fetch.Platform, "platform", "only the image for os/arch[/variant]")
	f.store.dir(c)
	return describe(c, manual{
		long: `Remove images from the store, by name (for all platforms) or by digest or its
first digits (with all names), and free at once what no other image uses.
Nothing is asked. If one of the images is not there, none is removed.`,
		examples: []string{"layers rm python:3.10", "layers rm 4a5bc1d2", "layers rm --platform linux/arm64 alpine"},
		exits:    []int{exitNotFound, exitTemporary, exitHost},
	})
}

func (s *session) rm(ctx context.Context, names []string, out outputFlags) error {
	var gone []cache.Stored
	var missing []error
	for _, name := range names {
		found, err := s.toRemove(ctx, name)
		gone = append(gone, found...)
		missing = append(missing, err)
	}
	if err := errors.Join(missing...); err != nil {
		return err
	}
	type named struct {
		name   string
		digest v1.Hash
	}
	gone = eachOnce(gone, func(st cache.Stored) named { return named{st.Name, st.Digest} }) // a name and its digest may both have been given
	freed, err := s.store.Remove(ctx, gone)
	if err != nil {
		return err
	}
	r := rmReport{Version: "layers.rm/v1", Removed: []removed{}, Freed: freed}
	for _, st := range gone {
		r.Removed = append(r.Removed, removed{source.Short(st.Name), st.Digest.String(), st.Platform.String()})
	}
	return render(s.program, out, r, func(w io.Writer, r rmReport) error { return writeRemoved(w, r, out) })
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
	for _, g := range r.Removed {
		name := g.Name
		if name == "" {
			name = g.Digest
		}
		if _, err := fmt.Fprintf(w, "removed %s   %s\n", term.Escape(name), term.Escape(g.Platform)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s freed\n", bytesText(r.Freed, out.Units))
	return err
}
