// Package directory gives a directory of the host as a layer: what a layer that holds
// its files would hold.
//
// The directory is walked by descriptors, each name one component below an open
// directory, and no symbolic link in it is followed. What is found goes as a tar
// through package layer, which alone decides what layers mean; the tar itself is kept
// nowhere. File systems that are mounted inside belong to the directory.
package directory

import (
	"errors"
	"os"

	"github.com/layers/layers/cache/layer"
)

// Dir is an open directory of the host. It is safe for concurrent use.
type Dir struct {
	root *os.File
}

// Open opens the directory at path, which may itself be a symbolic link to one. The
// caller closes it. The errors are those of os.Open.
func Open(path string) (*Dir, error) {
	fd, err := openat(atCWD, path, dirFlags&^noFollow)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return &Dir{root: os.NewFile(uintptr(fd), path)}, nil
}

// Close frees the directory. Files of it that are open stay so.
func (d *Dir) Close() error { return d.root.Close() }

// Options guides Read. The zero value works.
type Options struct {
	// Limits bound the layer; zero fields are defaults.
	Limits layer.Limits
	// TempDir is where the table of contents is written, under no name, and what does
	// not fit in memory; "" is os.TempDir().
	TempDir string
}

// Layer is what a layer of the directory would hold.
type Layer struct {
	// TOC has every file of the directory, with all that a layer can tell of it. Its
	// DiffID and its offsets are those of a tar that is not there: they tell layers and
	// files apart, and nothing can be read by them but Kept.
	TOC *layer.TOC
	// Kept are the small files that later questions ask for.
	Kept *layer.Kept
	// Sockets and Whiteouts are how many files were left out because a layer cannot hold
	// them: sockets, and devices 0:0, by which overlayfs knows what a directory removes.
	Sockets, Whiteouts int64
}

// Close frees the open files.
func (l *Layer) Close() error { return errors.Join(l.TOC.Close(), l.Kept.Close()) }
