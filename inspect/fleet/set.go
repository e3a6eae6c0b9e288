// Package fleet says what many images share: which is built on which, what each costs
// alone and beside the others, and what goes when some of them go.
//
// A [Set] takes images one after the other and keeps little of each: names, and its
// layers as small numbers. Layers are counted as sets: a blob once by its digest
// (content, compressed bytes), what it unpacks to once by its DiffID (unpacked bytes),
// however many images have it, and however often one of them does. The package touches
// no disk.
package fleet

import (
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

// Image is an image of a set.
type Image struct {
	Names    []string // as people write them; none if it has none
	Digest   v1.Hash  // of the manifest: what makes two images one
	Platform string   // "linux/arm64/v8"; "" if it is not known
	Layers   []Layer  // bottom first
}

// Layer is a layer of an Image.
type Layer struct {
	Digest   v1.Hash // of the blob
	DiffID   layer.DiffID
	Content  int64 // compressed bytes of the blob
	Unpacked int64 // bytes; negative, such as Unknown, if not known
}

// Unknown is Layer.Unpacked of a layer that nobody has read.
const Unknown = -1

// Set is a set of images, numbered from 0 in the order in which they were first added.
// The zero value is empty. It is not safe for concurrent use, for reading neither: sums are
// counted at the first question after a change.
type Set struct {
	digests numbers // of the images
	blobs   things  // by digest, with their content
	tars    things  // by DiffID, with what they unpack to
	images  []member
	stack   []stacked // the layers of all images, one image after the other
	near    near      // what Learn was told
	// installed is what Install was told.
	installed map[Package][]installed
	counted   *counted // nil after a change
}

// member is an image in a set.
type member struct {
	names      []string // sorted
	platform   string
	start, end int // of its layers in Set.stack
}

// stacked is a layer in an image, by the numbers of its blob and of its tar.
type stacked struct{ blob, tar uint32 }

// Add adds an image and returns its number. It keeps nothing of what img points to but
// the names. An image that has been added before, by its digest, gets the names that it
// did not have, and its layers the unpacked bytes that were not known.
//
// Of two sizes of one blob, or of one tar, the first counts.
func (s *Set) Add(img Image) int {
	id, isNew := s.digests.number(img.Digest)
	if isNew {
		s.images = append(s.images, member{platform: img.Platform, start: len(s.stack), end: len(s.stack)})
	}
	s.counted = nil
	for _, name := range img.Names {
		s.Call(int(id), name)
	}
	for _, l := range img.Layers {
		at := stacked{s.blobs.add(l.Digest, l.Content), s.tars.add(v1.Hash(l.DiffID), l.Unpacked)}
		if isNew {
			s.stack = append(s.stack, at)
		}
	}
	if isNew {
		s.images[id].end = len(s.stack)
	}
	return int(id)
}

// Len is the number of images.
func (s *Set) Len() int { return len(s.images) }

// Number returns the number of the image with a digest; false if there is none.
func (s *Set) Number(digest v1.Hash) (int, bool) {
	id, ok := s.digests.find(digest)
	return int(id), ok
}

// Names are the names of an image, sorted. The slice is the set's.
func (s *Set) Names(image int) []string { return s.images[image].names }

// Digest is the digest of an image's manifest.
func (s *Set) Digest(image int) v1.Hash { return s.digests.hash(uint32(image)) }

// layers are those of an image, bottom first.
func (s *Set) layers(image int) []stacked {
	m := &s.images[image]
	return s.stack[m.start:m.end:m.end]
}

// Call gives an image another name.
func (s *Set) Call(image int, name string) {
	m := &s.images[image]
	s.counted = nil // names are an order
	if at, has := slices.BinarySearch(m.names, name); !has {
		m.names = slices.Insert(m.names, at, name)
	}
}

// DiffIDs are those of an image's layers, bottom first.
func (s *Set) DiffIDs(image int) []layer.DiffID {
	var ids []layer.DiffID
	for _, l := range s.layers(image) {
		ids = append(ids, layer.DiffID(s.tars.hash(l.tar)))
	}
	return ids
}

// Layers are an image's layers, bottom first, with the sizes that count.
func (s *Set) Layers(image int) []Layer {
	var layers []Layer
	for _, l := range s.layers(image) {
		layers = append(layers, Layer{
			Digest: s.blobs.hash(l.blob), DiffID: layer.DiffID(s.tars.hash(l.tar)),
			Content: s.blobs.amount[l.blob], Unpacked: s.tars.amount[l.tar],
		})
	}
	return layers
}
