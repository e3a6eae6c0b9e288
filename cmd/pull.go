package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/cmd/term"
)

type pullFlags struct {
	settings
	all    bool
	unpack bool
	dryRun bool
	link   cache.LinkMode
}

// pullReport is the answer of layers pull: what the store has now.
type pullReport struct {
	Version string   `json:"version"`
	Images  []pulled `json:"images"`
}

// pulled is an image that was brought into the store.
type pulled struct {
	Name     string `json:"name"`
	Digest   string `json:"digest"`
	Platform string `json:"platform"`
	Layers   int    `json:"layers"`
	Content  int64  `json:"content"` // compressed bytes of its layers, each blob once
	// Snapshots is what --unpack made.
	Snapshots *snapshotsReport `json:"snapshots,omitempty"`
}

// snapshotsReport tells of the directories that stand for an image's layers in a mount.
type snapshotsReport struct {
	Made     int  `json:"made"`
	Present  int  `json:"present"`  // those that were there
	Rootless bool `json:"rootless"` // for mounts by an ordinary user
}

func newPull(p *program) *cobra.Command {
	var f pullFlags
	c := &cobra.Command{
		Use:               "pull IMAGE... [flags]",
		Short:             "download into the local store",
		Args:              arguments(1, -1),
		ValidArgsFunction: p.completeImages(0, &f.store),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.pull(cmd.Context(), args, f)
		},
	}
	c.Flags().BoolVar(&f.all, "all-platforms", false, "the image for every platform that there is")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "say what would be fetched, layer by layer, and fetch nothing")
	c.Flags().BoolVar(&f.unpack, "unpack", false, "unpack the layers as they come, for layers mount")
	addLink(c, &f.link)
	f.out.format(c, formatsValue)
	f.out.quiet(c, "only the digests (of the layers to fetch, with --dry-run)")
	f.store.work(c)
	f.fetch.add(c, false)
	return describe(c, manual{
		long: `Bring images into the local store: from a registry, a file, an engine or
standard input. Layers come side by side, are checked and read once on the way,
and a download that was cut goes on where it stopped, also in the next run.
Registries are always asked; with --offline, only files and engines are.

With --unpack, the layers are unpacked into the store as well, each in the pass
that brings it, as who runs this would mount them: by root with all owners, by
an ordinary user with his subordinate ids as owners, or with all files his own
if he has none. The first layers mount need not do it then. A layer that is here
and not unpacked is unpacked from the store.

With --dry-run, nothing is written to the store. The sums are of layers;
manifests and configs, some kilobytes each, come on top.`,
		examples: []string{
			"layers pull python:3.10 python:3.11",
			"layers pull --unpack python:3.10",
			"layers pull --dry-run python:3.10 python:3.11",
			"layers pull --platform linux/arm64 alpine",
			"layers pull --all-platforms alpine",
			"docker save app:1 | layers pull -",
		},
		exits: imageExits,
	})
}

func (p *program) pull(ctx context.Context, names []string, f pullFlags) error {
	if f.all && f.fetch.Platform.Platform != nil {
		return &usageError{text: "--all-platforms and --platform exclude each other"}
	}
	if f.fetch.Offline {
		if err := needRegistry(names); err != nil {
			return err
		}
	}
	if f.dryRun {
		if f.unpack {
			return &usageError{text: "--dry-run and --unpack exclude each other"}
		}
		f.store.look = true
		return p.inStore(f.settings, func(s *session) error { return s.planPull(ctx, names, f) })
	}
	if !f.unpack {
		return p.inStore(f.settings, func(s *session) error { return s.pullAll(ctx, names, f) })
	}
	return p.withIDs(func() error {
		kind, ids, err := p.snapshotKind()
		if err != nil {
			return err
		}
		if ids != nil {
			return p.again(ids, f.store)
		}
		return p.inStore(f.settings, func(s *session) error {
			kind.Link = f.link
			s.unpack = &kind
			return s.pullAll(ctx, names, f)
		})
	})
}

// needRegistry finds, before anything is pulled, the names that only a registry has:
// without one they are a slip, as files and engines are not.
func needRegistry(names []string) error {
	for _, name := range names {
		ref, err := source.Parse(name)
		if err == nil && (ref.Transport == source.Any || ref.Transport == source.Registry) {
			return adviseFile(ref, &usageError{
				text: name + " is pulled from a registry, and --offline asks none",
				hint: "files and engines need no registry: layers help references"})
		}
	}
	return nil
}

// pullAll brings all the images in; one that fails does not keep the others from it.
func (s *session) pullAll(ctx context.Context, names []string, f pullFlags) error {
	r := pullReport{Version: "layers.pull/v1", Images: []pulled{}}
	var failed []error
	for _, name := range names {
		got, err := s.pullNamed(ctx, name, f.all)
		r.Images = append(r.Images, got...)
		if err != nil {
			failed = append(failed, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	table := func(w io.Writer, r pullReport) error { return writePulled(w, r, f.out) }
	return errors.Join(append(failed, render(s.program, f.out, r, table))...)
}

// pullNamed brings in what a reference means: one image, or one for each platform.
func (s *session) pullNamed(ctx context.Context, name string, all bool) ([]pulled, error) {
	sources, err := s.openToPull(ctx, name, all)
	if err != nil {
		return nil, err
	}
	var got []pulled
	for _, src := range sources {
		var made *snapshotsReport
		st, e := s.pull(ctx, src, func(found *cache.Snapshots) { made = s.unpackedReport(found) }, nil)
		if e == nil {
			var one pulled
			one, e = describePulled(src, st)
			one.Snapshots = made
			got = append(got, one)
		}
		err = errors.Join(err, e, src.Close())
	}
	return got, err
}

// openToPull opens what a reference means where it lies: one image, or one for each
// platform.
func (s *session) openToPull(ctx context.Context, name string, all bool) ([]*source.Image, error) {
	ref, err := source.Parse(name)
	if err != nil {
		return nil, err
	}
	if ref.Transport == source.Store {
		return nil, &usageError{text: name + " means the store, where it is or is not", hint: "layers images"}
	}
	var sources []*source.Image
	if all {
		sources, err = source.OpenAll(ctx, ref, s.sourceOptions())
	} else {
		var one *source.Image
		one, err = source.Open(ctx, ref, s.sourceOptions())
		sources = []*source.Image{one}
	}
	if err != nil {
		return nil, adviseFile(ref, s.advise(ctx, ref, err))
	}
	return sources, nil
}

// unpackedReport tells of an image's snapshots, and on stderr what they could not keep.
func (s *session) unpackedReport(found *cache.Snapshots) *snapshotsReport {
	s.warnLosses(found, s.unpack, &mountFlags{})
	return &snapshotsReport{Made: found.Made, Present: len(found.Dirs) - found.Made, Rootless: s.unpack.Rootless}
}

func describePulled(src *source.Image, st cache.Stored) (pulled, error) {
	m, err := src.Manifest()
	if err != nil {
		return pulled{}, err
	}
	one := pulled{Name: src.Name, Digest: st.Digest.String(), Platform: st.Platform.String(), Layers: len(m.Layers)}
	seen := map[string]bool{}
	for _, d := range m.Layers {
		if !seen[d.Digest.Hex] {
			seen[d.Digest.Hex] = true
			one.Content += d.Size
		}
	}
	return one, nil
}

func writePulled(w io.Writer, r pullReport, out outputFlags) error {
	for _, i := range r.Images {
		var err error
		if out.Quiet {
			_, err = fmt.Fprintln(w, i.Digest)
		} else {
			how := ""
			if i.Snapshots != nil {
				how = ", unpacked"
			}
			_, err = fmt.Fprintf(w, "%s   %s   %s   %s content   %s%s\n",
				term.Escape(i.Name), term.Escape(i.Platform), i.Digest, bytesText(i.Content, out.Units), count(i.Layers, "layer"), how)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
