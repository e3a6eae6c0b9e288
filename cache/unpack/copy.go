//go:build linux

package unpack

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// copyFile makes a file with the content of another of the target.
func (t *Target) copyFile(from, to *file) error {
	source, err := t.read(from)
	if err != nil {
		return err
	}
	defer source.Close()
	o, err := t.create(to)
	if err != nil {
		return err
	}
	if err := o.copyFrom(source); err != nil {
		o.abandon()
		return err
	}
	return t.end(to, o)
}

// read opens a file that was written.
func (t *Target) read(f *file) (*os.File, error) {
	dir, err := t.dirs.get(f.dir)
	if err != nil {
		return nil, err
	}
	defer t.dirs.put(dir)
	fd, err := openat(dir.fd, t.plan.name(f.name), readFlags, 0)
	if err != nil {
		return nil, &PathError{Op: "open", Path: t.pathOf(f), Err: err}
	}
	return os.NewFile(uintptr(fd), t.pathOf(f)), nil
}

// copyFrom shares the blocks where the file system can, and else copies.
func (o *output) copyFrom(source *os.File) error {
	if err := unix.IoctlFileClone(o.fd, int(source.Fd())); err == nil {
		return nil
	}
	for {
		n, err := unix.CopyFileRange(int(source.Fd()), nil, o.fd, nil, 1<<30, 0)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil && o.size == 0:
			_, err := io.Copy(o, source)
			return err
		case err != nil:
			return o.what("copy", err)
		case n == 0:
			return nil
		}
		o.size += int64(max(n, 0))
	}
}
