package cache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/layers/layers/cache/unpack"
)

// sweeper removes files, or only counts them. It works under the exclusive gc lock.
type sweeper struct {
	store  *Store
	ctx    context.Context
	dryRun bool
	gone   unpack.Weight // or what would be
}

// locked runs a sweep with what leases and names need.
func (s *Store) locked(ctx context.Context, dryRun bool, sweep func(*sweeper, needs, survey) error) (unpack.Weight, error) {
	return s.sweepBut(ctx, dryRun, nil, sweep)
}

// sweepBut runs a sweep with what leases need, and names but those that are gone, or,
// in a dry run, would be: the leases are read first, see lease.
func (s *Store) sweepBut(ctx context.Context, dryRun bool, gone []entry, sweep func(*sweeper, needs, survey) error) (unpack.Weight, error) {
	if s.readOnly != nil && !dryRun {
		return unpack.Weight{}, s.readOnly
	}
	leases, unlock, err := s.surveyed(ctx)
	if err != nil {
		return unpack.Weight{}, err
	}
	defer unlock()
	n, err := s.readNames()
	if err != nil {
		return unpack.Weight{}, err
	}
	if dryRun {
		n.drop(gone)
	}
	keep, err := s.mark(n.entries)
	if err != nil {
		return unpack.Weight{}, err
	}
	keep.add(leases.needs)
	w := &sweeper{store: s, ctx: ctx, dryRun: dryRun}
	err = sweep(w, keep, leases)
	return w.gone, s.writing(err)
}

// surveyed reads the leases, and keeps others from making or letting go of any until
// unlock. In a store that can only be read, what runs cannot be told.
func (s *Store) surveyed(ctx context.Context) (found survey, unlock func(), err error) {
	if s.readOnly != nil {
		return survey{needs: newNeeds()}, func() {}, nil
	}
	gc, err := s.lock(ctx, gcLock, exclusive)
	if err != nil {
		return survey{}, nil, err
	}
	if found, err = s.leases(); err != nil {
		gc.unlock()
		return survey{}, nil, err
	}
	return found, gc.unlock, nil
}

// dir removes the files of a directory that are named by a hash and not to be kept.
// It returns how many.
func (w *sweeper) dir(dir string, gone func(hex string) bool) (int, error) {
	return w.each(dir, func(name string) (bool, error) {
		if !isHex64(name) || !gone(name) {
			return false, nil
		}
		return w.remove(w.store.path(dir, name))
	})
}

// each calls remove for every name in a directory and counts what it removed.
func (w *sweeper) each(dir string, remove func(name string) (bool, error)) (int, error) {
	found, err := os.ReadDir(w.store.path(dir))
	if err != nil {
		return 0, ignoreGone(err) // a layout that another tool has made lacks most
	}
	count := 0
	for _, e := range found {
		if err := w.ctx.Err(); err != nil {
			return count, err
		}
		removed, err := remove(e.Name())
		if err != nil {
			return count, err
		}
		if removed {
			count++
		}
	}
	return count, nil
}

// remove takes away one regular file.
func (w *sweeper) remove(path string) (bool, error) {
	fi, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || !fi.Mode().IsRegular() {
		return false, err
	}
	if !w.dryRun {
		if err := os.Remove(path); err != nil {
			return false, err
		}
	}
	w.gone = w.gone.Plus(unpack.WeightOf(fi))
	return true, nil
}

// partials removes the downloads that nobody is at work on. Who downloads has a
// lease on the blob.
func (w *sweeper) partials(leases survey) (int, error) {
	return w.dir(ingestDir, func(hex string) bool { return !leases.needs.Blobs[hex] })
}

// snapshots removes the directories of layers, each as a whole.
func (w *sweeper) snapshots(noDiff func(string) bool) (int, error) {
	return w.each(snapshotDir, func(name string) (bool, error) {
		hex, _, _ := strings.Cut(name, "-")
		if !isHex64(hex) || !noDiff(hex) {
			return false, nil
		}
		path := w.store.snapshotPath(name)
		weight, err := weighSnapshot(path)
		if err != nil {
			return false, err
		}
		return true, w.drop(path, weight)
	})
}

// leftovers removes what dead processes left: scratch directories, leases, locks
// and the first files of a store that was never made. It returns how many scratch
// directories.
func (w *sweeper) leftovers(leases survey) (int, error) {
	count, err := w.each(scratchDir, func(name string) (bool, error) {
		if leases.alive[name] {
			return false, nil
		}
		return true, w.tree(w.store.path(scratchDir, name))
	})
	dead := leases.unmounted
	for _, id := range leases.dead {
		dead = append(dead, w.store.path(leaseDir, id))
	}
	for _, path := range dead {
		if err == nil {
			_, err = w.remove(path)
		}
	}
	if err == nil {
		_, err = w.each(lockDir, w.idleLock)
	}
	if err == nil {
		_, err = w.each(".", func(name string) (bool, error) {
			if !strings.HasPrefix(name, initPrefix) {
				return false, nil
			}
			return w.remove(w.store.path(name))
		})
	}
	return count, err
}

// idleLock removes the file of a layer's lock that its holder did not live to remove.
func (w *sweeper) idleLock(name string) (bool, error) {
	if !isOnce(name) {
		return false, nil
	}
	path := w.store.path(lockDir, name)
	fi, err := os.Lstat(path)
	if err != nil {
		return false, ignoreGone(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false, ignoreGone(err)
	}
	l := &fileLock{f: f, once: !w.dryRun}
	if got, err := flock(f, exclusive); !got || err != nil || !sameFile(f, path) {
		return false, errors.Join(err, f.Close())
	}
	w.gone = w.gone.Plus(unpack.WeightOf(fi))
	l.unlock()
	return true, nil
}

// tree drops a directory and what is in it.
func (w *sweeper) tree(root string) error {
	weight, err := unpack.Weigh(root)
	if err != nil {
		return err
	}
	return w.drop(root, weight)
}

// drop takes away a directory that weighs so much.
func (w *sweeper) drop(dir string, weight unpack.Weight) error {
	if !w.dryRun {
		if err := w.store.drop(dir); err != nil {
			return err
		}
	}
	w.gone = w.gone.Plus(weight)
	return nil
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
