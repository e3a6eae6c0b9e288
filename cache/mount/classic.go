//go:build linux

package mount

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// classic mounts by mount(2), for kernels before lowerdir+. It is done where nobody
// sees it and where it ends with a thread, and what is kept is a copy that is mounted
// nowhere: whoever is killed leaves nothing.
func classic(lowers []string, o Options) (*Mount, error) {
	lowers, err := absolute(lowers)
	if err != nil {
		return nil, err
	}
	above, err := absolute([]string{o.Upper, o.Work})
	if err != nil {
		return nil, err
	}
	if o.Upper == "" {
		above = nil
	}
	m := &Mount{fd: -1}
	return m, elsewhere(func() (err error) {
		at := lowers[0]
		if err := short(lowers, above, o.UserXattr, func(options string) error {
			if err := unix.Mount("layers", at, "overlay", flags(o.Upper == ""), options); err != nil {
				return &Error{Op: fmt.Sprintf("mount of an overlay of %d directories", len(lowers)), Err: err}
			}
			return nil
		}); err != nil {
			return err
		}
		m.fd, err = pick(at)
		return err
	})
}

// classicBind shows one directory, for kernels before mount_setattr (5.12).
func classicBind(dir string) (*Mount, error) {
	dirs, err := absolute([]string{dir})
	if err != nil {
		return nil, err
	}
	m := &Mount{fd: -1, single: true}
	return m, elsewhere(func() (err error) {
		at := dirs[0]
		if err := unix.Mount(at, at, "", unix.MS_BIND, ""); err != nil {
			return &Error{Op: "mount --bind " + at, Err: err}
		}
		var fs unix.Statfs_t
		if err := unix.Statfs(at, &fs); err != nil {
			return &Error{Op: "statfs " + at, Err: err}
		}
		kept := uintptr(fs.Flags) & unix.ST_NOEXEC // a user namespace may not take it away
		if err := unix.Mount("", at, "", unix.MS_BIND|unix.MS_REMOUNT|flags(true)|kept, ""); err != nil {
			return &Error{Op: "mount -o remount,bind " + at, Err: err}
		}
		m.fd, err = pick(at)
		return err
	})
}

func absolute(dirs []string) (all []string, err error) {
	for _, dir := range dirs {
		dir, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		all = append(all, dir)
	}
	return all, nil
}

func flags(readOnly bool) uintptr {
	f := uintptr(unix.MS_NOSUID | unix.MS_NODEV)
	if readOnly {
		f |= unix.MS_RDONLY
	}
	return f
}

// elsewhere runs do in a thread with a mount namespace and a working directory of its
// own. Both end with it.
func elsewhere(do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// A process does not lose its first thread. As long as that is locked, the
			// next is another.
			defer runtime.UnlockOSThread()
			done <- elsewhere(do)
			return
		}
		done <- apart(do) // and the thread, which is never unlocked, ends
	}()
	return <-done
}

func apart(do func() error) error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return &Error{Op: "unshare of a mount namespace", Err: err}
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return &Error{Op: "mount --make-rprivate /", Err: err}
	}
	return do()
}

// pick takes what is mounted on a directory, which leaves that.
func pick(at string) (int, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, at, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return -1, &Error{Op: "open_tree " + at, Err: err}
	}
	if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
		return -1, errors.Join(&Error{Op: "umount " + at, Err: err}, unix.Close(fd))
	}
	return fd, nil
}

// short makes the working directory one where each directory has a short name, of which
// 500 fit the page that mount(2) has for its options, and in which nothing needs to be
// escaped: the one with this process's descriptors.
func short(lowers, above []string, userXattr bool, use func(options string) error) (err error) {
	var names []string
	for _, dir := range slices.Concat(lowers, above) {
		fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return &Error{Op: "open " + dir, Err: err}
		}
		defer unix.Close(fd) // nothing was written by it
		names = append(names, strconv.Itoa(fd))
	}
	if err := unix.Chdir("/proc/self/fd"); err != nil {
		return &Error{Op: "chdir /proc/self/fd", Err: err}
	}
	below := names[:len(lowers)]
	slices.Reverse(below)
	options := []string{"lowerdir=" + strings.Join(below, ":"), "redirect_dir=nofollow", "metacopy=off"}
	if len(above) > 0 {
		options = append(options, "upperdir="+names[len(lowers)], "workdir="+names[len(lowers)+1])
	}
	if userXattr {
		options = append(options, "userxattr")
	}
	return use(strings.Join(options, ","))
}
