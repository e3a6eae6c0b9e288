package directory

import (
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// place is a name in an open directory.
type place struct {
	dir  *os.File
	name string
}

// path is for messages.
func (p place) path() string { return strings.TrimSuffix(p.dir.Name(), "/") + "/" + p.name }

// fail is the error of a call on a name that was there. That it is there no more, or
// leads elsewhere, has one cause.
func (p place) fail(op string, err error) error {
	switch err {
	case unix.ENOENT:
		return &ChangedError{Path: p.path(), Gone: true}
	case unix.ELOOP, unix.ENOTDIR, unix.ENXIO:
		return &ChangedError{Path: p.path()}
	}
	return &fs.PathError{Op: op, Path: p.path(), Err: err}
}

func (p place) lstat() (st unix.Stat_t, err error) {
	if err := unix.Fstatat(int(p.dir.Fd()), p.name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return st, p.fail("stat", err)
	}
	return st, nil
}

func (p place) open(flags int) (*os.File, error) {
	fd, err := openat(int(p.dir.Fd()), p.name, flags)
	if err != nil {
		return nil, p.fail("open", err)
	}
	return os.NewFile(uintptr(fd), p.path()), nil
}

func (p place) readlink() (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(p.dir.Fd()), p.name, buf)
	if err == unix.EINVAL {
		return "", &ChangedError{Path: p.path()}
	}
	if err != nil {
		return "", p.fail("readlink", err)
	}
	return string(buf[:n]), nil
}

// openFile opens what must be a regular file.
func (p place) openFile() (*steady, error) {
	f, err := p.open(fileFlags)
	if err != nil {
		return nil, err
	}
	st, err := fstat(f)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = &ChangedError{Path: p.path()}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &steady{file: f, before: st, left: st.Size}, nil
}

// reopen opens a directory a second time, to be listed from its start.
func reopen(dir *os.File) (*os.File, error) {
	fd, err := openat(int(dir.Fd()), ".", dirFlags)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: dir.Name(), Err: err}
	}
	return os.NewFile(uintptr(fd), dir.Name()), nil
}

func openat(dir int, name string, flags int) (fd int, err error) {
	for {
		fd, err = unix.Openat(dir, name, flags, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

func fstat(f *os.File) (st unix.Stat_t, err error) {
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return st, &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return st, nil
}
