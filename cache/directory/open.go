package directory

import (
	"io"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/layer"
)

const (
	atCWD    = unix.AT_FDCWD
	noFollow = unix.O_NOFOLLOW
	dirFlags = unix.O_RDONLY | unix.O_DIRECTORY | noFollow | unix.O_CLOEXEC
	// A pipe or a terminal that came in a file's place must not hold us up or take us over.
	fileFlags = unix.O_RDONLY | noFollow | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
)

// OpenFile opens the content of a regular file that Read found, by the entry's path.
// If it is not what the entry says any more, by its size or its time, or does not stay
// so until it has been read, the error, also of a Read in place of io.EOF, is a
// *ChangedError.
func (d *Dir) OpenFile(e layer.Entry) (io.ReadCloser, error) {
	components := strings.Split(e.Path, "/")
	if slices.ContainsFunc(components, isOdd) {
		return nil, &fs.PathError{Op: "open", Path: place{d.root, e.Path}.path(), Err: fs.ErrInvalid}
	}
	dir, last := d.root, len(components)-1
	for _, name := range components[:last] {
		next, err := place{dir, name}.open(dirFlags)
		if err != nil {
			return nil, err
		}
		defer next.Close() // no more than a path has components
		dir = next
	}
	return openAsRead(place{dir, components[last]}, &e)
}

// isOdd reports whether a component of a path has no place in one that is clean.
func isOdd(component string) bool { return component == "" || component == "." || component == ".." }

func openAsRead(at place, e *layer.Entry) (io.ReadCloser, error) {
	f, err := at.openFile()
	if err != nil {
		return nil, err
	}
	sec, nsec := f.before.Mtim.Unix()
	if f.left != e.Size || e.ModTime != (layer.Time{Sec: sec, Nsec: int32(nsec)}) {
		f.Close()
		return nil, &ChangedError{Path: at.path()}
	}
	return f, nil
}
