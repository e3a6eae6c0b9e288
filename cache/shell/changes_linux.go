package shell

import (
	"errors"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// changes walks what was written, in no order that is promised, and tells each path
// that a layer would record.
func (b *built) changes(tell func(Change) error) error {
	w := &changeWalk{before: b.before, made: b.made, tell: tell}
	top, err := unix.FcntlInt(uintptr(b.upper), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return err
	}
	return w.dir(os.NewFile(uintptr(top), "."), "", false)
}

type changeWalk struct {
	before int // the root as it was
	made   map[string]bool
	tell   func(Change) error
}

// dir walks one directory, whose descriptor it closes. fresh says that nothing below
// is seen of the image.
func (w *changeWalk) dir(f *os.File, at string, fresh bool) (err error) {
	defer func() { err = errors.Join(err, f.Close()) }()
	for {
		names, err := f.Readdirnames(512)
		for _, name := range names {
			if err := w.entry(int(f.Fd()), name, path.Join(at, name), fresh); err != nil {
				return err
			}
		}
		if len(names) == 0 || err != nil {
			break
		}
	}
	return nil
}

func (w *changeWalk) entry(dir int, name, at string, fresh bool) error {
	var now, was unix.Stat_t
	if err := unix.Fstatat(dir, name, &now, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	existed := false
	if !fresh {
		err := unix.Fstatat(w.before, at, &was, unix.AT_SYMLINK_NOFOLLOW)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) {
			return err
		}
		existed = err == nil
	}
	kind := now.Mode & unix.S_IFMT
	if kind == unix.S_IFCHR && now.Rdev == 0 {
		if !existed {
			return nil // it came and went
		}
		return w.tell(Change{Kind: Deleted, Path: slashed(at, was.Mode)})
	}
	if kind != unix.S_IFDIR {
		c := Change{Kind: Added, Path: at}
		if existed {
			c.Kind = Modified
		}
		if kind == unix.S_IFREG {
			c.Size = now.Size
		}
		if w.made[at] && now.Size == 0 {
			return nil
		}
		return w.tell(c)
	}
	return w.subdir(dir, name, at, &now, &was, existed, fresh)
}

func (w *changeWalk) subdir(dir int, name, at string, now, was *unix.Stat_t, existed, fresh bool) error {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), at)
	wasDir := existed && was.Mode&unix.S_IFMT == unix.S_IFDIR
	replaced := existed && (!wasDir || opaque(fd))
	c := Change{Path: at + "/"}
	switch {
	case replaced:
		c.Kind = Replaced
	case !existed:
		c.Kind = Added
	case now.Mode != was.Mode || now.Uid != was.Uid || now.Gid != was.Gid:
		c.Kind = Modified
	}
	if c.Kind != "" && !(c.Kind == Added && w.made[at]) {
		if err := w.tell(c); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return w.dir(f, at, fresh || replaced || !existed)
}

// opaque reports whether overlayfs shows nothing of what is below a directory.
func opaque(fd int) bool {
	value := make([]byte, 8)
	for _, name := range []string{"trusted.overlay.opaque", "user.overlay.opaque"} {
		if n, err := unix.Fgetxattr(fd, name, value); err == nil && n == 1 && value[0] == 'y' {
			return true
		}
	}
	return false
}

func slashed(at string, mode uint32) string {
	if mode&unix.S_IFMT == unix.S_IFDIR {
		return at + "/"
	}
	return at
}
