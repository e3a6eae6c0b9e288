//go:build linux

package unpack

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/layer"
)

// takenAtOnce is how many files one goroutine takes, one after the other.
const takenAtOnce = 128

// Take gives the files of one layer their contents from what was staged, in place of
// Contents: large ones without a copy. What the items do not name stays where it is.
func (t *Target) Take(ctx context.Context, carrier int, from *Staged) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(writerCount)
	c := t.Contents(carrier)
	g.Go(func() error {
		return from.pack.each(ctx, func(offset int64, data []byte) error { return give(c, offset, data) })
	})
	for files := range slices.Chunk(t.plan.files[carrier], takenAtOnce) {
		g.Go(func() error { return t.takeLarge(ctx, files, from) })
	}
	return g.Wait()
}

func give(c layer.Contents, offset int64, data []byte) error {
	w, err := c.Begin(offset)
	if err != nil || w == nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	return c.End()
}

func (t *Target) takeLarge(ctx context.Context, files []file, from *Staged) error {
	for i := range files {
		if files[i].size <= packedFile {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := t.take(&files[i], from); err != nil {
			return err
		}
		files[i].done = true
	}
	return nil
}

// take gives a staged file its attributes and then its name, so that an open file
// descriptor, and no name that somebody else could replace, says what is changed.
func (t *Target) take(f *file, from *Staged) error {
	failed := func(op string, err error) error { return &PathError{Op: op, Path: t.pathOf(f), Err: err} }
	source, err := from.dirs.get(from.dirOf(f.offset))
	if err != nil {
		return err
	}
	defer from.dirs.put(source)
	base := stagedName(f.offset)
	fd, err := openat(source.fd, base, readFlags, 0)
	if errors.Is(err, unix.ENOENT) {
		err = errMissing
	}
	if err != nil {
		return failed("open", err)
	}
	p := place{dir: source.fd, fd: fd, base: base, path: func() string { return t.pathOf(f) }}
	err = t.apply(p, t.attributesOf(f))
	unix.Close(fd) // nothing was written to it
	if err != nil {
		return err
	}
	dir, err := t.dirs.get(f.dir)
	if err != nil {
		return err
	}
	defer t.dirs.put(dir)
	if err := move(source.fd, base, dir.fd, t.plan.name(f.name)); err != nil {
		return failed("rename", err)
	}
	return nil
}

// move renames a file, and replaces nothing. A file system that cannot promise that
// can link it.
func move(from int, base string, to int, name string) error {
	err := unix.Renameat2(from, base, to, name, unix.RENAME_NOREPLACE)
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	if err := unix.Linkat(from, base, to, name, 0); err != nil {
		return err
	}
	return unix.Unlinkat(from, base, 0)
}
