package cmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/layers/layers/cmd/report"
	"github.com/layers/layers/diff"
)

type diffFlags struct {
	settings
	files, layers, packages, config bool
	dirDepth                        int
	renames, times, ignoreTimes     bool
	only                            []string
	paths, ignore                   []string
	showEnv                         bool
	exitCode, semantic              bool
	patch                           bool
	patchSize                       string
	layerOld, layerNew              int
}

func newDiff(p *program) *cobra.Command {
	var f diffFlags
	c := &cobra.Command{
		Use:               "diff OLD NEW [PATH | NEWER...] [flags]",
		Short:             "what changed: layers, files, packages, config",
		Args:              arguments(2, -1),
		ValidArgsFunction: p.completeImages(0, &f.store),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.imply(cmd.Flags().Changed)
			return p.diff(cmd.Context(), args, f)
		},
	}
	f.add(c)
	f.out.sort(c, string(diff.ByPath), string(diff.BySize), string(diff.ByChange))
	f.out.limit(c, "at most `N` rows of a list, 0 is all (default: some, of files all)")
	f.out.format(c, formatsList)
	f.out.noTrunc(c)
	f.out.color(c)
	f.out.file(c)
	f.out.quiet(c, "write nothing: the exit code is 1 if something differs")
	f.addImage(c)
	return describe(c, manual{
		long: `Tell what changed from one image to another: how many bytes, because of which
layers, build steps, packages and files, and what a host that has OLD must fetch
for NEW. Either may also be a directory of this host, as dir:PATH.

With a PATH (from /): how that file's text changed. With three or more images,
oldest first: the trend.

CONTENT is compressed bytes, which a pull moves. UNPACKED is bytes of the files
that the layers carry, also of those that later layers hide.
A GLOB may have ** for any directories; one without a slash matches a name
anywhere.`,
		examples: []string{
			"layers diff python:3.10 python:3.11",
			"layers diff --files --only added --sort size --limit 20 app:1 app:2",
			"layers diff app:1 app:2 /etc/passwd",
			"layers diff --dir-depth 2 app:1 app:2",
			"layers diff --exit-code --ignore '*.pyc' app:1 dir:./rootfs",
			"layers diff -f markdown app:main app:pr",
			"layers diff app:1 app:2 app:3 app:4",
		},
		exits: append([]int{exitNo}, imageExits...),
	})
}

func (f *diffFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.BoolVar(&f.files, "files", false, "every path that differs")
	flags.BoolVar(&f.layers, "layers", false, "the layers, aligned")
	flags.BoolVar(&f.packages, "packages", false, "the packages that differ")
	flags.BoolVar(&f.config, "config", false, "the configuration that differs")
	flags.StringSliceVar(&f.only, "only", nil, "of the files, only these `KIND`s: added, deleted, modified, replaced, renamed")
	flags.StringArrayVar(&f.paths, "path", nil, "of the files, only those that match `GLOB`, and what is below them")
	flags.StringArrayVar(&f.ignore, "ignore", nil, "do not count files that match `GLOB`, and what is below them")
	flags.BoolVar(&f.renames, "renames", false, "tell files apart that were only moved, by their content")
	flags.IntVar(&f.dirDepth, "dir-depth", 0, "sum the files up by directories of at most `N` names")
	flags.BoolVar(&f.times, "times", false, "a file that differs in nothing but its time differs")
	flags.BoolVar(&f.ignoreTimes, "ignore-times", false, "times alone are no difference (the default)")
	flags.BoolVar(&f.patch, "patch", false, "the text that changed, of all text files, as a patch")
	flags.StringVar(&f.patchSize, "patch-size", "1MB", "leave files above `SIZE` out of --patch")
	flags.BoolVar(&f.semantic, "semantic", false, "only whether the files and the configuration are the same, and where not")
	flags.BoolVar(&f.exitCode, "exit-code", false, "exit with 1 if the files or the configuration differ")
	flags.BoolVar(&f.showEnv, "show-env", false, "show the values of variables that look like secrets")
	flags.IntVar(&f.layerOld, "layer-old", 0, "of OLD, layer `N` alone (from 1)")
	flags.IntVar(&f.layerNew, "layer-new", 0, "of NEW, layer `N` alone (from 1)")
}

// imply turns on the list of files where a flag asks for something of it.
func (f *diffFlags) imply(changed func(string) bool) {
	for _, name := range []string{"only", "path", "renames", "sort", "dir-depth"} {
		f.files = f.files || changed(name) && !f.semantic && !f.patch && !f.layers && !f.packages && !f.config
	}
}

func (f *diffFlags) check(images, paths int) error {
	views := 0
	for _, on := range []bool{f.files, f.layers, f.packages, f.config, f.semantic, f.patch, paths > 0} {
		if on {
			views++
		}
	}
	switch {
	case views > 1:
		return &usageError{text: "--files, --layers, --packages, --config, --semantic, --patch and a PATH exclude each other"}
	case images > 2 && (views > 0 || f.exitCode || f.out.Quiet || f.layerOld+f.layerNew != 0):
		return &usageError{text: "of three or more images there is the trend only", hint: "name two images; a PATH begins with /"}
	case f.times && f.ignoreTimes:
		return &usageError{text: "--times and --ignore-times exclude each other"}
	case f.layerOld < 0 || f.layerNew < 0:
		return &usageError{text: "--layer-old and --layer-new count from 1"}
	case (f.layerOld == 0) != (f.layerNew == 0):
		return &usageError{text: "--layer-old and --layer-new come together"}
	case f.layerOld > 0 && (f.packages || f.config):
		return &usageError{text: "a layer alone has no packages and no configuration", hint: "leave --layer-old and --layer-new out"}
	case (f.patch || paths > 0) && f.out.Format != "table":
		return &usageError{text: "how texts changed is a patch, in no other format"}
	case f.dirDepth < 0:
		return &usageError{text: "--dir-depth must not be negative"}
	}
	for _, kind := range f.only {
		if !isKind(diff.Kind(kind)) {
			return &usageError{text: fmt.Sprintf("--only %q: there are added, deleted, modified, replaced and renamed", kind)}
		}
	}
	filter := f.list().Filter
	if err := filter.Check(); err != nil {
		return &usageError{text: err.Error()}
	}
	return nil
}

func isKind(k diff.Kind) bool {
	switch k {
	case diff.Added, diff.Deleted, diff.Modified, diff.Replaced, diff.Renamed:
		return true
	}
	return false
}

// list is which files are told of.
func (f *diffFlags) list() diff.ListOptions {
	o := diff.ListOptions{
		FilesOptions: diff.FilesOptions{Times: f.times}, Renames: f.renames, Sort: diff.Order(f.out.Sort), Limit: f.out.Limit,
		Filter: diff.Filter{Path: f.paths, Ignore: f.ignore},
	}
	for _, kind := range f.only {
		o.Filter.Only = append(o.Filter.Only, diff.Kind(kind))
	}
	return o
}

func (p *program) diff(ctx context.Context, args []string, f diffFlags) error {
	names, path := args, ""
	if len(args) == 3 && strings.HasPrefix(args[2], "/") {
		names, path = args[:2], args[2]
	}
	if err := f.check(len(names), len(args)-len(names)); err != nil {
		return err
	}
	return p.inStore(f.settings, func(s *session) (err error) {
		var sides []*diffSide
		defer func() {
			for _, side := range sides {
				side.free()
			}
		}()
		for i, name := range names {
			side, err := s.diffSide(ctx, name, []int{f.layerOld, f.layerNew}[min(i, 1)], f.wantsPackages(path))
			if err != nil {
				return err
			}
			side.newer = i > 0
			sides = append(sides, side)
		}
		if len(sides) > 2 {
			return s.trend(ctx, sides, f)
		}
		return s.diff(ctx, sides[0], sides[1], path, f)
	})
}

// wantsPackages reports whether the answer tells of packages.
func (f *diffFlags) wantsPackages(path string) bool {
	return path == "" && !f.files && !f.semantic && !f.patch && !f.config && !f.layers && f.layerOld == 0 && !f.out.Quiet
}

func (s *session) trend(ctx context.Context, sides []*diffSide, f diffFlags) error {
	var images []*diff.Image
	for _, side := range sides {
		images = append(images, &side.Image)
	}
	r, err := diff.Trend(ctx, images, f.options())
	if err != nil {
		return err
	}
	return s.program.report(f.out, r)
}

// diff writes what was asked for. The exit code is that of the question whether anything
// differs, where it was asked.
func (s *session) diff(ctx context.Context, old, new *diffSide, path string, f diffFlags) error {
	if path != "" {
		return s.textDiff(ctx, old, new, path, f)
	}
	if !f.out.Quiet {
		if err := s.diffReport(ctx, old, new, f); err != nil {
			return err
		}
	}
	if !f.exitCode && !f.out.Quiet {
		return nil
	}
	v, err := diff.Same(ctx, &old.Image, &new.Image, f.sameOptions(1))
	if err == nil && !v.Same {
		return noError{}
	}
	return err
}

// commentFiles is how many files a comment in Markdown names.
const commentFiles = 100

func (f *diffFlags) options() diff.Options {
	list := f.list()
	o := diff.Options{Files: list.FilesOptions, Filter: list.Filter, ShowEnv: f.showEnv, Biggest: f.out.Limit}
	if f.out.Format == string(report.Markdown) && o.Biggest == 0 {
		o.Biggest = commentFiles
	}
	return o
}

func (f *diffFlags) sameOptions(limit int) diff.SameOptions {
	return diff.SameOptions{FilesOptions: f.list().FilesOptions, Filter: f.list().Filter, ShowEnv: f.showEnv, Limit: limit}
}

func (s *session) diffReport(ctx context.Context, old, new *diffSide, f diffFlags) error {
	switch {
	case f.patch:
		return s.patch(ctx, old, new, f)
	case f.semantic:
		return s.semantic(ctx, old, new, f)
	case f.files:
		return s.diffFiles(ctx, old, new, f)
	}
	r, err := diff.Compare(ctx, &old.Image, &new.Image, f.options())
	if err != nil {
		return err
	}
	switch {
	case f.layers:
		return s.program.report(f.out, r.LayersReport())
	case f.packages:
		return s.program.report(f.out, r.PackagesReport())
	case f.config:
		return s.program.report(f.out, r.ConfigReport())
	}
	return s.program.report(f.out, r)
}

func (s *session) diffFiles(ctx context.Context, old, new *diffSide, f diffFlags) error {
	list, err := diff.List(ctx, &old.Image, &new.Image, f.list())
	if err != nil {
		return err
	}
	if f.dirDepth == 0 {
		return s.program.report(f.out, list)
	}
	dirs, err := list.Dirs(f.dirDepth)
	if err != nil {
		return err
	}
	return s.program.report(f.out, dirs)
}

// semanticRows is how many differences --semantic shows, where nothing else is asked.
const semanticRows = 20

func (s *session) semantic(ctx context.Context, old, new *diffSide, f diffFlags) error {
	limit := semanticRows
	if f.out.limitSet() {
		limit = f.out.Limit
	}
	v, err := diff.Same(ctx, &old.Image, &new.Image, f.sameOptions(limit))
	if err != nil {
		return err
	}
	return s.program.report(f.out, v)
}
