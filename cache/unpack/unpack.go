// Package unpack writes what layers hold onto a directory: one layer as an
// overlayfs lower directory, or a whole stack as a flat root file system.
//
// What is written is the tree that package layer made of the tars, never the tars
// themselves: every path is resolved before the first file is made. Directories
// are made top down and held by descriptors; every name is one component below
// such a descriptor, and none is followed if it is a symbolic link. So nothing that
// an image names, and nothing that another process puts in the way, leads out of
// the directory.
//
// Filling a directory has three steps, in this order: Prepare makes the
// directories, Contents takes the files' bytes from the layers as they stream by,
// Finish makes links and devices and gives the directories their attributes.
package unpack

import (
	"fmt"
	"iter"
	"os"

	"github.com/layers/layers/cache/layer"
)

// Item is one thing to write. Its attributes are resolved: it is never a
// layer.HardLink. layer.Absent is a whiteout, which only an overlay has.
type Item struct {
	layer.Node
	// Opaque hides what lower directories of an overlay have below the directory.
	Opaque bool
}

// Items are things to write, each path once, in the order of layer.ComparePaths,
// the root first. Every parent is an item of kind layer.Dir.
type Items = iter.Seq2[Item, error]

// Options guides Open. The zero value writes a flat root file system with all
// owners and attributes.
type Options struct {
	// Overlay says how an overlay is told of whiteouts and opaque directories.
	Overlay Overlay
	// KeepOwner leaves all that is made to the user who runs this, as a user who
	// has no other ids must. Device numbers cannot be had then either.
	KeepOwner bool
	// Share has files of the same content share their blocks, of which each may be
	// changed without the others: for file systems of which CanShare says that they can.
	Share bool
	// Reuse returns an open file, which is closed then, with the content of an item that
	// is somewhere already; nil if none is, and the layer has to give it. With Share, its
	// blocks are shared, or it is not used. It is asked before the first content comes.
	Reuse func(*Item) *os.File
}

// Overlay is the name space of overlayfs' own extended attributes.
type Overlay uint8

// The kinds of overlay.
const (
	Flat    Overlay = iota // no overlay: items that only one has are an error
	Trusted                // trusted.overlay.*, for mounts by root
	User                   // user.overlay.*, for mounts in a user namespace (userxattr)
)

// Loss is something of the image that the file system or the user's rights could
// not keep. Everything else was kept.
type Loss struct {
	What  string `json:"what"`  // "owner", "xattr", "device", "time"
	Path  string `json:"path"`  // the first that was met
	Count int64  `json:"count"` // how many there were
	Why   string `json:"why"`
}

// PathError says at which path of the image writing failed.
type PathError struct {
	Op   string // the system call
	Path string // in the image
	Err  error
}

// Error names the call, the path as the image has it, and the cause.
func (e *PathError) Error() string { return fmt.Sprintf("%s %q: %v", e.Op, e.Path, e.Err) }

// Unwrap returns the system call's error.
func (e *PathError) Unwrap() error { return e.Err }

// NotEmptyError says that a directory is not empty, and nothing was changed.
type NotEmptyError struct{ Dir string }

// Error names the directory.
func (e *NotEmptyError) Error() string { return e.Dir + " is not empty" }
