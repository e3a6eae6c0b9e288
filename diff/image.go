package diff

import (
	"context"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/inspect/packages"
)

// Image is one of the two that are compared: an image, one layer of it, or a directory of
// the host.
type Image struct {
	Name     string // as people write it
	Asked    string // as the user wrote it, if that is something else
	Digest   v1.Hash
	Platform string
	// Config is nil for what has none.
	Config *v1.ConfigFile
	Layers []Layer // bottom first
	// Single says that Layers is one layer that is looked at alone: what it hides of the
	// layers below it is a part of what it holds.
	Single bool
	// Packages are those that the image holds; nil if they were not looked for. Paths
	// returns what some of them own, as packages.Paths does.
	Packages *packages.Set
	Paths    func(ctx context.Context, of []packages.Package) ([][]string, error)
}

// Layer is one layer of an Image.
type Layer struct {
	// TOC may be nil of a layer that was not read, for Causes only. DiffID and Totals
	// then say what is known of it.
	TOC    *layer.TOC
	DiffID layer.DiffID
	Totals *layer.Totals
	// Digest and Content, in compressed bytes, are the blob's; both are zero for what is
	// no blob.
	Digest  v1.Hash
	Content int64
	// Step made the layer; nil if that is not known.
	Step *Step
	// Number is the layer's in its image, from 1; 0 is its place in Layers.
	Number int
}

// Tree is what a container of the image sees.
func (i *Image) Tree() *layer.Tree {
	var tocs []*layer.TOC
	for _, l := range i.Layers {
		tocs = append(tocs, l.TOC)
	}
	return layer.Squash(tocs)
}

func (i *Image) side() Side {
	return Side{Name: i.Name, Asked: i.Asked, Digest: hash(i.Digest), Platform: i.Platform, Layers: len(i.Layers), Single: i.Single}
}

// blobs reports whether every layer is a blob.
func (i *Image) blobs() bool {
	return !slices.ContainsFunc(i.Layers, func(l Layer) bool { return l.Digest == v1.Hash{} })
}

// counted is the compressed bytes that each layer adds to the image: a blob that comes
// twice counts once.
func (i *Image) counted() []int64 {
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

func (i *Image) unpacked() (sum int64) {
	for _, l := range i.Layers {
		sum += l.totals().Unpacked
	}
	return sum
}

// number is what people call the layer at an index.
func (i *Image) number(n int) int {
	if i.Layers[n].Number > 0 {
		return i.Layers[n].Number
	}
	return n + 1
}

func (l *Layer) diffID() layer.DiffID {
	if l.TOC != nil {
		return l.TOC.DiffID()
	}
	return l.DiffID
}

// totals are zero where nothing is known.
func (l *Layer) totals() (t layer.Totals) {
	switch {
	case l.TOC != nil:
		return l.TOC.Totals()
	case l.Totals != nil:
		return *l.Totals
	}
	return t
}

func (i *Image) layerSide(n int) *LayerSide {
	l := &i.Layers[n]
	totals := l.totals()
	s := &LayerSide{
		Number: i.number(n), Digest: hash(l.Digest), DiffID: l.diffID().String(),
		Unpacked: totals.Unpacked, Files: totals.Files, Step: l.Step,
	}
	if l.Digest != (v1.Hash{}) {
		s.Content = &l.Content
	}
	return s
}

func sumOf(list []int64) (sum int64) {
	for _, n := range list {
		sum += n
	}
	return sum
}
