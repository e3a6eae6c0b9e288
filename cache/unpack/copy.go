//go:build linux

package unpack

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// copyFiles makes the files that have the content of others. To share blocks that are not
// on the disk yet, the kernel writes them, file by file: all at once is quicker.
func (t *Target) copyFiles() error {
	if len(t.plan.copies) == 0 {
		return nil
	}
	if t.options.Share {
		if err := unix.Syncfs(int(t.root.Fd())); err != nil {
			return &os.PathError{Op: "syncfs", Path: t.root.Name(), Err: err}
		}
	}
	var g errgroup.Group
	g.SetLimit(writerCount)
	for i := range t.plan.copies {
		c := &t.plan.copies[i]
		g.Go(func() error { return t.copyFile(&c.from, &c.to) })
	}
	return g.Wait()
}

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
