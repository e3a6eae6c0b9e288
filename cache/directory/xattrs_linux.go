package directory

import (
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// attributes are the extended attributes of one file.
type attributes struct {
	path func() string
	list func(to []byte) (int, error)
	get  func(name string, to []byte) (int, error)
}

func ofFile(f *os.File) attributes {
	fd := int(f.Fd())
	return attributes{
		path: f.Name,
		list: func(to []byte) (int, error) { return unix.Flistxattr(fd, to) },
		get:  func(name string, to []byte) (int, error) { return unix.Fgetxattr(fd, name, to) },
	}
}

// ofName is for what is not opened. The kernel has no call for it by a directory's
// descriptor, but a path that begins with one.
func ofName(at place) attributes {
	path := fmt.Sprintf("/proc/self/fd/%d/%s", at.dir.Fd(), at.name)
	return attributes{
		path: at.path,
		list: func(to []byte) (int, error) { return unix.Llistxattr(path, to) },
		get:  func(name string, to []byte) (int, error) { return unix.Lgetxattr(path, name, to) },
	}
}

// all returns the attributes that belong to the file, and not to the host.
func (x attributes) all() (map[string]string, error) {
	names, err := x.read("listxattr", x.list)
	if err != nil || names == "" {
		return nil, err
	}
	all := map[string]string{}
	for name := range strings.SplitSeq(strings.TrimRight(names, "\x00"), "\x00") {
		if isHosts(name) {
			continue
		}
		if strings.Contains(name, "=") {
			return nil, &EntryError{x.path(), fmt.Errorf("a layer has no way to write the attribute %q", name)}
		}
		all[name], err = x.read("getxattr "+name, func(to []byte) (int, error) { return x.get(name, to) })
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// isHosts reports whether an attribute is one that the host's security modules put on
// every file.
func isHosts(name string) bool {
	return strings.HasPrefix(name, "security.") && name != "security.capability"
}

// read asks for a size, and then for so many bytes. What does not fit together was
// changed in between.
func (x attributes) read(op string, call func(to []byte) (int, error)) (string, error) {
	size, err := call(nil)
	if err == unix.ENOTSUP {
		return "", nil
	}
	var to []byte
	if err == nil && size > 0 {
		to = make([]byte, size)
		size, err = call(to)
	}
	switch err {
	case nil:
		return string(to[:size]), nil
	case unix.ENODATA, unix.ERANGE, unix.ENOENT:
		return "", &ChangedError{Path: x.path(), Gone: err == unix.ENOENT}
	}
	return "", &fs.PathError{Op: op, Path: x.path(), Err: err}
}
