package cache

import "github.com/layers/layers/cache/refs"

// holdings count who needs which blobs and layers. The files of the store that go when
// somebody goes are those of the things that go in the graph.
type holdings struct {
	graph refs.Graph
	blobs map[string]int // things, by the hex digits of digests
	diffs map[string]int // and of DiffIDs
}

func newHoldings() *holdings {
	return &holdings{blobs: map[string]int{}, diffs: map[string]int{}}
}

// hold adds a holder.
func (h *holdings) hold(n needs) (holder int) {
	var things []int
	for hex := range n.Blobs {
		things = append(things, h.thing(h.blobs, hex))
	}
	for hex := range n.Diffs {
		things = append(things, h.thing(h.diffs, hex))
	}
	return h.graph.Holder(things)
}

func (h *holdings) thing(of map[string]int, hex string) int {
	thing, ok := of[hex]
	if !ok {
		thing = h.graph.Thing(refs.Amount{})
		of[hex] = thing
	}
	return thing
}

// going says of blobs and of layers, by their hex digits, whether they go.
type going struct{ blob, diff func(hex string) bool }

// without is what goes with a holder: what nobody else needs.
func (h *holdings) without(holder int) going {
	freed := map[int]bool{}
	for _, thing := range h.graph.Freed([]int{holder}) {
		freed[thing] = true
	}
	in := func(of map[string]int) func(string) bool {
		return func(hex string) bool {
			thing, known := of[hex]
			return known && freed[thing]
		}
	}
	return going{blob: in(h.blobs), diff: in(h.diffs)}
}

// unheld is what nobody needs.
func (h *holdings) unheld() going {
	notIn := func(of map[string]int) func(string) bool {
		return func(hex string) bool {
			_, known := of[hex]
			return !known
		}
	}
	return going{blob: notIn(h.blobs), diff: notIn(h.diffs)}
}
