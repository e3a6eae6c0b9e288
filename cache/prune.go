package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/unpack"
)

// PruneReport says what Prune removed.
type PruneReport struct {
	Blobs    int   `json:"blobs"`
	Derived  int   `json:"derived"`  // tables of contents, extents, kept files, snapshots, memos
	Partials int   `json:"partials"` // downloads and temporary directories that nobody is at work on
	Bytes    int64 `json:"bytes"`    // freed, apparent size: what du --apparent-size tells less of the store
	Disk     int64 `json:"disk"`     // freed on the disk: what du tells less of it
}

// Prune removes what no name and no lease needs: blobs, what is derived from layers
// of no stored image, memos, and what dead processes left behind. A dry run removes
// nothing and reports the same. What Verify put into quarantine stays: its bytes may
// be nowhere else, and only its owner can tell whether they are of use. A named
// image whose manifest is damaged stops it, since what that needs cannot be told:
// Verify with Repair, or Remove, comes first.
func (s *Store) Prune(ctx context.Context, dryRun bool) (PruneReport, error) {
	var r PruneReport
	freed, err := s.locked(ctx, dryRun, func(w *sweeper, keep needs, leases survey) error {
		h := newHoldings()
		h.hold(keep)
		return r.sweep(w, h.unheld(), leases)
	})
	r.Bytes, r.Disk = freed.Apparent, freed.Disk
	if err != nil {
		return r, fmt.Errorf("pruning the store: %w", err)
	}
	return r, nil
}

func (r *PruneReport) sweep(w *sweeper, gone going, leases survey) (err error) {
	if r.Blobs, err = w.dir(blobDir, gone.blob); err != nil {
		return err
	}
	if r.Derived, err = w.derived(gone); err != nil {
		return err
	}
	// What a memo was computed from cannot be told, and computing it again is cheap
	// against reading a layer.
	memos, err := w.dir(memoDir, func(string) bool { return true })
	r.Derived += memos
	if err != nil || w.store.readOnly != nil { // there it cannot be told who is at work
		return err
	}
	if r.Partials, err = w.partials(leases); err != nil {
		return err
	}
	left, err := w.leftovers(leases)
	r.Partials += left
	return err
}

// derived removes what is derived from what goes, and when it was used.
func (w *sweeper) derived(gone going) (count int, err error) {
	for _, of := range []struct {
		dir  string
		gone func(hex string) bool
	}{{extentsDir, gone.blob}, {tocDir, gone.diff}, {keptDir, gone.diff}} {
		n, err := w.dir(of.dir, of.gone)
		count += n
		if err != nil {
			return count, err
		}
	}
	if _, err := w.dir(usedDir, gone.blob); err != nil {
		return count, err
	}
	n, err := w.snapshots(gone.diff)
	return count + n, err
}

// Remove takes names away, each for one platform, and frees at once what they needed
// and nothing else does: blobs, derived files, snapshots. freed is what the store
// weighs less, the file of names too; a dry run takes nothing away, and says the same.
// Partial downloads stay, to be resumed. A name that is gone already is no error.
func (s *Store) Remove(ctx context.Context, images []Stored, dryRun bool) (freed unpack.Weight, err error) {
	if s.readOnly != nil && !dryRun {
		return freed, s.readOnly
	}
	r := &removal{store: s, images: images, dryRun: dryRun, needed: newNeeds()}
	if err = r.unname(ctx); isA[*SpaceError](err) {
		// A full disk must not keep anybody from making room: what is derived can
		// go first, since it can be made again.
		if err = r.dropDerived(ctx); err == nil {
			left := EmptyTrash(s.dir, false)
			if err = r.unname(ctx); err != nil {
				err = errors.Join(err, left)
			}
		}
	}
	if err != nil {
		return r.freed, fmt.Errorf("removing names: %w", err)
	}
	if err := r.sweep(ctx); err != nil {
		return r.freed.Plus(r.names), fmt.Errorf("the names are removed; freeing what they needed: %w", err)
	}
	return r.freed.Plus(r.names), nil
}

// removal is one run of Remove.
type removal struct {
	store  *Store
	images []Stored
	dryRun bool
	gone   []entry
	needed needs         // what they needed
	names  unpack.Weight // what the file of names loses
	freed  unpack.Weight // all else
}

// unname takes the names away, or only sees which there are. It notes what they needed,
// and what the file of names weighs less.
func (r *removal) unname(ctx context.Context) error {
	if r.dryRun {
		n, err := r.store.readNames()
		if err != nil {
			return err
		}
		_, err = r.edit(n)
		return err
	}
	return r.store.editNames(ctx, r.edit)
}

func (r *removal) edit(n *names) (changed bool, err error) {
	if r.gone, err = r.store.chosen(n, r.images); err != nil {
		return false, err
	}
	for _, e := range r.gone {
		r.needed.add(r.store.markRemoved(e))
	}
	if !n.drop(r.gone) {
		return false, nil
	}
	lost, err := r.store.namesLose(n)
	r.names = lost
	return true, err
}

// namesLose is what the file of names weighs less when it says what n does.
func (s *Store) namesLose(n *names) (unpack.Weight, error) {
	data, err := n.marshal()
	if err != nil {
		return unpack.Weight{}, err
	}
	fi, err := os.Lstat(s.path(indexFile))
	if err != nil {
		return unpack.Weight{}, err
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(s.dir, &fs); err != nil {
		return unpack.Weight{}, &os.PathError{Op: "statfs", Path: s.dir, Err: err}
	}
	size, block := int64(len(data)), int64(fs.Bsize)
	blocks := (size + block - 1) / block
	return unpack.WeightOf(fi).Minus(unpack.Weight{Apparent: size, Disk: blocks * block}), nil
}

// sweep removes what the names needed, and nothing else does.
func (r *removal) sweep(ctx context.Context) error {
	freed, err := r.store.sweepBut(ctx, r.dryRun, r.gone, func(w *sweeper, keep needs, _ survey) error {
		h := newHoldings()
		h.hold(keep)
		gone := h.without(h.hold(r.needed))
		if _, err := w.dir(blobDir, gone.blob); err != nil {
			return err
		}
		_, err := w.derived(gone)
		return err
	})
	r.freed = r.freed.Plus(freed)
	return err
}

// dropDerived removes what is derived from what the names needed, also where other
// images need it, too, but not what a running command needs.
func (r *removal) dropDerived(ctx context.Context) error {
	freed, err := r.store.locked(ctx, r.dryRun, func(w *sweeper, _ needs, leases survey) error {
		h := newHoldings()
		h.hold(leases.needs)
		_, err := w.derived(h.without(h.hold(r.needed)))
		return err
	})
	r.freed = r.freed.Plus(freed)
	return err
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
