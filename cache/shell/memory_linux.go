package shell

import "golang.org/x/sys/unix"

// UserXattrsInMemory reports whether files in memory can have xattrs of users, as tmpfs
// has since Linux 6.6. Where they cannot, a Config whose UserXattr is set needs a
// directory to Keep what is written: in the upper directory of an overlay, such an xattr
// says that a directory hides what is below it.
func UserXattrsInMemory() bool {
	fd, err := unix.MemfdCreate("layers", unix.MFD_CLOEXEC)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return unix.Fsetxattr(fd, "user.layers", []byte("y"), 0) == nil
}
