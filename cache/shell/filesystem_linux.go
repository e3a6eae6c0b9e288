package shell

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Attributes of mounts.
const (
	quiet    = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
	inert    = quiet | unix.MOUNT_ATTR_NOEXEC
	readOnly = unix.MOUNT_ATTR_RDONLY
)

// filesystem makes a new file system, which is not attached yet. Options are KEY=VALUE,
// or KEY alone.
func filesystem(kind string, attributes int, options ...string) (mount int, err error) {
	fd, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, refused("fsopen "+kind, err)
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	for _, o := range options {
		key, value, has := strings.Cut(o, "=")
		if has {
			err = unix.FsconfigSetString(fd, key, value)
		} else {
			err = unix.FsconfigSetFlag(fd, key)
		}
		if err != nil {
			return -1, fmt.Errorf("%s, option %s: %w", kind, o, err)
		}
	}
	if err := unix.FsconfigCreate(fd); err != nil {
		return -1, refused("making a "+kind, err)
	}
	mount, err = unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC, attributes)
	if err != nil {
		return -1, refused("mounting a "+kind, err)
	}
	return mount, nil
}

// clone makes a bind mount of what is at a path, with all that is mounted below it.
func clone(dir int, path string, attributes int) (mount int, err error) {
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_RECURSIVE)
	mount, err = unix.OpenTree(dir, path, flags)
	if err != nil {
		return -1, refused("open_tree "+path, err)
	}
	if err := restrict(mount, attributes); err != nil {
		return -1, errors.Join(fmt.Errorf("%s: %w", path, err), unix.Close(mount))
	}
	return mount, nil
}

// restrict adds attributes to a mount and to all below it. They cannot be taken away
// again by who has no right over the namespace.
func restrict(mount, attributes int) error {
	attr := unix.MountAttr{Attr_set: uint64(attributes)}
	if err := unix.MountSetattr(mount, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr); err != nil {
		return refused("mount_setattr", err)
	}
	return nil
}
