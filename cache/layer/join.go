package layer

import (
	"crypto/sha256"
	"iter"
	"slices"
)

// Pair is what two trees have at one path. A side that has nothing there is nil.
type Pair struct{ Old, New *Node }

// JoinOptions guides Join. The zero value works.
type JoinOptions struct {
	// Times says that what differs by nothing but its time stamps differs.
	Times bool
	// Enter says of a directory that it is not to be passed over, by its clean path.
	Enter func(dir string) bool
}

// Join yields what two trees have at each path that either has, in the order of
// ComparePaths. It passes over what is below a directory, without reading it, where the
// layers' digests tell that it is the same in both, but for which layers it came from.
// The nodes are the caller's to keep.
func Join(old, new *Tree, o JoinOptions) iter.Seq2[Pair, error] {
	return func(yield func(Pair, error) bool) {
		j := &join{JoinOptions: o, common: commonLayers(old, new)}
		err := j.run(old, new, func(p Pair) bool { return yield(p, nil) })
		if err != nil {
			yield(Pair{}, err)
		}
	}
}

// join is a walk through two trees side by side.
type join struct {
	JoinOptions
	common   int // how many of the lowest layers are the same
	old, new side
}

// side is one of the trees, at its next path.
type side struct {
	tree  *Tree
	merge *merge
	more  bool
	below []below // reused
}

// below is what one layer has below a directory.
type below struct {
	layer         int
	links         bool // the layer has hard links that lead out of it
	digest, times Digest
}

func commonLayers(a, b *Tree) (n int) {
	for n < min(len(a.layers), len(b.layers)) && a.layers[n].DiffID() == b.layers[n].DiffID() {
		n++
	}
	return n
}

func (j *join) run(old, new *Tree, yield func(Pair) bool) (err error) {
	if err := j.old.begin(old); err != nil {
		return err
	}
	if err := j.new.begin(new); err != nil {
		return err
	}
	for j.old.more || j.new.more {
		order := j.order()
		var p Pair
		if order <= 0 {
			if p.Old, err = j.old.node(); err != nil {
				return err
			}
		}
		if order >= 0 {
			if p.New, err = j.new.node(); err != nil {
				return err
			}
		}
		if (p.Old != nil || p.New != nil) && !yield(p) {
			return nil
		}
		if err := j.on(order); err != nil {
			return err
		}
	}
	return nil
}

// order says which side's path comes first.
func (j *join) order() int {
	switch {
	case !j.new.more:
		return -1
	case !j.old.more:
		return 1
	}
	return comparePaths(j.old.merge.path, j.new.merge.path)
}

// on goes on from the path that comes first.
func (j *join) on(order int) error {
	skip := order == 0 && (j.Enter == nil || !j.Enter(string(j.old.merge.path))) && j.sameBelow()
	if order <= 0 {
		if err := j.old.next(skip); err != nil {
			return err
		}
	}
	if order >= 0 {
		return j.new.next(skip)
	}
	return nil
}

// sameBelow reports whether the two trees are known to have the same below the path at
// which both stand. Hard links to lower layers' files are only as good as those.
func (j *join) sameBelow() bool {
	return slices.EqualFunc(j.old.contents(), j.new.contents(), func(a, b below) bool {
		return a.digest == b.digest && (a.times == b.times || !j.Times) &&
			(!a.links && !b.links || a.layer == b.layer && a.layer < j.common)
	})
}

func (s *side) begin(t *Tree) (err error) {
	s.tree = t
	if s.merge, err = newMerge(t.layers, ""); err != nil {
		return err
	}
	s.more, err = s.merge.next()
	return err
}

func (s *side) node() (*Node, error) {
	n, exists, err := s.tree.node(s.merge)
	if err != nil || !exists {
		return nil, err
	}
	return &n, nil
}

func (s *side) next(skip bool) (err error) {
	if !skip {
		s.merge.enter()
	} else if err := s.merge.skip(); err != nil {
		return err
	}
	s.more, err = s.merge.next()
	return err
}

// nothingBelow is the digest of a directory in which a layer has nothing.
var nothingBelow = Digest(sha256.Sum256(nil))

// contents are what the layers have below the current path that is not hidden as a
// whole, bottom first.
func (s *side) contents() []below {
	floor := s.merge.floor()
	for _, h := range s.merge.group {
		if hidesBelow(h.rec.kind, h.rec.hides) {
			floor = max(floor, h.layer)
		}
	}
	s.below = s.below[:0]
	for _, h := range s.merge.group {
		if h.layer < floor || h.rec.kind != Dir || Digest(h.rec.digest) == nothingBelow {
			continue
		}
		s.below = append(s.below, below{
			layer: h.layer, links: s.tree.layers[h.layer].meta.LowerLinks > 0,
			digest: Digest(h.rec.digest), times: Digest(h.rec.times),
		})
	}
	return s.below
}
