//go:build linux

package unpack

import (
	"context"
	"errors"
	"iter"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// entry is one name in a directory. It is valid until the next is asked for.
type entry struct {
	dir  int    // open; the entry itself for the root
	base string // "." for the root
	path string
	stat unix.Stat_t
	// closed says of a directory that this user may not look into it.
	closed bool
}

// entries yields what a directory holds, itself first, in the order of
// layer.ComparePaths. No link is followed.
func entries(ctx context.Context, dir string) iter.Seq2[*entry, error] {
	return func(yield func(*entry, error) bool) {
		fd, err := openat(unix.AT_FDCWD, dir, dirFlags, 0)
		if err != nil {
			yield(nil, &os.PathError{Op: "open", Path: dir, Err: err})
			return
		}
		root := os.NewFile(uintptr(fd), dir)
		defer root.Close()
		w := &diskWalk{ctx: ctx, yield: yield}
		if w.give(&entry{dir: fd, base: ".", path: ""}) {
			w.below(root, "")
		}
	}
}

type diskWalk struct {
	ctx   context.Context
	yield func(*entry, error) bool
}

// give yields an entry, and reports whether to go on.
func (w *diskWalk) give(e *entry) bool {
	if err := w.ctx.Err(); err != nil {
		w.yield(nil, err)
		return false
	}
	if err := unix.Fstatat(e.dir, e.base, &e.stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		w.yield(nil, &PathError{Op: "stat", Path: e.path, Err: err})
		return false
	}
	e.closed = e.stat.Mode&unix.S_IFMT == unix.S_IFDIR && unix.Faccessat(e.dir, e.base, unix.R_OK|unix.X_OK, 0) != nil
	return w.yield(e, nil)
}

// below yields all that is in an open directory, and reports whether to go on.
func (w *diskWalk) below(dir *os.File, path string) bool {
	names, err := dir.Readdirnames(-1)
	if err != nil {
		w.yield(nil, &PathError{Op: "readdir", Path: path, Err: err})
		return false
	}
	slices.Sort(names)
	for _, name := range names {
		e := &entry{dir: int(dir.Fd()), base: name, path: name}
		if path != "" {
			e.path = path + "/" + name
		}
		if !w.give(e) || e.stat.Mode&unix.S_IFMT == unix.S_IFDIR && !w.into(e) {
			return false
		}
	}
	return true
}

// into goes into a directory, unless this user may not.
func (w *diskWalk) into(e *entry) bool {
	if e.closed {
		return true
	}
	fd, err := openat(e.dir, e.base, dirFlags, 0)
	if err != nil {
		w.yield(nil, &PathError{Op: "open", Path: e.path, Err: err})
		return false
	}
	dir := os.NewFile(uintptr(fd), e.path)
	defer dir.Close()
	return w.below(dir, e.path)
}

// unreadable is nil for an error that says that this user may not read a file.
func unreadable(err error) error {
	if errors.Is(err, unix.EACCES) {
		return nil
	}
	return err
}

func (e *entry) open() (*os.File, error) {
	fd, err := openat(e.dir, e.base, readFlags, 0)
	if err != nil {
		return nil, &PathError{Op: "open", Path: e.path, Err: err}
	}
	return os.NewFile(uintptr(fd), e.path), nil
}

func (e *entry) readlink() (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(e.dir, e.base, buf)
	return string(buf[:max(n, 0)]), err
}
