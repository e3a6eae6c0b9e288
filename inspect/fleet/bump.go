package fleet

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/refs"
)

// BumpVersion is that of BumpReport.
const BumpVersion = "layers.bump/v1"

// Bump is a base that moves: images that were built on an older one are built on a new
// one.
type Bump struct {
	Base   Image // the new one
	Images []Image
	Moved  []Moved
	Here   func(blob v1.Hash) bool // whether a blob is in the store; nil is that none is
}

// Moved is an image that is built anew.
type Moved struct {
	Image int    // in Bump.Images
	Old   string // the name of the base that it is built on now
	Below int    // how many of its layers are that base's
}

// BumpReport says what it takes when a base moves: all in compressed bytes, each blob
// once. The base's layers are known; those that are built anew are taken to be as large
// as they are now.
type BumpReport struct {
	Version string        `json:"version"`
	Base    BumpBase      `json:"base"`
	Images  []BumpedImage `json:"images"`
	Fetch   int64         `json:"fetch"`   // of the new base, what is not here
	Rebuilt int64         `json:"rebuilt"` // of the images' own layers: an estimate
	Before  int64         `json:"before"`  // what all images are now
	During  int64         `json:"during"`  // when the old and the new images are here
	After   int64         `json:"after"`   // when the old images are gone
	// Bases is what of the old bases stays after that: other images have it, such as the
	// old bases themselves.
	Bases int64 `json:"bases"`
}

// BumpBase is the new base.
type BumpBase struct {
	Names   []string `json:"names"`
	Digest  string   `json:"digest"`
	Layers  int      `json:"layers"`
	Content int64    `json:"content"`
}

// BumpedImage is an image that is built anew.
type BumpedImage struct {
	Names      []string `json:"names"`
	Digest     string   `json:"digest"`
	Platform   string   `json:"platform,omitempty"`
	Old        string   `json:"old"` // the base that it is built on now
	OldLayers  int      `json:"oldLayers"`
	OldContent int64    `json:"oldContent"`
	OwnLayers  int      `json:"ownLayers"`
	OwnContent int64    `json:"ownContent"`
}

// Report says what it takes. The images are in the order of Moved.
func (b *Bump) Report() *BumpReport {
	blobs := newBlobs()
	for i := range b.Images {
		blobs.hold(b.Images[i].Layers)
	}
	r := &BumpReport{Version: BumpVersion, Before: blobs.graph.Held()[0], Images: []BumpedImage{}}
	r.Base = BumpBase{Names: noNil(b.Base.Names), Digest: b.Base.Digest.String(), Layers: len(b.Base.Layers), Content: sumOnce(b.Base.Layers)}
	for _, l := range once(b.Base.Layers) {
		if b.Here == nil || !b.Here(l.Digest) {
			r.Fetch += l.Content
		}
	}
	var moved []int
	var own, below []Layer
	for _, m := range b.Moved {
		img := &b.Images[m.Image]
		moved = append(moved, m.Image)
		own, below = append(own, img.Layers[m.Below:]...), append(below, img.Layers[:m.Below]...)
		r.Images = append(r.Images, BumpedImage{
			Names: noNil(img.Names), Digest: img.Digest.String(), Platform: img.Platform, Old: m.Old,
			OldLayers: m.Below, OldContent: sumOnce(img.Layers[:m.Below]),
			OwnLayers: len(img.Layers) - m.Below, OwnContent: sumOnce(img.Layers[m.Below:]),
		})
	}
	r.Rebuilt = sumOnce(own)
	gone, needed := blobs.gone(moved), map[v1.Hash]bool{}
	r.During = r.Before + r.Rebuilt
	for _, l := range once(b.Base.Layers) {
		needed[l.Digest] = true
		if _, known := blobs.things[l.Digest]; !known {
			r.During += l.Content
		}
	}
	r.After = r.During
	for blob, content := range gone {
		if !needed[blob] {
			r.After -= content
		}
	}
	for _, l := range once(below) {
		if _, goes := gone[l.Digest]; !goes && !needed[l.Digest] {
			r.Bases += l.Content
		}
	}
	return r
}

func noNil(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}

// once are layers, each blob once.
func once(layers []Layer) (distinct []Layer) {
	seen := map[v1.Hash]bool{}
	for _, l := range layers {
		if !seen[l.Digest] {
			seen[l.Digest] = true
			distinct = append(distinct, l)
		}
	}
	return distinct
}

func sumOnce(layers []Layer) (sum int64) {
	for _, l := range once(layers) {
		sum += l.Content
	}
	return sum
}

// blobs are the blobs of images, with who holds them.
type blobs struct {
	graph  refs.Graph
	things map[v1.Hash]int
}

func newBlobs() *blobs { return &blobs{things: map[v1.Hash]int{}} }

func (b *blobs) hold(layers []Layer) {
	var things []int
	for _, l := range layers {
		thing, known := b.things[l.Digest]
		if !known {
			thing = b.graph.Thing(refs.Amount{l.Content})
			b.things[l.Digest] = thing
		}
		things = append(things, thing)
	}
	b.graph.Holder(things)
}

// gone are the blobs that go with images, and their content.
func (b *blobs) gone(images []int) map[v1.Hash]int64 {
	freed := map[int]bool{}
	for _, thing := range b.graph.Freed(images) {
		freed[thing] = true
	}
	gone := map[v1.Hash]int64{}
	for blob, thing := range b.things {
		if freed[thing] {
			gone[blob] = b.graph.Amount(thing)[0]
		}
	}
	return gone
}
