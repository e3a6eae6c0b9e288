package cache

import (
	"context"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// PruneReport says what Prune removed.
type PruneReport struct {
	Blobs    int   `json:"blobs"`
	Derived  int   `json:"derived"`  // tables of contents, extents, kept files, snapshots, memos
	Partials int   `json:"partials"` // downloads and temporary directories that nobody is at work on
	Bytes    int64 `json:"bytes"`    // freed on disk, apparent size
}

// Prune removes what no name and no lease needs: blobs, what is derived from layers
// of no stored image, memos, and what dead processes left behind. A dry run removes
// nothing and reports the same. What Verify put into quarantine stays: its bytes may
// be nowhere else, and only its owner can tell whether they are of use. A named
// image whose manifest is damaged stops it, since what that needs cannot be told:
// Verify with Repair, or Remove, comes first.
func (s *Store) Prune(ctx context.Context, dryRun bool) (PruneReport, error) {
	var r PruneReport
	bytes, err := s.locked(ctx, dryRun, func(w *sweeper, keep needs, leases survey) error {
		return r.sweep(w, keep, leases)
	})
	r.Bytes = bytes
	if err != nil {
		return r, fmt.Errorf("pruning the store: %w", err)
	}
	return r, nil
}

func (r *PruneReport) sweep(w *sweeper, keep needs, leases survey) (err error) {
	noBlob := func(hex string) bool { return !keep.Blobs[hex] }
	noDiff := func(hex string) bool { return !keep.Diffs[hex] }
	if r.Blobs, err = w.dir(blobDir, noBlob); err != nil {
		return err
	}
	if r.Derived, err = w.derived(noBlob, noDiff); err != nil {
		return err
	}
	// What a memo was computed from cannot be told, and computing it again is cheap
	// against reading a layer.
	memos, err := w.dir(memoDir, func(string) bool { return true })
	r.Derived += memos
	if err != nil {
		return err
	}
	if r.Partials, err = w.partials(leases); err != nil {
		return err
	}
	left, err := w.leftovers(leases)
	r.Partials += left
	return err
}

func (w *sweeper) derived(noBlob, noDiff func(string) bool) (int, error) {
	extents, err := w.dir(extentsDir, noBlob)
	if err != nil {
		return extents, err
	}
	tocs, err := w.dir(tocDir, noDiff)
	if err != nil {
		return extents + tocs, err
	}
	kept, err := w.dir(keptDir, noDiff)
	if err != nil {
		return extents + tocs + kept, err
	}
	snapshots, err := w.snapshots(noDiff)
	return extents + tocs + kept + snapshots, err
}

// Remove takes names away, each for one platform, and frees at once what they
// needed and nothing else does. freed counts bytes of blobs and derived files.
// Partial downloads stay, to be resumed. A name that is gone already is no error.
func (s *Store) Remove(ctx context.Context, images []Stored) (freed int64, err error) {
	if s.readOnly != nil {
		return 0, s.readOnly
	}
	needed := newNeeds()
	err = s.unname(ctx, images, needed)
	if isA[*SpaceError](err) {
		// A full disk must not keep anybody from making room: what is derived can
		// go first, since it can be made again.
		if freed, err = s.dropDerived(ctx, needed); err == nil {
			err = s.unname(ctx, images, needed)
		}
	}
	if err != nil {
		return freed, fmt.Errorf("removing names: %w", err)
	}
	bytes, err := s.locked(ctx, false, func(w *sweeper, keep needs, _ survey) error {
		noBlob := func(hex string) bool { return needed.Blobs[hex] && !keep.Blobs[hex] }
		noDiff := func(hex string) bool { return needed.Diffs[hex] && !keep.Diffs[hex] }
		if _, err := w.dir(blobDir, noBlob); err != nil {
			return err
		}
		_, err := w.derived(noBlob, noDiff)
		return err
	})
	freed += bytes
	if err != nil {
		return freed, fmt.Errorf("the names are removed; freeing what they needed: %w", err)
	}
	return freed, nil
}

// unname takes names away, and adds what they needed to needed.
func (s *Store) unname(ctx context.Context, images []Stored, needed needs) error {
	return s.editNames(ctx, func(n *names) (bool, error) {
		gone, err := s.chosen(n, images)
		if err != nil {
			return false, err
		}
		for _, e := range gone {
			needed.add(s.markRemoved(e))
		}
		return n.drop(gone), nil
	})
}

func (s *Store) dropDerived(ctx context.Context, needed needs) (int64, error) {
	return s.locked(ctx, false, func(w *sweeper, _ needs, leases survey) error {
		_, err := w.derived(
			func(hex string) bool { return needed.Blobs[hex] && !leases.needs.Blobs[hex] },
			func(hex string) bool { return needed.Diffs[hex] && !leases.needs.Diffs[hex] })
		return err
	})
}

// markRemoved marks what a removed entry needs, as far as that can be told: the
// rest of a damaged image is left to Prune.
func (s *Store) markRemoved(e entry) needs {
	n, err := s.mark([]entry{e})
	if err != nil {
		n = newNeeds()
		n.blob(e.digest)
	}
	return n
}

// chosen finds the entries of the images. An image index that another program put
// there has one entry for all its images, and goes with all of them only.
func (s *Store) chosen(n *names, images []Stored) ([]entry, error) {
	var gone []entry
	for _, e := range n.entries {
		held := s.imagesOf(e)
		if len(held) == 0 {
			continue
		}
		left := slices.DeleteFunc(slices.Clone(held), func(h Stored) bool {
			return slices.ContainsFunc(images, func(st Stored) bool { return sameImage(st, h) })
		})
		switch {
		case len(left) == 0:
			gone = append(gone, e)
		case len(left) < len(held):
			return nil, fmt.Errorf("%s is an image index with %d images here, which can only be removed together", e.title(), len(held))
		}
	}
	return gone, nil
}

func sameImage(a, b Stored) bool {
	return a.Name == b.Name && a.Digest == b.Digest && samePlatform(&a.Platform, &b.Platform)
}

func (n *names) drop(gone []entry) (changed bool) {
	before := len(n.entries)
	n.entries = slices.DeleteFunc(n.entries, func(e entry) bool {
		return e.digest != (v1.Hash{}) && slices.ContainsFunc(gone, func(g entry) bool {
			return string(g.raw) == string(e.raw)
		})
	})
	return len(n.entries) < before
}
