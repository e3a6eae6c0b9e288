package unpack

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Remove removes a directory and all in it, also directories that their owner may
// not read.
func Remove(dir string) error {
	err := os.RemoveAll(dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	open := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o700)
	})
	return errors.Join(open, os.RemoveAll(dir))
}
