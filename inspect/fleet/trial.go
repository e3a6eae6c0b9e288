package fleet

import (
	"slices"

	"github.com/layers/layers/cache/refs"
)

// trial is who has what, which can be changed and changed back.
type trial struct {
	s           *Set
	layers      [][]stacked // of each image
	blobs, tars []int       // how often each is had
	held        refs.Amount // content and unpacked bytes of those that are had
	unsure      bool        // a tar came or went of which nobody knows what it unpacks to
	undo        []undone
	gained      []gain             // layers that images have that were not theirs
	common      map[*packages]bool // that are in one layer
}

// gain is layers that images were given in the place of others.
type gain struct {
	layers []stacked
	images []uint32
}

type undone struct {
	image int
	was   []stacked
}

func newTrial(s *Set) *trial {
	t := &trial{s: s, layers: make([][]stacked, len(s.images)), blobs: make([]int, len(s.blobs.keys)), tars: make([]int, len(s.tars.keys)), common: map[*packages]bool{}}
	for image := range s.images {
		t.put(image, s.layers(image))
	}
	t.undo = nil
	return t
}

// put gives an image other layers.
func (t *trial) put(image int, to []stacked) {
	t.undo = append(t.undo, undone{image, t.layers[image]})
	for _, l := range to {
		if t.blobs[l.blob]++; t.blobs[l.blob] == 1 {
			t.held[0] += max(t.s.blobs.amount[l.blob], 0)
		}
		if t.tars[l.tar]++; t.tars[l.tar] == 1 {
			t.weigh(l.tar, 1)
		}
	}
	for _, l := range t.layers[image] {
		if t.blobs[l.blob]--; t.blobs[l.blob] == 0 {
			t.held[0] -= max(t.s.blobs.amount[l.blob], 0)
		}
		if t.tars[l.tar]--; t.tars[l.tar] == 0 {
			t.weigh(l.tar, -1)
		}
	}
	t.layers[image] = to
}

func (t *trial) weigh(tar uint32, sign int64) {
	amount := t.s.tars.amount[tar]
	t.unsure = t.unsure || amount < 0
	t.held[1] += sign * max(amount, 0)
}

// weight is all that is held: of packages in a common layer each file once.
func (t *trial) weight() refs.Amount {
	w := t.held
	for p := range t.common {
		w[1] -= p.copies(t)
	}
	return w
}

// try applies a change, and returns what it saves.
func (t *trial) try(apply func(*trial)) Bytes {
	before := t.weight()
	t.unsure = false
	apply(t)
	after := t.weight()
	return bytesOf(refs.Amount{before[0] - after[0], before[1] - after[1]}, !t.unsure)
}

// alone is what a change saves, which is undone.
func (t *trial) alone(apply func(*trial)) Bytes {
	start, gained, common := len(t.undo), len(t.gained), t.common
	t.common = map[*packages]bool{}
	saved := t.try(apply)
	for _, u := range slices.Backward(t.undo[start:]) {
		t.put(u.image, u.was)
	}
	t.undo, t.gained, t.common = t.undo[:start], t.gained[:gained], common
	return saved
}
