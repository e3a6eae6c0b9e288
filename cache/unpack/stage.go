//go:build linux

package unpack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Stage is a directory that is filled out of sight, beside the place that it is for,
// and put there whole or not at all.
type Stage struct {
	dir     string // where it is to go
	path    string // where it is filled
	old     bool   // there is something in dir that it replaces
	lock    *os.File
	settled bool
}

var errNoParent = errors.New("the directory that it is to be in does not exist")

const stageMark = ".layers-"

// NewStage begins a directory for dir, which does not exist, is empty, or is to be
// replaced. What stages of dir dead processes left is removed. The parent must
// exist. Commit or Discard ends it.
func NewStage(dir string, replace bool) (*Stage, error) {
	dir, old, err := destination(dir, replace)
	if err != nil {
		return nil, err
	}
	parent, base := filepath.Split(dir)
	if err := sweepStages(parent, base); err != nil {
		return nil, err
	}
	path, err := os.MkdirTemp(parent, stagePrefix(base)+"*")
	if err != nil {
		return nil, err
	}
	s := &Stage{dir: dir, path: path, old: old}
	if s.lock, err = os.Open(path); err == nil {
		err = unix.Flock(int(s.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		return nil, errors.Join(err, s.Discard())
	}
	return s, nil
}

func stagePrefix(base string) string { return "." + base + stageMark }

// destination checks the place, and returns it without symbolic links.
func destination(dir string, replace bool) (real string, old bool, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return "", false, err
	}
	found, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		parent, err := filepath.EvalSymlinks(filepath.Dir(dir))
		if err != nil {
			return "", false, &fs.PathError{Op: "make", Path: dir, Err: errNoParent}
		}
		return filepath.Join(parent, filepath.Base(dir)), false, nil
	}
	if err != nil {
		return "", false, err
	}
	if real, err = filepath.EvalSymlinks(dir); err != nil {
		return "", false, err
	}
	switch {
	case real == "/":
		return "", false, &fs.PathError{Op: "replace", Path: real, Err: unix.EBUSY}
	case len(found) > 0 && !replace:
		return "", false, &NotEmptyError{Dir: dir}
	}
	return real, len(found) > 0, nil
}

// sweepStages removes the stages of a directory whose processes are gone.
func sweepStages(parent, base string) error {
	found, err := os.ReadDir(parent)
	if err != nil {
		return err
	}
	for _, e := range found {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), stagePrefix(base)) {
			continue
		}
		path := filepath.Join(parent, e.Name())
		f, err := os.Open(path)
		if err != nil {
			continue // another user's, or gone
		}
		idle := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
		if idle {
			err = Remove(path)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("removing what an earlier run left: %w", err)
		}
	}
	return nil
}

// Path is the directory to fill.
func (s *Stage) Path() string { return s.path }

// Commit makes all that was written durable, and puts it in its place. What was
// there is removed after.
func (s *Stage) Commit() error {
	if err := unix.Syncfs(int(s.lock.Fd())); err != nil {
		return &os.PathError{Op: "syncfs", Path: s.path, Err: err}
	}
	if err := s.replace(); err != nil {
		if errors.Is(err, unix.EBUSY) {
			err = fmt.Errorf("%w: it is a mount point; a directory below it can be had", err)
		}
		return err
	}
	s.settled = true
	return errors.Join(syncDir(filepath.Dir(s.dir)), s.lock.Close())
}

func (s *Stage) replace() error {
	if !s.old {
		// Unlike os.Rename, the system call takes the place of an empty directory.
		if err := unix.Rename(s.path, s.dir); err != nil {
			return &os.LinkError{Op: "rename", Old: s.path, New: s.dir, Err: err}
		}
		return nil
	}
	err := unix.Renameat2(unix.AT_FDCWD, s.path, unix.AT_FDCWD, s.dir, unix.RENAME_EXCHANGE)
	if err != nil {
		return &os.LinkError{Op: "exchange", Old: s.path, New: s.dir, Err: err}
	}
	return Remove(s.path)
}

// Discard removes what was written, unless it was committed.
func (s *Stage) Discard() error {
	if s.settled {
		return nil
	}
	s.settled = true
	err := Remove(s.path)
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
