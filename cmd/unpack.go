package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/spf13/cobra"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/unpack"
	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/inspect"
)

type unpackFlags struct {
	settings
	layer    int
	only     []string
	force    bool
	rootless bool
	link     cache.LinkMode
	owners   bool // they are to be kept, or nothing is to be unpacked
}

// unpackReport is the answer of layers unpack.
type unpackReport struct {
	Version string        `json:"version"`
	Image   string        `json:"image"`
	Digest  string        `json:"digest"`
	Dir     string        `json:"dir"`
	Losses  []unpack.Loss `json:"losses"`
}

func newUnpack(p *program) *cobra.Command {
	var f unpackFlags
	c := &cobra.Command{
		Use:               "unpack IMAGE DIR [flags]",
		Short:             "the image's files in a directory",
		Args:              arguments(2, 2),
		ValidArgsFunction: p.completeImages(1, &f.store),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.owners = cmd.Flags().Changed("rootless") && !f.rootless
			return p.unpack(cmd.Context(), args[0], args[1], f)
		},
	}
	flags := c.Flags()
	flags.IntVar(&f.layer, "layer", 0, "only up to layer `N` (from 1)")
	flags.StringArrayVar(&f.only, "only", nil, "only paths that match `GLOB` (* ? [] ** {}), and what is below them; can be given several times")
	flags.BoolVar(&f.force, "force", false, "replace what DIR holds; it is removed when the image is there")
	flags.BoolVar(&f.rootless, "rootless", false, "leave all files to yourself, whoever owns them in the image; =false fails where owners cannot be kept")
	addLink(c, &f.link)
	f.out.format(c, formatsValue)
	f.out.quiet(c, "say nothing")
	f.addImage(c)
	return describe(c, manual{
		long: `Write the files of an image to a directory, as a container would see them, with
owners, modes, times, links, devices and extended attributes. DIR is made, or
must be empty; it is there whole or not at all. What cannot be kept is said.

An ordinary user keeps owners by his subordinate ids: what the image's root owns
is his, and its user N is the Nth of his ranges in /etc/subuid. Without any, or
with --rootless, all files are his own. Devices take root.

Where the file system can (reflinks, as on btrfs and xfs), files with the same
content share their blocks, also with those of the store; each can be changed
without the others. There are no hard links but the image's own. --link never
gives each file blocks of its own.`,
		examples: []string{
			"layers unpack python:3.10 rootfs",
			"layers unpack --only 'etc/**' --only usr/bin/python3 python:3.10 some",
			"layers unpack --layer 1 python:3.10 base",
		},
		exits: imageExits,
	})
}

func (p *program) unpack(ctx context.Context, name, dir string, f unpackFlags) error {
	only, err := globs(f.only)
	if err != nil {
		return err
	}
	once := p.withIDs
	if f.owners {
		once = func(do func() error) error { return do() }
	}
	return once(func() error {
		again, keepOwner, err := p.unpackAs(&f)
		if err != nil {
			return err
		}
		if again != nil {
			return p.again(again, f.store)
		}
		return p.unpackHere(ctx, name, dir, cache.UnpackOptions{KeepOwner: keepOwner, Replace: f.force, Only: only}, f)
	})
}

// unpackHere unpacks as the user that this process is.
func (p *program) unpackHere(ctx context.Context, name, dir string, o cache.UnpackOptions, f unpackFlags) error {
	return p.inStore(f.settings, func(s *session) error {
		img, err := s.find(ctx, name)
		if err != nil {
			return err
		}
		layers, err := img.Layers()
		if err != nil {
			return err
		}
		if f.layer < 0 || f.layer > len(layers) {
			return &inspect.NoLayerError{Image: img.name, Number: f.layer, Layers: len(layers)}
		}
		o.Display, o.Layers, o.Link = img.name, f.layer, f.link
		losses, err := s.store.Unpack(ctx, img, dir, o)
		if err != nil {
			return unpackAdvice(err, name, dir)
		}
		p.progress.Clear()
		r := unpackReport{Version: "layers.unpack/v1", Image: img.name, Digest: img.digest.String(), Dir: dir, Losses: losses}
		return render(p, f.out, r, func(w io.Writer, r unpackReport) error { return p.unpacked(w, r, f.out.Quiet) })
	})
}

// addLink gives a command that unpacks the choice of how files share their blocks.
func addLink(c *cobra.Command, value *cache.LinkMode) {
	addChoice(c, value, "link", "files with the same content share blocks where the file system can", cache.LinkAuto, cache.LinkNever)
}

// globs makes one question of several patterns; nil if there are none. A pattern may
// begin with a slash, as paths in an image are often written.
func globs(patterns []string) (func(string) bool, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	for i, g := range patterns {
		patterns[i] = inspect.Clean(g)
		if !doublestar.ValidatePattern(patterns[i]) {
			return nil, &usageError{text: fmt.Sprintf("--only %q is no pattern", g), hint: "* ? [a-z] ** {a,b}; a backslash before those that are meant"}
		}
	}
	return func(path string) bool {
		for _, g := range patterns {
			if doublestar.MatchUnvalidated(g, path) {
				return true
			}
		}
		return false
	}, nil
}

// unpackAdvice says what helps against an error.
func unpackAdvice(err error, name, dir string) error {
	var full *unpack.NotEmptyError
	if errors.As(err, &full) {
		return &advised{err: err, hint: fmt.Sprintf("layers unpack --force %s %s replaces what it holds", name, dir)}
	}
	return err
}

// unpacked says where the files are, and on stderr what could not be kept.
func (p *program) unpacked(w io.Writer, r unpackReport, quiet bool) error {
	for _, l := range r.Losses {
		line := lossLine(l)
		if hint := p.ids.ownerHint(); l.What == "owner" && hint != "" {
			line += "\n  " + hint
		}
		p.warn(line)
	}
	if quiet {
		return nil
	}
	_, err := fmt.Fprintf(w, "%s is in %s\n", term.Escape(r.Image), term.Escape(r.Dir))
	return err
}

var lossWords = map[string]string{
	"owner": "owners", "xattr": "extended attributes", "device": "devices",
}

func lossLine(l unpack.Loss) string {
	first := "/" + l.Path
	if l.Count > 1 {
		first = fmt.Sprintf("%s and %d more", first, l.Count-1)
	}
	return fmt.Sprintf("%s could not be kept (%s): %s", lossWords[l.What], l.Why, first)
}
