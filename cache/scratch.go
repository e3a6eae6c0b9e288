package cache

import (
	"context"
	"errors"
	"os"
)

// ScratchDir is a directory in the store for temporary files of this process. It
// is removed by Close, or swept by a later Prune. Where the store cannot be
// written it lies in os.TempDir().
func (s *Store) ScratchDir() string {
	dir, err := s.scratchInStore()
	if err != nil {
		dir, err = s.scratchOutside()
	}
	if err != nil {
		return os.TempDir() // whoever writes there meets the same error
	}
	return dir
}

// scratchInStore makes the scratch directory on the store's own file system, from
// where files can be renamed to their places.
func (s *Store) scratchInStore() (string, error) {
	s.scratchMu.Lock()
	defer s.scratchMu.Unlock()
	if s.scratch != "" {
		return s.scratch, nil
	}
	// The lease comes first: a scratch directory without one is swept.
	l, err := s.newLease(context.Background(), func() (needs, error) { return newNeeds(), nil })
	if err != nil {
		return "", err
	}
	dir := s.path(scratchDir, l.id)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", errors.Join(s.writing(err), l.release())
	}
	s.scratch, s.scratchLease = dir, l
	return dir, nil
}

func (s *Store) scratchOutside() (string, error) {
	s.scratchMu.Lock()
	defer s.scratchMu.Unlock()
	if s.outside != "" {
		return s.outside, nil
	}
	dir, err := os.MkdirTemp("", "layers-")
	if err != nil {
		return "", err
	}
	s.outside = dir
	return dir, nil
}

func (s *Store) dropScratch() error {
	s.scratchMu.Lock()
	defer s.scratchMu.Unlock()
	var errs []error
	if s.outside != "" {
		errs = append(errs, os.RemoveAll(s.outside))
	}
	if s.scratch != "" {
		errs = append(errs, s.drop(s.scratch), s.scratchLease.release())
	}
	s.scratch, s.scratchLease, s.outside = "", nil, ""
	return errors.Join(errs...)
}
