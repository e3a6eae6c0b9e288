package layer

import (
	"errors"
	"sync/atomic"
)

// ErrCrowded ends a pass that comes to hold much memory while others do. Nothing is
// wrong with the layer: it is to be read again with IndexOptions.Alone, when no
// other pass runs.
var ErrCrowded = errors.New("too many large layers are read at once")

const (
	// crowdLimit is what passes may hold side by side, in bytes; a single one may hold more.
	crowdLimit = 64 << 20
	// crowdStep is how much a pass may hold before it counts.
	crowdStep = 2 << 20
)

// crowd is what all passes of the process hold, in bytes: they share its memory.
var crowd atomic.Int64

// share is what one pass holds of the memory that grows with the layer: its tree, and
// the window of its decoder, in bytes. The tree and the window may be counted from
// two goroutines.
type share struct {
	alone        bool
	limit        int64
	tree, window atomic.Int64
}

// holdTree counts the tree anew, and says if that is too much.
func (s *share) holdTree(n int64) error {
	if n < s.tree.Load()+crowdStep {
		return nil
	}
	return s.check(crowd.Add(n - s.tree.Swap(n)))
}

// holdWindow counts the window anew, and says if it is too much beside the tree.
func (s *share) holdWindow(n int64) error { return s.check(crowd.Add(n - s.window.Swap(n))) }

func (s *share) check(all int64) error {
	own := s.tree.Load() + s.window.Load()
	switch {
	case own > s.limit:
		return &LimitError{What: "memory", Limit: s.limit}
	case !s.alone && all > own && all > crowdLimit:
		return ErrCrowded
	}
	return nil
}

// free is for the pass's end, when nothing is counted any more.
func (s *share) free() { crowd.Add(-s.tree.Swap(0) - s.window.Swap(0)) }
