package budget

import (
	"context"
	"io"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/diff"
	"github.com/layers/layers/inspect/packages"
)

// Image is an image as its manifest and config tell of it. What its layers hold is asked
// for when a rule needs it, and once. It is for one goroutine.
type Image struct {
	Name     string // as people write it
	Digest   v1.Hash
	Platform string
	How      string // how it was found, if not by a name that was given
	User     string // whom it runs as, as the config has it
	Layers   []Layer
	// Reader reads what the layers hold; nil where nobody can, as of a baseline that was
	// saved to a file.
	Reader Reader
	// Base finds out what the image is built on; nil where nobody can.
	Base func(context.Context) (BaseFacts, error)

	read map[int]packages.Layer // the layers that were read, by their index
	base *BaseFacts
}

// Layer is one layer of an image.
type Layer struct {
	Digest  v1.Hash // of the blob
	DiffID  layer.DiffID
	Content int64      // compressed bytes
	Step    *diff.Step // nil if that is not known
	// Totals are known without reading the layer, as of a saved baseline; else nil.
	Totals *layer.Totals
	// Holds is, with Totals, the digest of what the layer holds but for times.
	Holds string
}

// Reader reads what the layers of one image hold. Layers are numbered from 0.
type Reader interface {
	// Read returns what some layers hold, in their order. They are closed by whoever made
	// the reader.
	Read(ctx context.Context, numbers []int) ([]packages.Layer, error)
	// Open opens a regular file that a layer carries.
	Open(ctx context.Context, number int, e layer.Entry) (io.ReadCloser, error)
}

// BaseFacts is what is known of an image's base.
type BaseFacts struct {
	Layers int      // how many of the image's layers are the base's; 0 if no base is known
	Names  []string // of images that consist of these layers
	Digest string   // of the surest of them
	// How says how the base was found: "same digest", "same layers", "guess".
	How string
	// Created is when the base was made; nil if that is not known.
	Created *time.Time
	// Pinned says that the image says by a digest what it was built on, and that it is so.
	Pinned bool
}

// layers returns what the layers at some indexes hold.
func (i *Image) layers(ctx context.Context, indexes []int) ([]packages.Layer, error) {
	var missing []int
	for _, n := range indexes {
		if _, ok := i.read[n]; !ok {
			missing = append(missing, n)
		}
	}
	if len(missing) > 0 {
		if i.Reader == nil {
			return nil, errUnreadable
		}
		found, err := i.Reader.Read(ctx, missing)
		if err != nil {
			return nil, err
		}
		if i.read == nil {
			i.read = map[int]packages.Layer{}
		}
		for n, l := range found {
			i.read[missing[n]] = l
		}
	}
	all := make([]packages.Layer, len(indexes))
	for n, at := range indexes {
		all[n] = i.read[at]
	}
	return all, nil
}

// tree is what a container of the image sees.
func (i *Image) tree(ctx context.Context) (*layer.Tree, error) {
	all, err := i.layers(ctx, i.all())
	return layer.Squash(tocs(all)), err
}

func tocs(layers []packages.Layer) (all []*layer.TOC) {
	for _, l := range layers {
		all = append(all, l.TOC)
	}
	return all
}

// all are the indexes of all layers.
func (i *Image) all() []int {
	all := make([]int, len(i.Layers))
	for n := range all {
		all[n] = n
	}
	return all
}

// unpacked is the unpacked bytes of each of some layers.
func (i *Image) unpacked(ctx context.Context, indexes []int) ([]int64, error) {
	unknown := slices.DeleteFunc(slices.Clone(indexes), func(n int) bool { return i.Layers[n].Totals != nil })
	read, err := i.layers(ctx, unknown)
	if err != nil {
		return nil, err
	}
	for n, at := range unknown {
		totals := read[n].TOC.Totals()
		i.Layers[at].Totals = &totals
	}
	sizes := make([]int64, len(indexes))
	for n, at := range indexes {
		sizes[n] = i.Layers[at].Totals.Unpacked
	}
	return sizes, nil
}

// content is the compressed bytes that each layer adds to the image: a blob that comes
// twice counts once.
func (i *Image) content() []int64 {
	seen := map[v1.Hash]bool{}
	sizes := make([]int64, len(i.Layers))
	for n, l := range i.Layers {
		if !seen[l.Digest] {
			seen[l.Digest] = true
			sizes[n] = l.Content
		}
	}
	return sizes
}

func (i *Image) has(digest v1.Hash) bool {
	return slices.ContainsFunc(i.Layers, func(l Layer) bool { return l.Digest == digest })
}

// facts are those of the base, found once.
func (i *Image) facts(ctx context.Context) (BaseFacts, error) {
	if i.base != nil || i.Base == nil {
		if i.base == nil {
			return BaseFacts{}, nil
		}
		return *i.base, nil
	}
	found, err := i.Base(ctx)
	if err == nil {
		i.base = &found
	}
	return found, err
}

// unshared are the indexes of the layers that another image has not got, by what they
// uncompress to; of one that comes more often than there, the last ones.
func (i *Image) unshared(other *Image) (indexes []int) {
	left := map[layer.DiffID]int{}
	if other != nil {
		for _, l := range other.Layers {
			left[l.DiffID]++
		}
	}
	for n, l := range i.Layers {
		if left[l.DiffID] > 0 {
			left[l.DiffID]--
			continue
		}
		indexes = append(indexes, n)
	}
	return indexes
}
