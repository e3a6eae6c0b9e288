package fleet

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

// Package is a package that a layer holds files of.
type Package struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Arch    string `json:"arch,omitempty"`
}

// installed is what one layer holds of a package.
type installed struct {
	tar   uint32
	files []carried
}

// carried is a file, by its path and content.
type carried struct {
	key  [16]byte
	size int64
}

// Install gives the set files of a package that lie in a layer, which Learn was told of:
// each with its path, its content and its size. A package may come several times; a file
// that comes again for the same layer, of whatever package, counts for the first in
// Suggest.
func (s *Set) Install(id layer.DiffID, p Package, files []File) {
	tar, ok := s.tars.find(v1.Hash(id))
	if !ok || !s.Knows(id) || len(files) == 0 {
		return
	}
	if s.installed == nil {
		s.installed = map[Package][]installed{}
	}
	in := installed{tar: tar}
	for _, f := range files {
		sum := sha256.Sum256(append(f.Digest[:], f.Path...))
		in.files = append(in.files, carried{[16]byte(sum[:]), f.Size})
	}
	s.installed[p] = append(s.installed[p], in)
}

// packages is files of some packages that several layers carry.
type packages struct {
	names []Package
	files map[carried][]uint32 // the layers
}

// copies is the bytes of all files that are in more than one layer that anybody has, each
// copy beyond the first.
func (p *packages) copies(t *trial) (bytes int64) {
	for f, tars := range p.files {
		held := int64(0)
		for _, tar := range tars {
			held += int64(min(t.tars[tar], 1))
		}
		bytes += f.size * max(held-1, 0)
	}
	return bytes
}

// packages suggests to install in one layer what several layers carry, of which no image
// has two: in one suggestion what the same layers carry. Of layers that are nearly the
// same one counts.
func (p *proposing) packages() (all []*change) {
	at := placesOf(p.s, p.order, len(p.s.tars.keys), func(l stacked) uint32 { return l.tar })
	a := &apart{near: &p.s.near, at: at, marks: make([]uint32, len(p.s.images))}
	sets, order := map[string][]Package{}, []string{}
	tarsOf := map[string][]uint32{}
	for _, name := range p.installedNames() {
		tars, _ := a.choose(p.groupsWith(name))
		if len(tars) < 2 {
			continue
		}
		key := fmt.Sprint(tars)
		if sets[key] == nil {
			order = append(order, key)
		}
		sets[key], tarsOf[key] = append(sets[key], name), tars
	}
	taken := map[uint32]map[carried]bool{}
	for _, key := range order {
		if set := p.carriedBy(sets[key], tarsOf[key], taken); len(set.files) > 0 {
			all = append(all, p.commonLayer(set, tarsOf[key], at))
		}
	}
	return all
}

func (p *proposing) installedNames() (names []Package) {
	for name := range p.s.installed {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b Package) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Arch, b.Arch))
	})
	return names
}

// groupsWith are the groups of layers that have a package.
func (p *proposing) groupsWith(name Package) (groups []uint32) {
	for _, in := range p.s.installed[name] {
		groups = append(groups, uint32(p.s.near.of[in.tar]))
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// carriedBy are the files of packages that two or more of some layers carry. Those that
// were taken before are left out.
func (p *proposing) carriedBy(names []Package, tars []uint32, taken map[uint32]map[carried]bool) *packages {
	set := &packages{files: map[carried][]uint32{}}
	names = slices.Clone(names)
	of := map[carried]int{}
	for i, name := range names {
		for _, in := range p.s.installed[name] {
			if !slices.Contains(tars, in.tar) {
				continue
			}
			if taken[in.tar] == nil {
				taken[in.tar] = map[carried]bool{}
			}
			for _, f := range in.files {
				if !taken[in.tar][f] {
					taken[in.tar][f] = true
					set.files[f], of[f] = append(set.files[f], in.tar), i
				}
			}
		}
	}
	used := map[int]bool{}
	for f, in := range set.files {
		if len(in) < 2 {
			delete(set.files, f)
			continue
		}
		used[of[f]] = true
	}
	for i, name := range names {
		if used[i] {
			set.names = append(set.names, name)
		}
	}
	return set
}

func (p *proposing) commonLayer(set *packages, tars []uint32, at *places) *change {
	c := &change{Suggestion: Suggestion{Kind: PackageSets, Packages: set.names, Files: int64(len(set.files))}}
	c.How = "unpacked bytes of the packages' files that have the same path and content in several of these layers, all copies but one; what they are of the content is not known"
	images := map[int]bool{}
	for _, tar := range tars {
		c.Layers = append(c.Layers, at.of(tar, tar))
		for _, image := range at.images[tar] {
			images[int(image)] = true
		}
	}
	c.Images = p.called(images)
	c.apply = func(t *trial) { t.common[set] = true }
	return c
}
