package cache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/layers/layers/cache/unpack"
)

// sweeper removes files, or only counts them. It works under the exclusive gc lock.
type sweeper struct {
	store  *Store
	ctx    context.Context
	dryRun bool
	bytes  int64 // of what is gone, or would be
}

// locked runs a sweep with what leases and names need: the leases are read first,
// see lease.
func (s *Store) locked(ctx context.Context, dryRun bool, sweep func(*sweeper, needs, survey) error) (int64, error) {
	if s.readOnly != nil {
		return 0, s.readOnly
	}
	gc, err := s.lock(ctx, gcLock, exclusive)
	if err != nil {
		return 0, err
	}
	defer gc.unlock()
	leases, err := s.leases()
	if err != nil {
		return 0, err
	}
	n, err := s.readNames()
	if err != nil {
		return 0, err
	}
	keep, err := s.mark(n.entries)
	if err != nil {
		return 0, err
	}
	keep.add(leases.needs)
	w := &sweeper{store: s, ctx: ctx, dryRun: dryRun}
	err = sweep(w, keep, leases)
	return w.bytes, s.writing(err)
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
		return 0, err
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
	w.bytes += fi.Size()
	return true, nil
}

// partials removes the downloads that nobody is at work on. Who downloads has a
// lease on the blob.
func (w *sweeper) partials(leases survey) (int, error) {
	return w.dir(ingestDir, func(hex string) bool { return !leases.needs.Blobs[hex] })
}

// goneMark begins the name of a snapshot that is being removed.
const goneMark = "gone-"

// snapshots removes the directories of layers. Each is renamed first, so that nobody
// finds a part of one; what a sweep did not come to the end of, the next one does.
func (w *sweeper) snapshots(noDiff func(string) bool) (int, error) {
	return w.each(snapshotDir, func(name string) (bool, error) {
		path := w.store.path(snapshotDir, name)
		if strings.HasPrefix(name, goneMark) {
			return true, w.tree(path)
		}
		hex, _, _ := strings.Cut(name, "-")
		if !isHex64(hex) || !noDiff(hex) {
			return false, nil
		}
		if w.dryRun {
			return true, w.tree(path)
		}
		gone := w.store.path(snapshotDir, goneMark+name)
		if err := os.Rename(path, gone); err != nil {
			return false, err
		}
		return true, w.tree(gone)
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
	w.bytes += fi.Size()
	l.unlock()
	return true, nil
}

// tree removes a directory and what is in it, and counts its regular files.
func (w *sweeper) tree(root string) error {
	var bytes int64
	err := filepath.WalkDir(root, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		bytes += fi.Size()
		return nil
	})
	if err == nil && !w.dryRun {
		err = unpack.Remove(root)
	}
	if err == nil {
		w.bytes += bytes
	}
	return err
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
