package diff

import (
	"hash/fnv"
	"slices"

	"github.com/layers/layers/cache/layer"
)

// sketchSize is how many hashes stand for all that a layer holds.
const sketchSize = 256

// sketch tells about how much two layers have in common, without either of them: the
// smallest hashes of what it holds are a fair sample (Broder's min-wise hashing).
type sketch struct {
	names    sample // of files and links, whiteouts too
	contents sample // the same, with what they are
}

// sketchOf reads a table of contents once.
func sketchOf(t *layer.TOC) (*sketch, error) {
	s := &sketch{}
	h := fnv.New64a()
	for e, err := range t.Entries("") {
		if err != nil {
			return nil, err
		}
		if e.Kind == layer.Dir {
			continue
		}
		h.Reset()
		h.Write([]byte(e.Path))
		s.names.add(mixed(h.Sum64()))
		h.Write([]byte{byte(e.Kind)})
		h.Write(e.Digest[:])
		h.Write([]byte(e.Link))
		s.contents.add(mixed(h.Sum64()))
	}
	s.names.cut()
	s.contents.cut()
	return s, nil
}

// likeness is about the part of all that either layer holds that both do: 1 if they
// hold the same, half if they have the same names.
func (s *sketch) likeness(other *sketch) float64 {
	if s == nil || other == nil {
		return 0
	}
	return (s.names.likeness(other.names) + s.contents.likeness(other.contents)) / 2
}

// sample is the smallest of many hashes, sorted after cut.
type sample []uint64

func (s *sample) add(hash uint64) {
	if *s = append(*s, hash); len(*s) >= 16*sketchSize {
		s.cut()
	}
}

func (s *sample) cut() {
	slices.Sort(*s)
	*s = slices.Compact(*s)
	*s = slices.Clone((*s)[:min(len(*s), sketchSize)])
}

// likeness looks at no more than the smallest hashes of both together: beyond them, one
// sample may lack what its layer has.
func (s sample) likeness(other sample) float64 {
	if len(s) < sketchSize && len(other) < sketchSize {
		return commonPart(s, other)
	}
	all := slices.Concat(s, other)
	slices.Sort(all)
	all = slices.Compact(all)
	last := all[min(len(all), sketchSize)-1]
	until := func(h sample) sample {
		n, found := slices.BinarySearch(h, last)
		if found {
			n++
		}
		return h[:n]
	}
	return commonPart(until(s), until(other))
}

// mixed spreads a hash over all bits: FNV's high bits know little of the last bytes.
func mixed(h uint64) uint64 {
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return h ^ h>>32
}
