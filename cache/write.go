package cache

import (
	"errors"
	"os"
	"path/filepath"
)

// writeFile puts data at path, whole or not at all, and replaces what was there.
// It is on the disk when writeFile returns. The temporary file lies in the
// store's scratch directory, which is on the same file system and is swept when
// its process is gone.
func (s *Store) writeFile(path string, data []byte, perm os.FileMode) error {
	dir, err := s.scratchInStore()
	if err != nil {
		return s.writing(err)
	}
	f, err := os.CreateTemp(dir, "write-*")
	if err != nil {
		return s.writing(err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(perm), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return s.writing(errors.Join(err, os.Remove(f.Name())))
	}
	return s.writing(syncDir(filepath.Dir(path)))
}

// syncDir makes the names in a directory survive a crash of the host.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
