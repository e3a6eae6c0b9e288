package inspect

import (
	"errors"
	"fmt"
	"slices"

	"github.com/layers/layers/cache/layer"
)

// By says which bytes entries are measured in.
type By string

// The measures.
const (
	ByUnpacked By = "unpacked" // bytes of the files' contents
	ByContent  By = "content"  // the part of the compressed blobs that carries them
)

// ErrNoExtents is returned when compressed bytes are asked for and it is not known
// where a layer's entries lie in its blob.
var ErrNoExtents = errors.New("it is not known where the layer's files lie in its blob")

func (in *Input) checkBy(by By, layers []Layer) error {
	switch by {
	case ByUnpacked, "":
		return nil
	case ByContent:
		if !extentsKnown(layers) {
			return fmt.Errorf("inspecting %s: %w", in.Name, ErrNoExtents)
		}
		return nil
	}
	return fmt.Errorf("inspecting %s: %q is no measure: there are content and unpacked", in.Name, by)
}

func extentsKnown(layers []Layer) bool {
	return !slices.ContainsFunc(layers, func(l Layer) bool { return l.Extents == nil })
}

// file is one name of a file in a walk, with the bytes that count for it: those
// of a file of several names count at the first.
type file struct {
	path     string
	kind     layer.Kind
	names    uint32
	unpacked int64
	content  int64
}

// files gives the bytes of the names of a walk, each content once.
type files struct {
	layers []Layer
	// every makes it remember every content, not just those of several names: a
	// layer may link to another one's file, which has one name there.
	every bool
	seen  map[contentID]struct{}
}

type contentID struct {
	carrier int
	offset  int64
}

func newFiles(layers []Layer) *files {
	f := &files{layers: layers, seen: make(map[contentID]struct{})}
	for _, l := range layers {
		f.every = f.every || linksToLower(l.TOC)
	}
	return f
}

// linksToLower reports whether the layer may have hard links to files of lower ones.
func linksToLower(toc *layer.TOC) bool {
	first, total := toc.Lints()
	for _, l := range first {
		if l.Code == layer.LintLowerLink {
			return true
		}
	}
	return total > len(first)
}

func (f *files) of(e *layer.Entry, carrier int) file {
	if e.Offset < 0 || !f.first(e, carrier) {
		return file{path: e.Path, kind: e.Kind, names: e.Links}
	}
	return f.once(e, carrier)
}

// once gives the bytes of a name that is the first of its content.
func (f *files) once(e *layer.Entry, carrier int) file {
	out := file{path: e.Path, kind: e.Kind, names: e.Links}
	if e.Kind == layer.File {
		out.unpacked = e.Size
	}
	if x := f.layers[carrier].Extents; x != nil {
		span, _ := x.Span(e.Offset)
		out.content = span.Bytes
	}
	return out
}

func (f *files) first(e *layer.Entry, carrier int) bool {
	if e.Group == 0 && !f.every {
		return true
	}
	id := contentID{carrier, e.Offset}
	if _, ok := f.seen[id]; ok {
		return false
	}
	f.seen[id] = struct{}{}
	return true
}

// isFile reports whether an entry counts as a file: a name that is neither a
// directory nor a whiteout.
func isFile(k layer.Kind) bool { return k != layer.Dir && k != layer.Absent }
