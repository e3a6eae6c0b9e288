package shell

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// root is the root of an image, while it is being made into a shell's. Names are
// resolved inside it, whatever links it has.
type root struct {
	fd   int
	made map[string]bool // directories and files that the image does not have
}

// open opens what is there, without reading or writing it.
func (r *root) open(name string, flags int) (int, error) {
	how := unix.OpenHow{
		Flags:   uint64(unix.O_PATH | unix.O_CLOEXEC | flags),
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	}
	for {
		fd, err := unix.Openat2(r.fd, name, &how)
		if !errors.Is(err, unix.EAGAIN) { // the kernel saw a rename beside it
			return fd, err
		}
	}
}

// dir opens a directory, which is made if it is missing, with those above it.
func (r *root) dir(name string) (int, error) {
	fd, err := r.open(name, unix.O_DIRECTORY)
	if !errors.Is(err, fs.ErrNotExist) {
		return fd, r.failed(name, err)
	}
	parent, err := r.parent(name)
	if err != nil {
		return -1, err
	}
	defer unix.Close(parent)
	if err := unix.Mkdirat(parent, path.Base(name), 0o755); err != nil {
		return -1, r.failed(name, err)
	}
	r.made[within(name)] = true
	fd, err = r.open(name, unix.O_DIRECTORY)
	return fd, r.failed(name, err)
}

// file opens something that is no directory, or makes an empty file.
func (r *root) file(name string) (int, error) {
	fd, err := r.open(name, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return fd, r.failed(name, err)
	}
	parent, err := r.parent(name)
	if err != nil {
		return -1, err
	}
	defer unix.Close(parent)
	made, err := unix.Openat(parent, path.Base(name), unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return -1, r.failed(name, err)
	}
	r.made[within(name)] = true
	fd, err = r.open(name, 0)
	return fd, r.failed(name, errors.Join(err, unix.Close(made)))
}

func (r *root) parent(name string) (int, error) {
	dir := path.Dir(path.Clean("/" + name))
	return r.dir(dir)
}

func (r *root) failed(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ELOOP):
		return fmt.Errorf("%s in the image: links that have no end, or lead through /proc", name)
	}
	return fmt.Errorf("%s in the image: %w", name, err)
}

// plain opens a directory that must be one, and no link to one: what is mounted there
// is looked for by its name afterwards.
func (r *root) plain(name string) (int, error) {
	fd, err := r.dir(name)
	if err != nil {
		return fd, err
	}
	var st unix.Stat_t
	if err := unix.Fstatat(r.fd, within(name), &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return -1, errors.Join(r.failed(name, err), unix.Close(fd))
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return -1, errors.Join(fmt.Errorf("%s in the image is a link, where a shell needs a directory", name), unix.Close(fd))
	}
	return fd, nil
}

// free says why nothing of the host's may be mounted on what a name has led to: over the
// kernel's own files it could tell us, who read them, or programs what is not so
// (CVE-2019-16884), and over the root nobody would see it.
func (r *root) free(name string, at int) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(at, &fs); err != nil {
		return err
	}
	switch fs.Type {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC:
		return fmt.Errorf("%s leads to the kernel's own files", name)
	}
	var there, top unix.Stat_t
	if err := errors.Join(unix.Fstat(at, &there), unix.Fstat(r.fd, &top)); err != nil {
		return err
	}
	if there.Dev == top.Dev && there.Ino == top.Ino {
		return fmt.Errorf("%s is the root of the image", name)
	}
	return nil
}

// within is a path as seen from the root's own descriptor.
func within(name string) string {
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}

// attach puts a detached mount on what a descriptor names, and closes both.
func attach(mount, at int) error {
	err := unix.MoveMount(mount, "", at, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	if err != nil {
		err = refused("move_mount", err)
	}
	return errors.Join(err, unix.Close(mount), unix.Close(at))
}

// on puts a mount on a directory of the root.
func (r *root) on(name string, mount int, err error) error {
	if err != nil {
		return err
	}
	at, err := r.dir(name)
	if err == nil {
		err = r.free(name, at)
	}
	if err != nil {
		return errors.Join(err, unix.Close(mount))
	}
	return attach(mount, at)
}
