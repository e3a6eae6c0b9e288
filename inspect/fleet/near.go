package fleet

import (
	"cmp"
	"maps"
	"slices"

	"github.com/layers/layers/cache/layer"
)

// Near is layers that hold the same files with the same attributes and are not one layer.
type Near struct {
	// Layers are the blobs: first those of images of few layers, then by name.
	Layers []NearLayer `json:"layers"`
	// Saved is what goes if all images had the one of them whose blob is the smallest.
	Saved Bytes `json:"saved"`
}

// NearLayer is one of several layers that are nearly the same.
type NearLayer struct {
	Place
	Digest  string `json:"digest"`
	Content int64  `json:"content"`
	// Differs says in what it differs from the first of them; "" of the first.
	Differs Difference `json:"differs,omitempty"`
	// OtherTimes is how many of its names have another time stamp than in the first;
	// absent if none, or if that is not known.
	OtherTimes int64 `json:"otherTimes,omitempty"`
}

// Place is where a layer is to be found: in the image of the fewest layers that has it, of
// several in the first by name.
type Place struct {
	Image  string `json:"image"`  // the image's first name, or its digest
	Layer  int    `json:"layer"`  // from 1, bottom first
	DiffID string `json:"diffId"` // of the layer
	Images int    `json:"images"` // how many have it
}

// Difference is in what layers of the same content differ.
type Difference string

// The differences.
const (
	Compression Difference = "compression" // the same tar: by another compressor, or compressed again
	Times       Difference = "times"       // time stamps
	Packing     Difference = "packing"     // the order of the tar, or how it is written; all times are the same
)

// NearOptions guides Set.Near.
type NearOptions struct {
	// OtherTimes counts the time stamps by which two layers differ: layer.OtherTimes. It
	// may return an error if that cannot be known. nil counts none.
	OtherTimes func(a, b layer.DiffID) (int64, error)
	Top        int // how many files are listed; 0 is 100
}

// Near adds to a report which layers of the set are nearly the same, the most saved first,
// and which files lie in several layers: of those layers that it was told of by Learn.
// That one tar has several blobs is found of all.
func (s *Set) Near(r *Report, o NearOptions) {
	order := s.counts().order
	at := placesOf(s, order, len(s.blobs.keys), func(l stacked) uint32 { return l.blob })
	r.Near = []Near{}
	for _, blobs := range s.nearBlobs() {
		slices.SortFunc(blobs, func(a, b held) int { return at.compare(a.blob, b.blob) })
		if n := s.nearLayers(at, blobs, o); n.Saved.both() > 0 {
			r.Near = append(r.Near, n)
		}
	}
	slices.SortFunc(r.Near, func(a, b Near) int {
		return cmp.Or(cmp.Compare(b.Saved.both(), a.Saved.both()), cmp.Compare(a.Layers[0].Digest, b.Layers[0].Digest))
	})
	if len(s.near.of) > 0 {
		r.Files = s.sharedFiles(order, cmp.Or(o.Top, 100))
	}
}

// held is a blob with its tar.
type held struct{ blob, tar uint32 }

// nearBlobs are the blobs whose tars are nearly the same, in groups of two or more.
func (s *Set) nearBlobs() (groups [][]held) {
	tars, counted := make([]uint32, len(s.tars.keys)), make([]bool, len(s.blobs.keys))
	var blobs []held
	for _, l := range s.stack {
		if !counted[l.blob] { // of a blob that images have for two tars, the first counts
			counted[l.blob] = true
			tars[l.tar]++
			blobs = append(blobs, held(l))
		}
	}
	of := map[int][]held{}
	for _, b := range blobs {
		g, known := s.near.of[b.tar]
		switch {
		case known && (tars[b.tar] > 1 || len(s.near.groups[g].tars) > 1):
			of[g] = append(of[g], b)
		case !known && tars[b.tar] > 1:
			of[-1-int(b.tar)] = append(of[-1-int(b.tar)], b)
		}
	}
	for _, g := range slices.Sorted(maps.Keys(of)) {
		if len(of[g]) > 1 {
			groups = append(groups, of[g])
		}
	}
	return groups
}

// nearLayers describes blobs of a group, which are in order.
func (s *Set) nearLayers(at *places, blobs []held, o NearOptions) (n Near) {
	first, distinct := blobs[0], map[uint32]bool{}
	smallest := s.blobs.amount[first.blob]
	for i, b := range blobs {
		content := s.blobs.amount[b.blob]
		smallest = min(smallest, content)
		n.Saved.Content += content
		distinct[b.tar] = true
		l := NearLayer{Place: at.of(b.blob, b.tar), Digest: s.blobs.hash(b.blob).String(), Content: content}
		if i > 0 {
			l.Differs, l.OtherTimes = s.difference(first.tar, b.tar, o)
		}
		n.Layers = append(n.Layers, l)
	}
	n.Saved.Content -= smallest
	unpacked := int64(len(distinct)-1) * max(s.tars.amount[first.tar], 0)
	n.Saved.Unpacked = &unpacked
	return n
}

func (s *Set) difference(a, b uint32, o NearOptions) (d Difference, times int64) {
	switch {
	case a == b:
		return Compression, 0
	case s.near.timesOf(a) == s.near.timesOf(b):
		return Packing, 0
	case o.OtherTimes == nil:
		return Times, 0
	}
	times, err := o.OtherTimes(layer.DiffID(s.tars.hash(a)), layer.DiffID(s.tars.hash(b)))
	if err != nil { // it is not known
		times = 0
	}
	return Times, times
}
