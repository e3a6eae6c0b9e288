package cmd

import (
	"context"
	"fmt"
	"io"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/cmd/term"
)

type verifyFlags struct {
	settings
	repair bool
}

// verifyReport is the answer of layers cache verify.
type verifyReport struct {
	Version string `json:"version"`
	cache.VerifyReport
}

func newCacheVerify(p *program) *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{
		Use:   "verify [flags]",
		Short: "read everything again and compare",
		Args:  arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.verify(cmd.Context(), f)
		},
	}
	c.Flags().BoolVar(&f.repair, "repair", false, "rebuild what is derived or unpacked, set damaged blobs and stray files aside, fetch blobs again")
	f.out.format(c, formatsValue)
	f.store.work(c)
	f.fetch.registry(c)
	return describe(c, manual{
		long: `Read every blob, every derived file and every unpacked layer of the store again,
and compare them with their digests and with each other: of unpacked files all
that an image says of them. --repair unpacks a damaged layer again, unless it is
mounted, or a running command uses it.`,
		examples: []string{"layers cache verify", "layers cache verify --repair"},
		exits:    []int{exitNo, exitTemporary, exitHost},
	})
}

// verify runs as who has the ids that unpacked files have.
func (p *program) verify(ctx context.Context, f verifyFlags) error {
	return p.withIDs(func() error {
		kind, ids, err := p.snapshotKind()
		if err != nil {
			return err
		}
		if ids != nil {
			return p.again(ids, f.store)
		}
		return p.inStore(f.settings, func(s *session) error { return s.verify(ctx, f, kind.IDs) })
	})
}

func (s *session) verify(ctx context.Context, f verifyFlags, ids string) error {
	o := cache.VerifyOptions{Repair: f.repair, IDs: ids, Fetch: s.fetchAgain}
	found, err := s.store.Verify(ctx, o)
	s.program.progress.Clear()
	if err != nil {
		return err
	}
	r := verifyReport{Version: "layers.verify/v1", VerifyReport: found}
	if r.Damage == nil {
		r.Damage = []cache.Damage{}
	}
	err = render(s.program, f.out, r, func(w io.Writer, r verifyReport) error { return writeVerified(w, r, f) })
	if err == nil && len(unrepaired(r)) > 0 {
		return noError{}
	}
	return err
}

// fetchAgain opens an image by a name with a digest, in its registry.
func (s *session) fetchAgain(ctx context.Context, name string) (v1.Image, error) {
	if s.fetch.Offline {
		return nil, &source.OfflineError{Name: name}
	}
	ref, err := source.Parse("docker://" + name)
	if err != nil {
		return nil, err
	}
	src, err := source.Open(ctx, ref, s.sourceOptions())
	if err != nil {
		return nil, err
	}
	s.opened = append(s.opened, src)
	return src.Image, nil
}

// unrepaired is the damage that is still there. What was quarantined is still
// missing to the images that need it.
func unrepaired(r verifyReport) []cache.Damage {
	var left []cache.Damage
	for _, d := range r.Damage {
		if d.Repaired == "" || d.Repaired == "quarantined" && len(d.Images) > 0 {
			left = append(left, d)
		}
	}
	return left
}

func writeVerified(w io.Writer, r verifyReport, f verifyFlags) error {
	line, written := liner(w)
	for _, d := range r.Damage {
		line("%s: %s", term.Escape(d.Path), term.Escape(d.What))
		if len(d.Images) > 0 {
			names := make([]string, len(d.Images))
			for i, n := range d.Images {
				names[i] = term.Escape(source.Short(n))
			}
			line("  needed by %s", strings.Join(names, ", "))
		}
		if d.Repaired != "" {
			line("  %s", d.Repaired)
		}
		if d.Error != "" {
			line("  not repaired: %s", term.Escape(d.Error))
		}
	}
	line("%s, %s, %s, %s, %s read: %s", count(r.Images, "image"), count(r.Blobs, "blob"), count(r.Derived, "derived file"),
		count(r.Snapshots, "snapshot"), bytesText(r.Bytes, f.out.Units), verdict(r))
	if !f.repair && len(r.Damage) > 0 {
		line("hint: layers cache verify --repair")
	}
	return written()
}

func verdict(r verifyReport) string {
	left := len(unrepaired(r))
	switch {
	case len(r.Damage) == 0:
		return "all is well"
	case left == 0:
		return fmt.Sprintf("%d damaged, all repaired", len(r.Damage))
	}
	return fmt.Sprintf("%d damaged", left)
}
