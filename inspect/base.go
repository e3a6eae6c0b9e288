package inspect

import (
	"cmp"
	"math"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

// Candidate is an image that others may be built on.
type Candidate struct {
	Name    string         // as people write it; "" if it has none
	DiffIDs []layer.DiffID // bottom first
	Digest  v1.Hash        // of its manifest; the zero value if it is not known
	Index   *v1.Hash       // the image index that it was chosen from; nil if none
	From    Provenance
	// Named says that it was asked for by its digest, so that Name means no other.
	Named bool
}

// Provenance says where a candidate comes from.
type Provenance string

// The provenances.
const (
	FromStore  Provenance = "store"  // all images there are candidates
	FromGiven  Provenance = "given"  // the user named it
	FromSearch Provenance = "search" // a tag of a repository that was searched
	FromHint   Provenance = "hint"   // the image itself names it
)

// Certainty says how sure it is that an image is a base.
type Certainty string

// The certainties, the surest first.
const (
	// SameDigest: all its layers are our lowest ones, and its digest is one that the
	// image or the user names.
	SameDigest Certainty = "same digest"
	// SameLayers: all its layers are our lowest ones.
	SameLayers Certainty = "same layers"
	// Likely: nothing of it was compared: a claim that could not be checked, or a guess.
	Likely Certainty = "likely"
)

// BaseLevel is a step of the chain of bases: the images that consist of the same of
// our lowest layers.
type BaseLevel struct {
	Layers int `json:"layers"` // of each of the images
	Added  int `json:"added"`  // that the level below does not have
	// Content and Unpacked are of the added layers; a blob that a lower layer has, too,
	// has no content here. So those of all levels, and of the image's own layers, are
	// the image's. Unpacked is absent unless known of every layer.
	Content  int64       `json:"content"`
	Unpacked *int64      `json:"unpacked,omitempty"`
	Images   []BaseImage `json:"images"` // the surest first, then by name
}

// BaseImage is an image with one or several names.
type BaseImage struct {
	Names  []string     `json:"names"` // as people write them, sorted
	Digest string       `json:"digest,omitempty"`
	Index  string       `json:"index,omitempty"` // the image index that it was chosen from
	Sure   Certainty    `json:"sure,omitempty"`
	From   []Provenance `json:"from"` // sorted
}

// Chain finds an image's bases among candidates: those whose layers, which must be
// some, are all of them the lowest of ids, and fewer. It returns them by the number
// of layers, the nearest base last, without sizes. What has the very same layers is no
// base and returned beside them. Digests are those that the image is said to be built
// on. Names are told together of candidates with the same digest; those without a
// digest are told apart by their names. The order of candidates does not matter.
func Chain(ids []layer.DiffID, candidates []Candidate, digests ...v1.Hash) (bases []BaseLevel, same []BaseImage) {
	levels := map[int][]Candidate{}
	for _, c := range candidates {
		if n := len(c.DiffIDs); n > 0 && n <= len(ids) && slices.Equal(c.DiffIDs, ids[:n]) {
			levels[n] = append(levels[n], c)
		}
	}
	below := 0
	for n := 1; n < len(ids); n++ {
		if levels[n] == nil {
			continue
		}
		bases = append(bases, BaseLevel{Layers: n, Added: n - below, Images: together(levels[n], digests)})
		below = n
	}
	same = together(levels[len(ids)], nil)
	for i := range same {
		same[i].Sure = ""
	}
	return bases, same
}

// together makes images of candidates with the same layers.
func together(list []Candidate, digests []v1.Hash) []BaseImage {
	images := map[string]*BaseImage{}
	for _, c := range list {
		key := cmp.Or(hash(c.Digest), "name "+c.Name)
		i := images[key]
		if i == nil {
			i = &BaseImage{Names: []string{}, Digest: hash(c.Digest), Sure: SameLayers}
			images[key] = i
		}
		i.add(c, digests)
	}
	out := []BaseImage{}
	for _, i := range images {
		slices.Sort(i.Names)
		slices.Sort(i.From)
		i.Names, i.From = slices.Compact(i.Names), slices.Compact(i.From)
		out = append(out, *i)
	}
	slices.SortFunc(out, func(a, b BaseImage) int {
		return cmp.Or(compareBool(b.Sure == SameDigest, a.Sure == SameDigest), compareBool(len(a.Names) == 0, len(b.Names) == 0),
			slices.Compare(a.Names, b.Names), cmp.Compare(a.Digest, b.Digest))
	})
	return out
}

func (i *BaseImage) add(c Candidate, digests []v1.Hash) {
	if c.Name != "" {
		i.Names = append(i.Names, c.Name)
	}
	if c.From != "" {
		i.From = append(i.From, c.From)
	}
	if c.Index != nil && (i.Index == "" || hash(*c.Index) < i.Index) {
		i.Index = hash(*c.Index)
	}
	known := c.Digest != (v1.Hash{})
	if known && (c.Named || slices.Contains(digests, c.Digest)) || c.Index != nil && slices.Contains(digests, *c.Index) {
		i.Sure = SameDigest
	}
}

// Name is the first of its names, or, where it has none, its short digest.
func (i *BaseImage) Name() string {
	if len(i.Names) > 0 {
		return i.Names[0]
	}
	return i.Digest[:min(len(i.Digest), len("sha256:")+12)]
}

// Part is some of an image's layers, and what they weigh.
type Part struct {
	Layers   int    `json:"layers"`
	Content  int64  `json:"content"`            // compressed, each blob once
	Unpacked *int64 `json:"unpacked,omitempty"` // absent unless known of every layer
}

// split sums up layers in parts: from each of the bounds, which grow, to the next. A
// blob counts in the lowest part that has it. Unpacked is of each layer, nil where it
// is not known.
func split(layers []v1.Descriptor, unpacked []*int64, bounds ...int) []Part {
	var parts []Part
	seen := map[v1.Hash]bool{}
	from := 0
	for _, to := range bounds {
		p := Part{Layers: to - from, Unpacked: new(int64)}
		for i := from; i < to; i++ {
			if d := layers[i]; !seen[d.Digest] {
				seen[d.Digest] = true
				p.Content = plus(p.Content, d.Size)
			}
			if p.Unpacked == nil || i >= len(unpacked) || unpacked[i] == nil {
				p.Unpacked = nil
				continue
			}
			*p.Unpacked = plus(*p.Unpacked, *unpacked[i])
		}
		parts, from = append(parts, p), to
	}
	return parts
}

// plus adds sizes, which manifests may lie about: there is no more than can be counted.
func plus(a, b int64) int64 {
	if b > math.MaxInt64-a {
		return math.MaxInt64
	}
	return a + b
}

// compareBool puts false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
