//go:build linux

package unpack

import (
	"errors"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/layer"
)

// attributes are what every kind of file has.
type attributes struct {
	kind     layer.Kind
	mode     uint32
	uid, gid uint32
	time     layer.Time
	xattrs   []layer.Xattr
}

func attributesOf(e *layer.Entry) attributes {
	return attributes{kind: e.Kind, mode: e.Mode, uid: e.UID, gid: e.GID, time: e.ModTime, xattrs: e.Xattrs}
}

// place is one name in an open directory. fd is the file itself where it is open,
// and -1 for a symbolic link or a device, which cannot be opened.
type place struct {
	dir, fd int
	base    string
	path    func() string // in the image, for messages
}

// apply gives a file its attributes: the owner first, since a change of owner takes
// setuid and capabilities away; the mode last, since it may take away the right
// to do the others.
func (t *Target) apply(p place, a *attributes) error {
	if err := t.own(p, a); err != nil {
		return err
	}
	if err := t.setXattrs(p, a); err != nil {
		return err
	}
	stamp := unix.Timespec{Sec: a.time.Sec, Nsec: int64(a.time.Nsec)}
	times := []unix.Timespec{stamp, stamp}
	if err := unix.UtimesNanoAt(p.dir, p.base, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &PathError{Op: "utimensat", Path: p.path(), Err: err}
	}
	if a.kind == layer.Symlink {
		return nil
	}
	if err := chmod(p, a.mode); err != nil {
		return &PathError{Op: "chmod", Path: p.path(), Err: err}
	}
	return nil
}

func (t *Target) own(p place, a *attributes) error {
	if t.options.KeepOwner {
		if a.uid != 0 || a.gid != 0 {
			t.losses.add("owner", p.path(), "no other ids are at hand")
		}
		return nil
	}
	err := chown(p, int(a.uid), int(a.gid))
	if errors.Is(err, unix.EINVAL) {
		t.losses.add("owner", p.path(), "the user namespace has no such id")
		return nil
	}
	if err != nil {
		return &PathError{Op: "chown", Path: p.path(), Err: err}
	}
	return nil
}

func chown(p place, uid, gid int) error {
	if p.fd >= 0 {
		return unix.Fchown(p.fd, uid, gid)
	}
	return unix.Fchownat(p.dir, p.base, uid, gid, unix.AT_SYMLINK_NOFOLLOW)
}

func chmod(p place, mode uint32) error {
	if p.fd >= 0 {
		return unix.Fchmod(p.fd, mode)
	}
	return unix.Fchmodat(p.dir, p.base, mode, 0)
}

// setXattrs writes extended attributes, and says which the file system has no
// place for. A capability comes last: other attributes may take it away.
func (t *Target) setXattrs(p place, a *attributes) error {
	if len(a.xattrs) == 0 {
		return nil
	}
	xattrs := slices.Clone(a.xattrs)
	slices.SortStableFunc(xattrs, func(x, y layer.Xattr) int { return last(x.Name) - last(y.Name) })
	for _, x := range xattrs {
		err := setXattr(p, x.Name, x.Value)
		switch {
		case err == nil:
		case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.EPERM), errors.Is(err, unix.EINVAL),
			errors.Is(err, unix.ENOSPC), errors.Is(err, unix.E2BIG), errors.Is(err, unix.ERANGE):
			t.losses.add("xattr", p.path(), x.Name+": "+err.Error())
		default:
			return &PathError{Op: "setxattr " + x.Name, Path: p.path(), Err: err}
		}
	}
	return nil
}

func last(name string) int {
	if name == capability {
		return 1
	}
	return 0
}

func setXattr(p place, name, value string) error {
	if p.fd >= 0 {
		return unix.Fsetxattr(p.fd, name, []byte(value), 0)
	}
	return unix.Lsetxattr(procPath(p.dir)+"/"+p.base, name, []byte(value), 0)
}

// losses collects what could not be kept. It is safe for concurrent use.
type losses struct {
	mu   sync.Mutex
	list []Loss
}

func (l *losses) add(what, path, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.list {
		if l.list[i].What == what {
			l.list[i].Count++
			return
		}
	}
	l.list = append(l.list, Loss{What: what, Path: path, Count: 1, Why: why})
}

func (l *losses) has(what string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.list, func(x Loss) bool { return x.What == what })
}

func (l *losses) all() []Loss {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list)
}
