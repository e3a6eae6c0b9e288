package budget

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/inspect/packages"
)

// String says the scope as people read it; "" for all of an image.
func (s Scope) String() string {
	switch {
	case s.Own:
		return "the layers above the base"
	case s.Layer > 0:
		return fmt.Sprintf("layer %d", s.Layer)
	case s.Step != "":
		return "steps " + s.Step
	case s.Path != "":
		return s.Path
	case s.Package != "":
		kind, name, ok := strings.Cut(s.Package, "/")
		if ok {
			return kind + " packages " + name
		}
		return kind + " packages"
	}
	return ""
}

// files reports whether the scope is of files, whatever layer they are in: there are no
// compressed bytes of these.
func (s Scope) files() bool { return s.Path != "" || s.Package != "" }

// unknownError says why a rule cannot be checked.
type unknownError struct{ why string }

// Error is the reason.
func (e *unknownError) Error() string { return e.why }

// within are those of some layers that a scope is about.
func (k *checking) within(ctx context.Context, img *Image, s Scope, indexes []int) ([]int, error) {
	keep := func(int) bool { return true }
	switch {
	case s.Own:
		base, err := img.facts(ctx)
		if err != nil {
			return nil, err
		}
		if base.Layers == 0 {
			return nil, &unknownError{"what " + img.Name + " is built on is not known"}
		}
		keep = func(n int) bool { return n >= base.Layers }
	case s.Layer > 0:
		keep = func(n int) bool { return n == s.Layer-1 }
	case s.Step != "":
		keep = func(n int) bool { return img.Layers[n].Step != nil && isStep(s.Step, img, n) }
	}
	return slices.DeleteFunc(slices.Clone(indexes), func(n int) bool { return !keep(n) }), nil
}

func isStep(pattern string, img *Image, n int) bool {
	step := img.Layers[n].Step
	return like(pattern, step.Short) || like(pattern, step.CreatedBy)
}

// like reports whether a text is as a pattern has it, in which * is any text.
func like(pattern, text string) bool {
	first, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return text == pattern
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	for {
		part, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(text, rest)
		}
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text, rest = text[i+len(part):], after
	}
}

// filesWithin is the unpacked bytes of the files of a scope that a container sees.
func (k *checking) filesWithin(ctx context.Context, img *Image, s Scope) (int64, error) {
	all, err := img.layers(ctx, img.all())
	if err != nil {
		return 0, err
	}
	if s.Path != "" {
		return bytesAt(ctx, layer.Squash(tocs(all)), s.Path)
	}
	found, err := packages.Find(ctx, all)
	if err != nil {
		return 0, err
	}
	var bytes int64
	for _, p := range found.Packages {
		if s.isPackage(&p) {
			bytes += p.Bytes
		}
	}
	return bytes, nil
}

// isPackage reports whether a package is one that the scope is about.
func (s Scope) isPackage(p *packages.Package) bool {
	kind, name, named := strings.Cut(s.Package, "/")
	return string(p.Kind) == kind && (!named || Matches(name, p.Name))
}

// bytesAt is the bytes of the files at which a pattern is, each once.
func bytesAt(ctx context.Context, tree *layer.Tree, pattern string) (bytes int64, err error) {
	w := walker{matcher: newMatcher([]string{pattern})}
	for n, err := range filesOnce(ctx, tree, w.takes) {
		if err != nil {
			return 0, err
		}
		bytes = plus(bytes, n.Size)
	}
	return bytes, nil
}
