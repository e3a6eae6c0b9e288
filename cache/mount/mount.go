//go:build linux

// Package mount shows unpacked layers as one root: with overlayfs, or, where there is
// one layer only, with a bind mount of it.
//
// A mount is made detached, held by a descriptor, and is nowhere to be seen until it
// is attached to a directory. It is always nosuid and nodev, and it is read-only unless
// an upper directory is given.
package mount

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// MaxLayers is how many directories the kernel takes in one overlay.
const MaxLayers = 500

// Options guides New. The zero value mounts read-only, for root.
type Options struct {
	// UserXattr says that the directories have their marks in user.overlay.*, as in a
	// user namespace.
	UserXattr bool
	// Upper takes what is changed, and Work is what overlayfs needs beside it: an empty
	// directory on the same file system. Without them the mount is read-only.
	Upper, Work string
	// Classic uses mount(2) from the start, which else is used where the kernel, or the
	// rules of a container, have no newer call.
	Classic bool
}

// Error says what could not be mounted, by which call, and what the kernel said about it.
type Error struct {
	Op     string
	Kernel []string // its messages, which name the option at fault
	Err    error
	// Instead is the error of the newer call that this one was made in place of; nil if
	// it was the first choice.
	Instead error
}

// Error gives the call, the error and the kernel's own words.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %v", e.Op, e.Err)
	for _, m := range e.Kernel {
		s += "; the kernel says: " + m
	}
	if e.Err == unix.ENOSYS {
		s += " (a container may forbid the call, and Linux before 5.2 has none such)"
	}
	if e.Instead != nil {
		s += "; before that, " + e.Instead.Error()
	}
	return s
}

// Unwrap returns the system call's error.
func (e *Error) Unwrap() error { return e.Err }

// Mount is a root that is mounted, but perhaps nowhere.
type Mount struct {
	fd     int
	single bool // a directory itself
}

// New mounts the directories, bottom first, over each other. The same directory may
// come several times. It needs to be root of the user namespace.
func New(lowers []string, o Options) (*Mount, error) {
	lowers = topmost(lowers)
	switch {
	case len(lowers) == 0:
		return nil, errors.New("no directory to mount")
	case len(lowers) > MaxLayers:
		return nil, fmt.Errorf("%d directories, but the kernel takes %d at most", len(lowers), MaxLayers)
	case len(lowers) == 1 && o.Upper == "":
		return orClassic(o, func() (*Mount, error) { return bind(lowers[0]) },
			func() (*Mount, error) { return classicBind(lowers[0]) })
	}
	return orClassic(o, func() (*Mount, error) { return overlay(lowers, o) },
		func() (*Mount, error) { return classic(lowers, o) })
}

// orClassic mounts by the newer calls, or, where they are not to be had, by mount(2). A
// kernel that does not know an option says EINVAL, a name of more than 255 bytes is
// EINVAL as well, and a container's rules say EPERM or ENOSYS.
func orClassic(o Options, modern, classic func() (*Mount, error)) (*Mount, error) {
	var instead error
	if !o.Classic {
		m, err := modern()
		if err == nil || !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ENOSYS) {
			return m, err
		}
		instead = err
	}
	m, err := classic()
	if err == nil {
		return m, nil
	}
	var e *Error
	if errors.As(err, &e) {
		e.Instead = instead
	}
	return nil, err
}

// topmost drops all but the topmost of directories that come more than once, which
// the kernel refuses: what a lower one shows, the topmost shows too.
func topmost(dirs []string) []string {
	var kept []string
	seen := map[string]bool{}
	for _, d := range slices.Backward(dirs) {
		if !seen[d] {
			seen[d] = true
			kept = append(kept, d)
		}
	}
	slices.Reverse(kept)
	return kept
}

// bind shows one directory.
func bind(dir string) (*Mount, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, &Error{Op: "open_tree " + dir, Err: err}
	}
	attr := unix.MountAttr{Attr_set: attributes(true)}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		return nil, errors.Join(&Error{Op: "mount_setattr " + dir, Err: err}, unix.Close(fd))
	}
	return &Mount{fd: fd, single: true}, nil
}

func attributes(readOnly bool) uint64 {
	a := uint64(unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV)
	if readOnly {
		a |= unix.MOUNT_ATTR_RDONLY
	}
	return a
}

// overlay mounts several directories by the calls of Linux 5.2; lowerdir+, which has
// no limit on the length of all names, is of Linux 6.7.
func overlay(lowers []string, o Options) (m *Mount, err error) {
	fs, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, &Error{Op: "fsopen overlay", Err: err}
	}
	defer func() { err = errors.Join(err, unix.Close(fs)) }()
	if err := configure(fs, lowers, o); err != nil {
		return nil, err
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, int(attributes(o.Upper == "")))
	if err != nil {
		return nil, failed("fsmount", fs, err)
	}
	return &Mount{fd: fd}, nil
}

// setting is one option of the file system.
type setting struct{ key, value string }

func configure(fs int, lowers []string, o Options) error {
	// The source is what the list of mounts shows as the device.
	settings := []setting{{"source", "layers"}, {"redirect_dir", "nofollow"}, {"metacopy", "off"}}
	for _, dir := range slices.Backward(lowers) {
		settings = append(settings, setting{"lowerdir+", dir})
	}
	if o.Upper != "" {
		settings = append(settings, setting{"upperdir", escaped(o.Upper)}, setting{"workdir", escaped(o.Work)})
	}
	for _, s := range settings {
		if err := unix.FsconfigSetString(fs, s.key, s.value); err != nil {
			return failed("fsconfig "+s.key+"="+s.value, fs, err)
		}
	}
	if o.UserXattr {
		if err := unix.FsconfigSetFlag(fs, "userxattr"); err != nil {
			return failed("fsconfig userxattr", fs, err)
		}
	}
	if o.Upper == "" {
		if err := unix.FsconfigSetFlag(fs, "ro"); err != nil {
			return failed("fsconfig ro", fs, err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return failed("fsconfig create", fs, err)
	}
	return nil
}

// escaped writes a name as upperdir and workdir want it: unlike lowerdir+, they take a
// backslash for the mark of a character that is meant.
func escaped(dir string) string { return strings.ReplaceAll(dir, `\`, `\\`) }

// failed reads what the kernel says about an error, from the file system's descriptor.
func failed(op string, fs int, err error) error {
	e := &Error{Op: op, Err: err}
	buf := make([]byte, 1024)
	for {
		n, err := unix.Read(fs, buf)
		if err != nil || n <= 2 {
			return e
		}
		e.Kernel = append(e.Kernel, strings.TrimSpace(string(buf[2:n]))) // after "e ", "w " or "i "
	}
}

// Attach makes the mount appear at a directory. It stays there when the Mount is
// closed, and when the process ends.
func (m *Mount) Attach(dir string) error {
	if err := unix.MoveMount(m.fd, "", unix.AT_FDCWD, dir, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return &Error{Op: "move_mount " + dir, Err: err}
	}
	return nil
}

// Close gives the descriptor back. A mount that was not attached is gone then.
func (m *Mount) Close() error {
	if err := unix.Close(m.fd); err != nil {
		return &os.PathError{Op: "close", Path: "mount", Err: err}
	}
	return nil
}

// Descriptor is the mount's, which is the caller's to close from now on.
func (m *Mount) Descriptor() int { return m.fd }

// Device is what stat gives for the files of an overlay, and 0 where one directory is
// shown, whose files are on its own file system.
func (m *Mount) Device() (uint64, error) {
	var st unix.Stat_t
	if m.single {
		return 0, nil
	}
	if err := unix.Fstat(m.fd, &st); err != nil {
		return 0, &Error{Op: "stat", Err: err}
	}
	return st.Dev, nil
}

// Unmount takes a mount away from a directory. While something still uses it, that is
// a *BusyError.
func Unmount(dir string) error {
	err := unix.Unmount(dir, unix.UMOUNT_NOFOLLOW)
	if errors.Is(err, unix.EBUSY) {
		return &BusyError{Dir: dir, Users: users(dir)}
	}
	if err != nil {
		return &Error{Op: "umount " + dir, Err: err}
	}
	return nil
}
