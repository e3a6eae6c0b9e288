package diff

import (
	"iter"

	"github.com/layers/layers/cache/layer"
)

// changes are the paths that differ. Of two layers that are looked at alone, what they
// hide of those below differs, too.
func (c *comparison) changes(o FilesOptions) iter.Seq2[Change, error] {
	files := Files(c.old.Tree(), c.new.Tree(), o)
	if !c.old.Single || !c.new.Single {
		return files
	}
	return inTurn(files, whiteouts(c.old.Layers[0].TOC, c.new.Layers[0].TOC))
}

// whiteouts yields where one of two layers hides something of those below, and the other
// does not: as a node that is Absent, added or deleted.
func whiteouts(old, new *layer.TOC) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		nextOld, stopOld := iter.Pull2(hiding(old))
		defer stopOld()
		nextNew, stopNew := iter.Pull2(hiding(new))
		defer stopNew()
		a, errA, moreA := nextOld()
		b, errB, moreB := nextNew()
		for moreA || moreB {
			if errA != nil || errB != nil {
				yield(Change{}, firstError(errA, errB))
				return
			}
			order := orderOf(a.Path, moreA, b.Path, moreB)
			if order != 0 || a.Hides != b.Hides {
				if order <= 0 && !yield(Change{Path: a.Path, Kind: Deleted, Old: &a}, nil) {
					return
				}
				if order >= 0 && !yield(Change{Path: b.Path, Kind: Added, New: &b}, nil) {
					return
				}
			}
			if order <= 0 {
				a, errA, moreA = nextOld()
			}
			if order >= 0 {
				b, errB, moreB = nextNew()
			}
		}
	}
}

// hiding yields what of a layer hides something of those below it, at its path.
func hiding(t *layer.TOC) iter.Seq2[layer.Node, error] {
	return func(yield func(layer.Node, error) bool) {
		for e, err := range t.Entries("") {
			if err != nil {
				yield(layer.Node{}, err)
				return
			}
			if e.Hides == layer.HidesNothing {
				continue
			}
			n := layer.Node{Entry: layer.Entry{Path: e.Path, Kind: layer.Absent, Hides: e.Hides}}
			if !yield(n, nil) {
				return
			}
		}
	}
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// orderOf says which of two paths comes first, of those that are there.
func orderOf(a string, moreA bool, b string, moreB bool) int {
	switch {
	case !moreB:
		return -1
	case !moreA:
		return 1
	}
	return layer.ComparePaths(a, b)
}

// inTurn yields two sequences of changes in the order of their paths.
func inTurn(first, second iter.Seq2[Change, error]) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		next, stop := iter.Pull2(second)
		defer stop()
		b, errB, moreB := next()
		for a, err := range first {
			for err == nil && moreB && (errB != nil || layer.ComparePaths(b.Path, a.Path) < 0) {
				if !yield(b, errB) || errB != nil {
					return
				}
				b, errB, moreB = next()
			}
			if !yield(a, err) || err != nil {
				return
			}
		}
		for ; moreB; b, errB, moreB = next() {
			if !yield(b, errB) || errB != nil {
				return
			}
		}
	}
}
