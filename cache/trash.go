package cache

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/layers/layers/cache/unpack"
)

// discard takes a directory of the store out of the way at once, however many files it
// has, and says where to. They are removed by EmptyTrash.
func (s *Store) discard(dir string) (place string, err error) {
	place = s.path(trashDir, rand.Text())
	return place, ignoreGone(os.Rename(dir, place))
}

// HasTrash reports whether there are files to be removed that no longer count: see
// EmptyTrash.
func (s *Store) HasTrash() bool {
	found, err := trashed(s.dir)
	return err == nil && len(found) > 0 && s.readOnly == nil
}

// EmptyTrash removes the files that Remove, Prune and failed work have left in the trash
// of the store in a directory, which is only renaming them, where that takes long. It
// may be killed, and called by any number of processes side by side, which help each
// other; with alone it leaves the work to another that was called so. Nothing is made
// where there is no such store.
func EmptyTrash(store string, alone bool) error {
	if alone {
		dir, err := os.Open(filepath.Join(store, trashDir))
		if err != nil {
			return ignoreGone(err)
		}
		defer dir.Close()
		if got, err := flock(dir, exclusive); !got || err != nil {
			return err
		}
	}
	for {
		found, err := trashed(store)
		if err != nil || len(found) == 0 {
			return ignoreGone(err)
		}
		var failed []error
		for _, path := range found {
			err := unpack.Remove(path)
			if _, left := os.Lstat(path); err != nil && !errors.Is(left, fs.ErrNotExist) {
				failed = append(failed, err)
			}
		}
		if len(failed) > 0 {
			return errors.Join(failed...)
		}
	}
}

func trashed(store string) (paths []string, err error) {
	dir := filepath.Join(store, trashDir)
	found, err := os.ReadDir(dir)
	for _, e := range found {
		paths = append(paths, filepath.Join(dir, e.Name()))
	}
	return paths, err
}

// quickly is how many files are removed in less time than it takes to have it done.
const quickly = 100

// drop removes a directory of the store, or what is more, leaves that to EmptyTrash. In
// either case it is out of the way before the first file goes: nobody sees half of it.
func (s *Store) drop(dir string) error {
	count := 0
	err := filepath.WalkDir(dir, func(string, fs.DirEntry, error) error {
		if count++; count > quickly {
			return fs.SkipAll
		}
		return nil // what cannot be read is for Remove to tell
	})
	place, failed := s.discard(dir)
	if failed != nil || err == nil && count > quickly {
		return failed
	}
	return unpack.Remove(place)
}
