//go:build linux

package unpack

import (
	"golang.org/x/sys/unix"
)

// leastShared is from which size on files share their blocks: a file system has smaller
// ones in its tables, or in one block.
const leastShared = 4096

// CanShare reports whether files in a directory can share their blocks (reflinks), as on
// btrfs and xfs.
func CanShare(dir string) bool {
	var fds [2]int
	for i := range fds {
		fd, err := openat(unix.AT_FDCWD, dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return false
		}
		defer unix.Close(fd) // a file without a name
		fds[i] = fd
	}
	return unix.IoctlFileClone(fds[0], fds[1]) == nil
}

// addFile notes where the content of a file comes from: a file with the same content,
// here or elsewhere, or its layer.
func (t *Target) addFile(dir uint32, base string, item *Item) error {
	p := t.plan
	f := p.newFile(dir, base, &item.Node)
	if p.same != nil && item.Size >= leastShared {
		if first, ok := p.same[item.Digest]; ok {
			p.copies = append(p.copies, shared{from: first, to: f})
			return nil
		}
		p.same[item.Digest] = f
	}
	if done, err := t.reuse(&f, item); done || err != nil {
		return err
	}
	p.files[item.Carrier] = append(p.files[item.Carrier], f)
	return nil
}

// reuse makes a file from one that has its content already, and reports whether there
// was one.
func (t *Target) reuse(f *file, item *Item) (bool, error) {
	if t.options.Reuse == nil {
		return false, nil
	}
	source := t.options.Reuse(item)
	if source == nil {
		return false, nil
	}
	defer source.Close()
	o, err := t.create(f)
	if err != nil {
		return false, err
	}
	if t.options.Share {
		err = unix.IoctlFileClone(o.fd, int(source.Fd()))
	} else {
		err = o.copyFrom(source)
	}
	if err == nil {
		return true, t.end(f, o)
	}
	if t.options.Share { // it is on another file system, or has been shared too often
		err = unix.Unlinkat(o.dir.fd, o.base, 0)
	}
	o.abandon()
	return false, err
}
