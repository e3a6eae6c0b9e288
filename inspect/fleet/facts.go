package fleet

import (
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

// LargeFile is how large a file is at least, in bytes, that is looked for in other layers.
const LargeFile = 64 << 10

// Facts is the little of a layer's table of contents by which others are found that are
// nearly the same. They depend on nothing but the DiffID.
type Facts struct {
	layer.Fingerprint
	Unpacked int64
	Large    []File // the regular files of LargeFile or more, each content once
}

// File is the content of a large file, and the first name of it in a layer.
type File struct {
	Digest layer.Digest
	Size   int64
	Path   string
}

// ReadFacts reads a table of contents once.
func ReadFacts(t *layer.TOC) (f Facts, err error) {
	f.Unpacked = t.Totals().Unpacked
	if f.Fingerprint, err = t.Fingerprint(); err != nil || f.Unpacked < LargeFile {
		return f, err
	}
	seen := map[layer.Digest]bool{}
	for e, err := range t.Entries("") {
		if err != nil {
			return f, err
		}
		if e.Kind == layer.File && e.Size >= LargeFile && e.HasContent() && !seen[e.Digest] {
			seen[e.Digest] = true
			f.Large = append(f.Large, File{e.Digest, e.Size, e.Path})
		}
	}
	return f, nil
}

// Learn gives the set what is known of a layer, which a later Report makes use of. It
// keeps little of it: of all files that layers have, not more than fit in some tens of MB.
func (s *Set) Learn(id layer.DiffID, f Facts) {
	tar, ok := s.tars.find(v1.Hash(id))
	if !ok || s.Knows(id) {
		return
	}
	if s.near.of == nil {
		s.near = near{of: map[uint32]int{}, alike: map[layer.Digest]int{}, files: map[layer.Digest]*copies{}, least: LargeFile}
	}
	s.tars.add(v1.Hash(id), f.Unpacked)
	s.counted = nil
	s.near.add(tar, f)
}

// Knows reports whether Learn was told of a layer.
func (s *Set) Knows(id layer.DiffID) bool {
	tar, ok := s.tars.find(v1.Hash(id))
	_, known := s.near.of[tar]
	return ok && known
}

// near is what is known of layers beyond their names.
type near struct {
	of     map[uint32]int       // of each tar, its group
	alike  map[layer.Digest]int // of each Fingerprint.Content, the group
	groups []group
	files  map[layer.Digest]*copies
	uses   int   // of all files, how many groups have them
	least  int64 // files below are no longer counted
}

// group is layers of the same content, whatever their times.
type group struct {
	tars  []uint32
	times []layer.Digest // of each tar
}

// copies says which groups of layers have a file.
type copies struct {
	size   int64
	path   string // the first by name
	groups []uint32
}

func (n *near) add(tar uint32, f Facts) {
	g, known := n.alike[f.Content]
	if !known {
		g = len(n.groups)
		n.alike[f.Content] = g
		n.groups = append(n.groups, group{})
	}
	n.of[tar] = g
	n.groups[g].tars = append(n.groups[g].tars, tar)
	n.groups[g].times = append(n.groups[g].times, f.Times)
	if known {
		return // it has the same files
	}
	for _, file := range f.Large {
		n.addFile(file, uint32(g))
	}
}

// mostUses bounds the memory that files take.
const mostUses = 1 << 18

func (n *near) addFile(f File, g uint32) {
	if f.Size < n.least {
		return
	}
	c := n.files[f.Digest]
	if c == nil {
		c = &copies{size: f.Size, path: f.Path}
		n.files[f.Digest] = c
	}
	c.groups = append(c.groups, g)
	c.path = min(c.path, f.Path)
	n.uses++
	for n.uses > mostUses {
		n.least *= 2
		for digest, c := range n.files {
			if c.size < n.least {
				n.uses -= len(c.groups)
				delete(n.files, digest)
			}
		}
	}
}

// timesOf is the digest of a tar's times.
func (n *near) timesOf(tar uint32) layer.Digest {
	g := &n.groups[n.of[tar]]
	return g.times[slices.Index(g.tars, tar)]
}

// firstTars is one tar of each group, in order: that which comes first.
func (n *near) firstTars(groups []uint32, at *places) (tars []uint32) {
	for _, g := range groups {
		tars = append(tars, slices.MinFunc(n.groups[g].tars, at.compare))
	}
	slices.SortFunc(tars, at.compare)
	return tars
}
