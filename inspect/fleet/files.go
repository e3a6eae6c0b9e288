package fleet

import (
	"cmp"
	"slices"

	"github.com/layers/layers/cache/layer"
)

// Files is which large files lie in several layers.
type Files struct {
	Least int64 `json:"least"` // smaller files were not looked at
	Count int64 `json:"count"` // of files that several layers carry
	Saved int64 `json:"saved"` // unpacked bytes, if each of them were in one layer only
	// Top are those that would save most, then by size and digest.
	Top []SharedFile `json:"top"`
}

// SharedFile is a file that several layers carry. Of layers that one image has, or that are
// nearly the same, one counts: it tells of what images could share, not of what an image
// has twice.
type SharedFile struct {
	layer.Named        // the first of its names
	Digest      string `json:"digest"`
	Size        int64  `json:"size"`
	Layers      int    `json:"layers"`
	Images      int    `json:"images"` // that have one of these layers
	Saved       int64  `json:"saved"`  // the size for each layer but one
	// Places are the first of the layers: of images of few layers, then by name.
	Places []Place `json:"places"`
}

// sharedFiles are the files that several groups of layers have, of which no two are of
// one image.
func (s *Set) sharedFiles(order []int, top int) *Files {
	at := placesOf(s, order, len(s.tars.keys), func(l stacked) uint32 { return l.tar })
	r := &Files{Least: s.near.least, Top: []SharedFile{}}
	a := &apart{near: &s.near, at: at, marks: make([]uint32, len(s.images))}
	for digest, c := range s.near.files {
		if len(c.groups) < 2 {
			continue
		}
		tars, images := a.choose(c.groups)
		if len(tars) < 2 {
			continue
		}
		f := SharedFile{Named: layer.Name(c.path), Digest: digest.String(), Size: c.size, Layers: len(tars), Images: images}
		f.Saved = f.Size * int64(f.Layers-1)
		for _, tar := range tars[:min(len(tars), mostPlaces)] {
			f.Places = append(f.Places, at.of(tar, tar))
		}
		r.Count++
		r.Saved += f.Saved
		if r.Top = append(r.Top, f); len(r.Top) > 2*top {
			r.cut(top)
		}
	}
	r.cut(top)
	return r
}

// apart chooses layers of which no image has two.
type apart struct {
	near  *near
	at    *places
	marks []uint32 // of each image, the round in which a layer of it was chosen
	round uint32
}

// choose chooses of each group its first tar, and of those that one image has that which
// the fewest images have. It returns them in order, and how many images have any.
func (a *apart) choose(groups []uint32) (tars []uint32, images int) {
	a.round++
	all := a.near.firstTars(groups, a.at)
	has := make(map[uint32][]uint32, len(all))
	for _, tar := range all {
		has[tar] = a.at.imagesOf(a.near.groups[a.near.of[tar]].tars)
	}
	slices.SortStableFunc(all, func(x, y uint32) int { return cmp.Compare(len(has[x]), len(has[y])) })
	for _, tar := range all {
		if slices.ContainsFunc(has[tar], func(i uint32) bool { return a.marks[i] == a.round }) {
			continue
		}
		for _, i := range has[tar] {
			a.marks[i] = a.round
		}
		tars = append(tars, tar)
		images += len(has[tar])
	}
	slices.SortFunc(tars, a.at.compare)
	return tars, images
}

// mostPlaces is how many places of a file are told of.
const mostPlaces = 10

func (r *Files) cut(top int) {
	slices.SortFunc(r.Top, func(a, b SharedFile) int {
		return cmp.Or(cmp.Compare(b.Saved, a.Saved), cmp.Compare(b.Size, a.Size), cmp.Compare(a.Digest, b.Digest))
	})
	r.Top = r.Top[:min(top, len(r.Top))]
}
