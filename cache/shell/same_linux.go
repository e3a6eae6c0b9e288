package shell

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// same reports whether a file is as it was, although it was opened to be written, or
// changed and changed back.
func (w *changeWalk) same(v view, name string, now, was *unix.Stat_t) (bool, error) {
	if now.Mode != was.Mode || now.Uid != was.Uid || now.Gid != was.Gid || now.Rdev != was.Rdev ||
		now.Size != was.Size || now.Nlink != was.Nlink || now.Mtim != was.Mtim {
		return false, nil
	}
	switch now.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return sameFiles(v, name)
	case unix.S_IFLNK:
		return sameLinks(v, name)
	}
	return true, nil
}

func sameFiles(v view, name string) (same bool, err error) {
	a, err := openFile(v.upper, name)
	if err != nil {
		return false, err
	}
	defer a.Close() // it was only read
	b, err := openFile(v.before, name)
	if err != nil {
		return false, err
	}
	defer b.Close()
	if same, err = sameXattrs(int(a.Fd()), int(b.Fd())); err != nil || !same {
		return false, err
	}
	return sameBytes(a, b)
}

func openFile(dir int, name string) (*os.File, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

func sameBytes(a, b io.Reader) (bool, error) {
	x, y := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, errA := io.ReadFull(a, x)
		m, errB := io.ReadFull(b, y)
		if n != m || !bytes.Equal(x[:n], y[:m]) {
			return false, nil
		}
		for _, err := range []error{errA, errB} {
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return false, err
			}
		}
		if errA != nil {
			return true, nil
		}
	}
}

func sameLinks(v view, name string) (bool, error) {
	x, y := make([]byte, unix.PathMax), make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(v.upper, name, x)
	if err != nil {
		return false, err
	}
	m, err := unix.Readlinkat(v.before, name, y)
	return err == nil && bytes.Equal(x[:n], y[:m]), err
}

func sameXattrs(a, b int) (bool, error) {
	x, err := xattrs(a)
	if err != nil {
		return false, err
	}
	y, err := xattrs(b)
	return err == nil && maps.Equal(x, y), err
}

// xattrs are a file's, but for the marks of overlayfs.
func xattrs(fd int) (map[string]string, error) {
	list := make([]byte, 64<<10) // the most there can be of a list, and of a value
	n, err := unix.Flistxattr(fd, list)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	value := make([]byte, 64<<10)
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list[:n]), "\x00"), "\x00") {
		if name == "" || strings.HasPrefix(name, "trusted.overlay.") || strings.HasPrefix(name, "user.overlay.") {
			continue
		}
		n, err := unix.Fgetxattr(fd, name, value)
		if err != nil && !errors.Is(err, unix.ENODATA) {
			return nil, err
		}
		all[name] = string(value[:max(n, 0)])
	}
	return all, nil
}
