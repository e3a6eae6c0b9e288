package directory

import (
	"archive/tar"
	"bufio"
	"context"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	whiteoutPrefix = ".wh." // what a layer has before the name of a file that it removes
	bufferSize     = 256 << 10
)

// walk writes what a directory holds as a tar.
type walk struct {
	ctx   context.Context
	tar   *tar.Writer
	buf   []byte
	first map[inode]string // of files with several names, the one that was met first

	sockets, whiteouts int64
}

// inode tells files apart, whatever their names.
type inode struct{ device, number uint64 }

// writeTo walks all of the directory, in the order of the names: the same directory
// always gives the same tar.
func (d *Dir) writeTo(ctx context.Context, out io.Writer) (*walk, error) {
	b := bufio.NewWriterSize(out, bufferSize)
	w := &walk{ctx: ctx, tar: tar.NewWriter(b), buf: make([]byte, bufferSize), first: map[inode]string{}}
	root, err := reopen(d.root)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if err := w.directory(root, ""); err != nil {
		return nil, err
	}
	if err := w.tar.Close(); err != nil {
		return nil, err
	}
	return w, b.Flush()
}

// directory writes an open directory and all below it.
func (w *walk) directory(dir *os.File, path string) error {
	st, err := fstat(dir)
	if err != nil {
		return err
	}
	h, err := headerOf(ofFile(dir), path+"/", &st)
	if err != nil {
		return err
	}
	if path == "" {
		h.Name = "./"
	}
	if err := w.header(h, dir.Name()); err != nil {
		return err
	}
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if err := w.entry(dir, name, strings.TrimPrefix(path+"/"+name, "/")); err != nil {
			return err
		}
	}
	return unchanged(dir, &st)
}

// entry writes what a directory has under a name.
func (w *walk) entry(dir *os.File, name, path string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	at := place{dir, name}
	if strings.HasPrefix(name, whiteoutPrefix) {
		return &NameError{at.path()}
	}
	st, err := at.lstat()
	if err != nil {
		return err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFSOCK:
		w.sockets++
		return nil
	case unix.S_IFCHR:
		if st.Rdev == 0 {
			w.whiteouts++
			return nil
		}
	case unix.S_IFDIR:
		f, err := at.open(dirFlags)
		if err != nil {
			return err
		}
		defer f.Close()
		return w.directory(f, path)
	}
	if linked, err := w.link(at, path, &st); linked || err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFREG {
		return w.file(at, path)
	}
	return w.special(at, path, &st)
}

// link writes a further name of a file that was met before.
func (w *walk) link(at place, path string, st *unix.Stat_t) (linked bool, err error) {
	if st.Nlink < 2 {
		return false, nil
	}
	id := inode{uint64(st.Dev), st.Ino}
	first, met := w.first[id]
	if !met {
		w.first[id] = path
		return false, nil
	}
	return true, w.header(&tar.Header{Typeflag: tar.TypeLink, Name: path, Linkname: first, Format: tar.FormatPAX}, at.path())
}

// file writes a regular file with its content.
func (w *walk) file(at place, path string) error {
	f, err := at.openFile()
	if err != nil {
		return err
	}
	defer f.Close()
	h, err := headerOf(ofFile(f.file), path, &f.before)
	if err != nil {
		return err
	}
	if err := w.header(h, at.path()); err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{w.tar}, struct{ io.Reader }{f}, w.buf)
	return err
}

// special writes a symbolic link, a device or a pipe, none of which is opened.
func (w *walk) special(at place, path string, before *unix.Stat_t) error {
	h, err := headerOf(ofName(at), path, before)
	if err == nil && h.Typeflag == tar.TypeSymlink {
		h.Linkname, err = at.readlink()
	}
	if err != nil {
		return err
	}
	after, err := at.lstat()
	if err != nil {
		return err
	}
	if !same(before, &after) {
		return &ChangedError{Path: at.path()}
	}
	return w.header(h, at.path())
}

func (w *walk) header(h *tar.Header, path string) error {
	if err := w.tar.WriteHeader(h); err != nil {
		return &EntryError{path, err}
	}
	return nil
}
