package directory

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// steady is the content of a regular file that does not change while it is read.
type steady struct {
	file   *os.File
	before unix.Stat_t
	left   int64
}

// Read returns io.EOF only at the end of a file that is as it was when it was opened.
func (s *steady) Read(p []byte) (int, error) {
	n, err := s.file.Read(p)
	if int64(n) > s.left {
		return 0, &ChangedError{Path: s.file.Name()}
	}
	s.left -= int64(n)
	if err != io.EOF {
		return n, err
	}
	if s.left > 0 {
		return n, &ChangedError{Path: s.file.Name()}
	}
	if changed := unchanged(s.file, &s.before); changed != nil {
		return n, changed
	}
	return n, io.EOF
}

// Close frees the file.
func (s *steady) Close() error { return s.file.Close() }

// unchanged returns an error if an open file or directory is not as it was before.
func unchanged(f *os.File, before *unix.Stat_t) error {
	after, err := fstat(f)
	if err != nil {
		return err
	}
	if !same(before, &after) {
		return &ChangedError{Path: f.Name()}
	}
	return nil
}
