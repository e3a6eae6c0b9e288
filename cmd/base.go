package cmd

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

type baseFlags struct {
	settings
	all    bool
	remote bool
	from   string
	// suggest asks for what would save bytes, instead of the tree.
	suggest bool
	export  string
	chain   chainFlags
}

func newBase(p *program) *cobra.Command {
	var f baseFlags
	c := &cobra.Command{
		Use:               "base IMAGE... [flags]",
		Short:             "the base of an image; what images share, as a tree",
		Args:              arguments(0, -1),
		ValidArgsFunction: p.completeImages(0, &f.store),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.base(cmd.Context(), args, f)
		},
	}
	f.add(c)
	f.out.limit(c, "of the rows, those of the `N` images that weigh most, 0 is all (default: some in a table)")
	f.out.format(c, slices.Concat(formatsList, drawn))
	f.out.quiet(c, "of one image, only the name of the nearest base")
	f.out.noTrunc(c)
	f.out.color(c)
	f.out.file(c)
	f.addImage(c)
	return describe(c, manual{
		long: `Tell which images are built on which, and what they share. An image's base is
the one whose layers are the lowest of its own: all of them, by their DiffIDs.
With one image: its bases, from the lowest to the nearest. With several, or an
OCI layout or archive that holds several: all of them as a tree, with sums.

Of one image, candidates are the images of the store, those that --candidates
names, those that the image itself names (annotations, labels, history), and the
tags of the repositories that --search names. Of all these, only manifests and
configs are fetched. What the image says of its base is checked, and told if it
is wrong. HOW SURE: "same digest" if the base is, by its digest, the one that
the image or you name; "same layers" if its layers are the lowest ones here.

In the tree, LAYERS, CONTENT (compressed) and UNPACKED are what an image adds to
the one that it stands on. EXCLUSIVE is what is freed if that image alone goes:
no other of these images has it. Where some images have layers in common that
none of them ends at, the tree says so. An image with the same layers as the one
above it, but other blobs or another configuration, is marked with =.

With --remote, thousands of images of registries are compared without a layer
being fetched; unpacked sizes are not known then. An image that cannot be had is
told of at the end, and the exit code is the worst: the others are still shown.` + exportLong + suggestLong,
		examples: []string{
			"layers base python:3.10",
			"layers base --candidates debian:12,debian:12-slim app:main",
			"layers base --search debian,python,alpine --search-limit 100 app:main",
			"layers base app:main worker:main python:3.10-slim",
			"layers base --all --limit 20",
			"layers base oci:./layout",
			"layers base --remote --from refs.txt -f csv",
			"layers base --all --export fleet.parquet",
			"layers base --all --suggest",
			"layers base --all -f html -o images.html",
			"layers base --all -f dot | dot -Tsvg -o images.svg",
		},
		exits: imageExits,
	})
}

// add adds the flags that say of which images what is asked.
func (f *baseFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.all, "all", false, "all images of the store, too")
	c.Flags().StringVar(&f.from, "from", "", "the images that `FILE` names, too: one a line, # begins a comment, - is standard input")
	c.Flags().BoolVar(&f.remote, "remote", false, "read manifests and configurations only, from the registry: no layer is fetched")
	c.Flags().StringVar(&f.export, "export", "", "write tables for SQL, too: `NAME.parquet` makes NAME.images.parquet and so on")
	c.Flags().BoolVar(&f.suggest, "suggest", false, "what small changes of the images would save, the most first")
	c.Flags().BoolVar(&f.out.unpacked, "unpacked", false, "areas of a picture, svg or html, are unpacked bytes, not content")
	f.chain.add(c)
}

func (f *baseFlags) check(args []string) error {
	stdin := 0
	for _, a := range append([]string{f.from}, args...) {
		if a == "-" {
			stdin++
		}
	}
	switch {
	case len(args) == 0 && !f.all && f.from == "":
		return &usageError{text: "base: name images, or --all, or --from FILE", hint: "layers base --help"}
	case f.export != "" && (!strings.HasSuffix(f.export, tableSuffix) || strings.HasPrefix(filepath.Base(f.export), ".")):
		return &usageError{text: "--export needs a name that ends in .parquet, as in fleet.parquet"}
	case stdin > 1:
		return &usageError{text: "standard input can be read once"}
	case f.isSet(args) && (f.out.Quiet || len(f.chain.candidates)+len(f.chain.search) > 0):
		return &usageError{text: "-q, --candidates and --search are for one image, and not for --export or --suggest"}
	case f.suggest && (f.export != "" || slices.Contains(drawn, f.out.Format)):
		return &usageError{text: "--suggest is no tree to draw or to export: ask for one after the other"}
	case f.remote && f.fetch.Offline:
		return &usageError{text: "--remote and --offline exclude each other"}
	}
	return nil
}

// isSet reports whether several images are asked for, whatever files hold, or the one as a
// set.
func (f *baseFlags) isSet(args []string) bool {
	return len(args) > 1 || f.all || f.from != "" || f.export != "" || f.suggest
}

func (p *program) base(ctx context.Context, args []string, f baseFlags) error {
	if err := f.check(args); err != nil {
		return err
	}
	return p.inStore(f.settings, func(s *session) error {
		names := args
		if f.from != "" {
			more, err := p.references(f.from)
			if err != nil {
				return err
			}
			names = append(names, more...)
		}
		if !f.isSet(args) {
			one, err := s.isOne(ctx, names[0])
			if err != nil {
				return err
			}
			if one {
				f.chain.out = f.out
				return s.baseChain(ctx, names[0], f.chain)
			}
		}
		return s.baseTree(ctx, names, f)
	})
}
