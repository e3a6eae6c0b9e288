package fleet

import (
	"fmt"
	"math/rand/v2"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

func digest(kind string, n int) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%02x%062x", kind[0], n)}
}

// layerOf is a layer of which all follows from its number: some tars come in two blobs,
// some unpack to nothing, of some nobody knows to what.
func layerOf(n int, unknown bool) Layer {
	tar := n / 2
	l := Layer{Digest: digest("blob", n), DiffID: layer.DiffID(digest("tar", tar)), Content: int64(n*37%101 + 1), Unpacked: int64(tar * 53 % 97)}
	if unknown && tar%5 == 0 {
		l.Unpacked = Unknown
	}
	return l
}

// family is a set of images that are built on each other, more or less: with layers that
// they have twice, with several names, and with blobs of their own for the same tars.
func family(r *rand.Rand, images, layers int, unknown bool) []Image {
	var all []Image
	for i := range images {
		img := Image{Digest: digest("image", i), Platform: "linux/amd64"}
		if len(all) > 0 && r.IntN(4) > 0 {
			on := all[r.IntN(len(all))].Layers
			img.Layers = append(img.Layers, on[:len(on)-min(r.IntN(3), len(on))]...)
		}
		for range r.IntN(4) {
			img.Layers = append(img.Layers, layerOf(r.IntN(layers), unknown))
		}
		for range r.IntN(3) {
			img.Names = append(img.Names, fmt.Sprint("name:", r.IntN(2*images)))
		}
		all = append(all, img)
	}
	if n := r.IntN(images + 1); n < images { // one under another name
		again := all[n]
		again.Names = []string{"again:1"}
		all = append(all, again)
	}
	return all
}

// oracle answers by looking at everything, each time.
type oracle []Image

func newOracle(images []Image) (o oracle) {
	seen := map[v1.Hash]bool{}
	for _, img := range images {
		if !seen[img.Digest] {
			o = append(o, img)
		}
		seen[img.Digest] = true
	}
	return o
}

// held is what some images hold together.
func (o oracle) held(images ...int) (blobs, tars map[v1.Hash]int64) {
	blobs, tars = map[v1.Hash]int64{}, map[v1.Hash]int64{}
	for _, i := range images {
		for _, l := range o[i].Layers {
			blobs[l.Digest], tars[v1.Hash(l.DiffID)] = l.Content, l.Unpacked
		}
	}
	return blobs, tars
}

func (o oracle) bytes(images ...int) Bytes {
	blobs, tars := o.held(images...)
	return Bytes{Content: *add(blobs), Unpacked: add(tars)}
}

// add is nil if any amount is not known.
func add(amounts map[v1.Hash]int64) *int64 {
	total := int64(0)
	for _, amount := range amounts {
		if amount < 0 {
			return nil
		}
		total += amount
	}
	return &total
}

func (o oracle) others(but map[int]bool) (rest []int) {
	for i := range o {
		if !but[i] {
			rest = append(rest, i)
		}
	}
	return rest
}

// freed is what only these hold.
func (o oracle) freed(images ...int) Bytes {
	but := map[int]bool{}
	for _, i := range images {
		but[i] = true
	}
	blobs, tars := o.held(images...)
	keptBlobs, keptTars := o.held(o.others(but)...)
	for h := range keptBlobs {
		delete(blobs, h)
	}
	for h := range keptTars {
		delete(tars, h)
	}
	return Bytes{Content: *add(blobs), Unpacked: add(tars)}
}

// bases are all images that one can be built on: those with the most layers of those that
// have none but its lowest, and not all of them.
func (o oracle) bases(image int) (all []int) {
	most := 1
	for other := range o {
		n := len(o[other].Layers)
		if n < most || n >= len(o[image].Layers) || !samePrefix(o[other].Layers, o[image].Layers) {
			continue
		}
		if n > most {
			all, most = nil, n
		}
		all = append(all, other)
	}
	return all
}

func samePrefix(short, long []Layer) bool {
	for i := range short {
		if short[i].DiffID != long[i].DiffID {
			return false
		}
	}
	return true
}
