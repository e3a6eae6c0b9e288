package cmd

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/spf13/cobra"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cmd/report"
	"github.com/layers/layers/inspect/fleet"
)

// keepFlags say which images a prune leaves.
type keepFlags struct {
	bytes string
	since string
	names []string
}

func (f *keepFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.bytes, "keep-bytes", "", "drop images, the longest unused first, until the store takes no more than `SIZE` on the disk, such as 10GB")
	c.Flags().StringVar(&f.since, "keep", "", "keep what was used in the last `TIME`, such as 30d or 12h; without --keep-bytes all else is dropped")
	c.Flags().StringArrayVar(&f.names, "keep-name", nil, "keep images whose name, the end of it, or tag is like `PATTERN`, such as main*; may be repeated")
}

// given reports whether images are to be dropped at all.
func (f *keepFlags) given() bool { return f.bytes != "" || f.since != "" }

// policy reads the flags.
func (f *keepFlags) policy(now time.Time) (p fleet.Policy, err error) {
	p.Bytes = -1
	if f.bytes != "" {
		if p.Bytes, err = report.ParseBytes(f.bytes); err != nil {
			return p, &usageError{text: fmt.Sprintf("--keep-bytes %s: a size such as 10GB or 500MiB is wanted", f.bytes)}
		}
	}
	if f.since != "" {
		ago, ok := parseAge(f.since)
		if !ok {
			return p, &usageError{text: fmt.Sprintf("--keep %s: a time such as 30d, 2w or 12h is wanted", f.since)}
		}
		p.Since = now.Add(-ago)
	}
	for _, pattern := range f.names {
		if !doublestar.ValidatePattern(pattern) {
			return p, &usageError{text: fmt.Sprintf("--keep-name %s: that is no pattern", pattern)}
		}
	}
	if len(f.names) > 0 && !f.given() {
		return p, &usageError{text: "--keep-name says what stays; what goes is said by --keep-bytes or --keep"}
	}
	return p, nil
}

// parseAge reads a time as people write it: days and weeks besides what Go reads.
func parseAge(text string) (time.Duration, bool) {
	for unit, hours := range map[string]int{"d": 24, "w": 7 * 24} {
		if digits, ok := strings.CutSuffix(text, unit); ok {
			const most = 100 * 365 * 24 // hours
			n, err := strconv.Atoi(digits)
			return time.Duration(n*hours) * time.Hour, err == nil && n >= 0 && n < most/hours
		}
	}
	d, err := time.ParseDuration(text)
	return d, err == nil && d >= 0
}

// keeps says by which pattern an image stays; "" if by none.
func (f *keepFlags) keeps(names []string) string {
	for _, pattern := range f.names {
		like := func(part string) bool { return doublestar.MatchUnvalidated(pattern, part) }
		for _, name := range names {
			if slices.ContainsFunc(partsOf(name), like) {
				return "its name is like " + pattern
			}
		}
	}
	return ""
}

// partsOf are what of a name people may mean by a pattern: all of it, what follows one of
// its slashes, and the tag.
func partsOf(name string) []string {
	parts := []string{name}
	for rest, more := name, true; more; {
		if _, rest, more = strings.Cut(rest, "/"); more {
			parts = append(parts, rest)
		}
	}
	last, _, _ := strings.Cut(parts[len(parts)-1], "@")
	if _, tag, ok := strings.Cut(last, ":"); ok {
		parts = append(parts, tag)
	}
	return parts
}

type planFlags struct {
	settings
	keep keepFlags
	bump bumpFlags
}

func newCachePlan(p *program) *cobra.Command {
	f := planFlags{settings: settings{fetch: fetchFlags{Pull: pullNever}}}
	c := &cobra.Command{
		Use:               "plan [IMAGE...] [flags]",
		Short:             "what removing images, or a prune, would free",
		Args:              arguments(0, -1),
		ValidArgsFunction: p.completeImages(0, &f.store),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.inStore(f.settings, func(s *session) error { return s.plan(cmd.Context(), args, f) })
		},
	}
	f.keep.add(c)
	c.Flags().StringVar(&f.bump.to, "base-bump", "", "what it takes to build on `IMAGE` what is built on others of its repository now")
	c.Flags().StringSliceVar(&f.bump.from, "bump-from", nil, "with --base-bump: other images that may be built on now, as `NAME,NAME`")
	f.out.format(c, formatsList)
	f.out.noTrunc(c)
	f.out.color(c)
	f.out.file(c)
	c.Flags().Var(&f.fetch.Platform, "platform", "only the images for os/arch[/variant]")
	f.fetch.registry(c)
	f.store.dir(c)
	return describe(c, manual{
		long: `Say exactly what layers rm would free of the images, alone and together: what
they share goes only with the last of them. Without an image, say what layers
cache prune would do with the same flags. Nothing is removed.

With --base-bump, say what the images of the store would fetch and hold when
their base moves: of the new one, which is looked for in the store, and else by
its manifest in the registry, only what is not here; and the layers above it,
which are built anew and taken to be as large as now.`,
		examples: []string{
			"layers cache plan app:1 app:2",
			"layers cache plan --keep-bytes 10GB --keep-name 'main*'",
			"layers cache plan --keep 30d -f json",
			"layers cache plan --base-bump debian:bookworm-20260101",
		},
		exits: []int{exitNotFound, exitTemporary, exitHost},
	})
}

// check finds what cannot be meant together.
func (f *planFlags) check(names []string) error {
	keeps := f.keep.given() || len(f.keep.names) > 0
	switch {
	case len(names) > 0 && keeps:
		return &usageError{text: "images that are named, and --keep flags, which choose them, exclude each other"}
	case f.bump.to != "" && (len(names) > 0 || keeps):
		return &usageError{text: "--base-bump is of all images of the store: it excludes names and --keep flags"}
	case f.bump.to == "" && len(f.bump.from) > 0:
		return &usageError{text: "--bump-from is for --base-bump"}
	}
	return nil
}

func (s *session) plan(ctx context.Context, names []string, f planFlags) error {
	if err := f.check(names); err != nil {
		return err
	}
	if f.bump.to != "" {
		return s.bump(ctx, f.bump, f.out)
	}
	if len(names) == 0 {
		done, err := s.pruneBy(ctx, f.keep, true)
		if err != nil {
			return err
		}
		return s.program.report(f.out, done.PlanReport)
	}
	gone, err := s.allToRemove(ctx, names)
	if err != nil {
		return err
	}
	d, found, err := s.disk(ctx)
	if err != nil {
		return err
	}
	freed, err := s.store.Remove(ctx, gone, true)
	if err != nil {
		return err
	}
	going, half := holdersOf(found, gone)
	choice := fleet.Without(d, going)
	for _, h := range half {
		choice.Stay = append(choice.Stay, fleet.Stay{Holder: h, Why: "it has other names"})
	}
	r := fleet.Plan(d, choice, weightOf(freed))
	r.DryRun = true
	return s.program.report(f.out, r)
}

// holdersOf are the holders of which all names are in a list, and those of which some
// are, which do not go.
func holdersOf(found *cache.Inventory, gone []cache.Stored) (all, half []int) {
	type key struct{ name, digest, platform string }
	keyOf := func(st cache.Stored) key { return key{st.Name, st.Digest.String(), st.Platform.String()} }
	going := map[key]bool{}
	for _, st := range gone {
		going[keyOf(st)] = true
	}
	for n, h := range found.Holders {
		named := 0
		for _, st := range h.Images {
			if going[keyOf(st)] {
				named++
			}
		}
		switch named {
		case 0:
		case len(h.Images):
			all = append(all, n)
		default:
			half = append(half, n)
		}
	}
	return all, half
}
