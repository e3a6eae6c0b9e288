package unpack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Remove removes a directory and all in it, also directories that their owner may
// not read, and, for an ordinary user, files of his subordinate ids. A *ForeignError
// says that something belongs to somebody else.
func Remove(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if readable(dir) == nil {
		err = os.RemoveAll(dir)
	}
	if errors.Is(err, fs.ErrPermission) {
		_, err = asOwner(err, dir, true)
	}
	return err
}

// readable lets the user read and change all directories that are his.
func readable(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o700)
	})
}

// ForeignError says that files belong to a user whom this one cannot act for: his
// subordinate ids are others by now, or cannot be had.
type ForeignError struct {
	Dir   string // what was to be removed, or read
	Path  string // in it, the first that did not let itself
	Owner int    // the user id that has Path, as this user sees it
	Err   error
}

// Error says whose the files are.
func (e *ForeignError) Error() string {
	return fmt.Sprintf("%s belongs to user %d, whom this user cannot act for: %v", e.Path, e.Owner, e.Err)
}

// Unwrap returns why.
func (e *ForeignError) Unwrap() error { return e.Err }
