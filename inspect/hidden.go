package inspect

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/layers/layers/cache/layer"
)

// Hidden is a path whose content later layers hide in one or more layers that
// carry it: bytes that a pull moves and no container sees.
type Hidden struct {
	Named
	Bytes   int64        `json:"bytes"`             // unpacked, of all copies
	Content *int64       `json:"content,omitempty"` // compressed, of all copies
	Copies  []HiddenCopy `json:"copies"`
}

// HiddenCopy is the content that one layer carries in vain.
type HiddenCopy struct {
	Layer    int    `json:"layer"`
	HiddenBy int    `json:"hiddenBy"`          // the layer that overwrote or removed its last name
	Bytes    int64  `json:"bytes"`             // unpacked
	Content  *int64 `json:"content,omitempty"` // the part of the layer's blob that carries it
	Names    int    `json:"names,omitempty"`   // how many names it has in the layer, if more than one
}

// Reclaimable sums up what later layers hide.
type Reclaimable struct {
	Bytes int64 `json:"bytes"` // unpacked
	// Content is the compressed bytes that carry the copies, of a layer that stands
	// in the stack twice each time; absent where it is not known.
	Content *int64   `json:"content,omitempty"`
	Copies  int64    `json:"copies"` // each the content of one file in one layer
	Paths   int64    `json:"paths"`
	By      By       `json:"by"`  // which bytes Top is ranked by
	Top     []Hidden `json:"top"` // the biggest first, then by path; not all of Paths if there is a limit
}

// ranking is the order of hidden paths by a measure.
func ranking(by By) func(a, b Hidden) int {
	bytes := func(h Hidden) int64 { return h.Bytes }
	if by == ByContent {
		bytes = func(h Hidden) int64 { return *h.Content }
	}
	return func(a, b Hidden) int {
		return cmp.Or(cmp.Compare(bytes(b), bytes(a)), layer.ComparePaths(a.Path, b.Path))
	}
}

// memoTop is how many hidden paths the stored summary of a stack holds.
const memoTop = 100

// stack is what has to be walked for to know of a stack of layers. Its JSON form
// is what Memo keeps, so a change of it needs a new memoVersion.
type stack struct {
	Reclaimable Reclaimable
	Bytes       []int64                  // reclaimable, of each layer
	Lints       []map[layer.LintCode]int // of each layer, those that only the stack shows
	// Distribution takes a look into every layer for each directory on the way.
	Distribution *Distribution
}

const memoVersion = "inspect-3-"

// summary returns the stack's summary with up to limit hidden paths, ranked by a
// measure, from Memo if that can hold it.
func (in *Input) summary(limit int, by By) (*stack, error) {
	if in.Memo == nil || limit < 0 || limit > memoTop || len(in.Layers) == 0 {
		return in.walkStack(limit, by)
	}
	key := in.memoKey(by)
	data, err := in.Memo(key, func() ([]byte, error) {
		s, err := in.walkStack(memoTop, by)
		if err != nil {
			return nil, err
		}
		return json.Marshal(s)
	})
	if err != nil {
		return nil, err
	}
	var s stack
	if json.Unmarshal(data, &s) != nil || !s.fits(len(in.Layers)) {
		return in.walkStack(limit, by) // what is kept is of no use, and only derived
	}
	s.restore()
	s.Reclaimable.Top = s.Reclaimable.Top[:min(limit, len(s.Reclaimable.Top))]
	return &s, nil
}

// memoKey names all that a summary depends on: what the layers hold, in which blobs
// that lies if it is known, whether their kept files are there to be read, and how it
// is ranked.
func (in *Input) memoKey(by By) string {
	key := memoVersion + strings.ReplaceAll(layer.Chain(in.diffIDs()).String(), ":", "-")
	if extentsKnown(in.Layers) {
		blobs := sha256.New()
		for _, d := range in.Manifest.Layers {
			fmt.Fprintln(blobs, d.Digest)
		}
		key += fmt.Sprintf("-in-%x", blobs.Sum(nil))
	}
	if by == ByContent {
		key += "-by-content"
	}
	for _, l := range in.Layers {
		if l.Kept == nil {
			return key + "-nothing-kept"
		}
	}
	return key
}

func (s *stack) fits(layers int) bool { return len(s.Bytes) == layers && len(s.Lints) == layers }

func (s *stack) restore() {
	for i := range s.Reclaimable.Top {
		s.Reclaimable.Top[i].Named.Restore()
	}
}

func (in *Input) walkStack(limit int, by By) (*stack, error) {
	tree := layer.Squash(in.tocs())
	s := &stack{Lints: make([]map[layer.LintCode]int, len(in.Layers))}
	var err error
	if s.Reclaimable, s.Bytes, err = in.hiddenIn(tree, hiddenOptions{by: by, limit: limit}); err != nil {
		return nil, fmt.Errorf("finding what is hidden in %s: %w", in.Name, err)
	}
	if s.Distribution, err = in.distribution(tree); err != nil {
		return nil, err
	}
	for lint, err := range tree.Lints() {
		if err != nil {
			return nil, fmt.Errorf("finding what is odd in %s: %w", in.Name, err)
		}
		if s.Lints[lint.Layer] == nil {
			s.Lints[lint.Layer] = make(map[layer.LintCode]int)
		}
		s.Lints[lint.Layer][lint.Code]++
	}
	return s, nil
}
