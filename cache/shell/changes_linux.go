package shell

import (
	"errors"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// maxDepth is how deep changes are looked for; what is below is told by the directory.
const maxDepth = 400

// changes walks what was written, in no order that is promised, and tells each path
// that a layer would record.
func (b *built) changes(tell func(Change) error) error {
	w := &changeWalk{made: b.made, tell: tell}
	top, err := descend(view{b.upper, b.before, b.after}, ".")
	if err != nil {
		return err
	}
	defer top.close() // it was only read
	moved, err := w.dir(top, "", 0)
	if err != nil {
		return err
	}
	return w.top(top, moved)
}

// top tells of the root itself.
func (w *changeWalk) top(v view, moved bool) error {
	var now, was unix.Stat_t
	if err := errors.Join(unix.Fstat(v.upper, &now), unix.Fstat(v.before, &was)); err != nil {
		return err
	}
	if now.Mode == was.Mode && now.Uid == was.Uid && now.Gid == was.Gid && (moved || now.Mtim == was.Mtim) {
		return nil
	}
	return w.tell(Change{Kind: Modified, Path: "./"})
}

type changeWalk struct {
	made map[string]bool
	tell func(Change) error
}

// view is a directory in what was written, in the root as it was, and as it is now. The
// last two are -1 where nothing of the image is seen any more.
type view struct{ upper, before, after int }

// descend opens a directory below: where the image had none, only what was written.
func descend(v view, name string) (below view, err error) {
	below = view{-1, -1, -1}
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	if below.upper, err = unix.Openat(v.upper, name, flags, 0); err != nil || v.before < 0 {
		return below, err
	}
	below.before, err = unix.Openat(v.before, name, flags, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return below, nil
	}
	if err == nil {
		below.after, err = unix.Openat(v.after, name, flags, 0)
	}
	if err != nil {
		return below, errors.Join(err, below.close())
	}
	return below, nil
}

func (v view) close() (err error) {
	for _, fd := range []int{v.upper, v.before, v.after} {
		if fd >= 0 {
			err = errors.Join(err, unix.Close(fd))
		}
	}
	return err
}

// hides reports whether nothing is seen of what the image had in a directory: a name is
// gone for which nothing was written.
func (v view) hides() (bool, error) {
	names, err := namesIn(v.before)
	if err != nil {
		return false, err
	}
	for _, name := range names {
		written, err := stat(v.upper, name)
		if err != nil || written != nil {
			continue
		}
		if now, err := stat(v.after, name); err != nil || now == nil {
			return true, err
		}
	}
	return false, nil
}

// dir walks one directory. It reports whether names came or went in it, which changes
// its time.
func (w *changeWalk) dir(v view, at string, depth int) (moved bool, err error) {
	names, err := namesIn(v.upper)
	if err != nil || depth > maxDepth {
		return false, err
	}
	for _, name := range names {
		m, err := w.entry(v, name, path.Join(at, name), depth)
		if err != nil {
			return moved, err
		}
		moved = moved || m
	}
	return moved, nil
}

func (w *changeWalk) entry(v view, name, at string, depth int) (moved bool, err error) {
	now, err := stat(v.upper, name)
	if err != nil || now == nil {
		return false, err
	}
	var was *unix.Stat_t
	if v.before >= 0 {
		if was, err = stat(v.before, name); err != nil {
			return false, err
		}
	}
	kind := now.Mode & unix.S_IFMT
	switch {
	case kind == unix.S_IFCHR && now.Rdev == 0 && was == nil:
		return true, nil // it came and went
	case kind == unix.S_IFCHR && now.Rdev == 0:
		return true, w.tell(Change{Kind: Deleted, Path: slashed(at, was.Mode)})
	case kind == unix.S_IFDIR:
		return w.subdir(v, name, at, now, was, depth)
	case w.made[at] && now.Size == 0:
		return true, nil // by us, to mount on
	}
	c := Change{Kind: Added, Path: at}
	if kind == unix.S_IFREG {
		c.Size = now.Size
	}
	switch {
	case was == nil:
	case was.Mode&unix.S_IFMT == unix.S_IFDIR:
		c.Kind = Replaced
	default:
		c.Kind = Modified
		same, err := w.same(v, name, now, was)
		if err != nil || same {
			return false, err
		}
	}
	return was == nil, w.tell(c)
}

func (w *changeWalk) subdir(v view, name, at string, now, was *unix.Stat_t, depth int) (moved bool, err error) {
	below, err := descend(v, name)
	if err != nil {
		return false, err
	}
	defer below.close() // it was only read
	replaced := was != nil && below.before < 0
	if below.before >= 0 {
		if replaced, err = below.hides(); err != nil {
			return false, err
		}
	}
	told := func(k ChangeKind) error { return w.tell(Change{Kind: k, Path: at + "/"}) }
	switch {
	case replaced:
		_, err = w.dir(view{below.upper, -1, -1}, at, depth+1)
		return true, errors.Join(told(Replaced), err)
	case was == nil && w.made[at]:
		_, err = w.dir(below, at, depth+1)
		return true, err
	case was == nil:
		_, err = w.dir(below, at, depth+1)
		return true, errors.Join(told(Added), err)
	}
	inside, err := w.dir(below, at, depth+1)
	if err != nil {
		return false, err
	}
	same, err := sameDirs(below, now, was, inside)
	if err != nil || same {
		return false, err
	}
	return false, told(Modified)
}

// sameDirs compares what a layer records of a directory itself; its time is no news
// where names came or went in it.
func sameDirs(v view, now, was *unix.Stat_t, moved bool) (bool, error) {
	if now.Mode != was.Mode || now.Uid != was.Uid || now.Gid != was.Gid || !moved && now.Mtim != was.Mtim {
		return false, nil
	}
	return sameXattrs(v.upper, v.before)
}

// stat is nil for what is not there.
func stat(dir int, name string) (*unix.Stat_t, error) {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return &st, err
}

func namesIn(dir int) ([]string, error) {
	fd, err := unix.Openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "directory")
	names, err := f.Readdirnames(-1)
	return names, errors.Join(err, f.Close())
}

func slashed(at string, mode uint32) string {
	if mode&unix.S_IFMT == unix.S_IFDIR {
		return at + "/"
	}
	return at
}
