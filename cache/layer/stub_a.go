package layer

import (
	"context"
	"io"
	"iter"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// ---- index.go: the one pass ----

// IndexOptions guides Index. The zero value works.
type IndexOptions struct {
	// Limits bound the layer; zero fields are defaults.
	Limits Limits
	// Digest, Size and DiffID are what the blob must be; zero values are not checked.
	Digest v1.Hash
	Size   int64
	DiffID DiffID
	// TempDir is where what does not fit in memory goes, in unlinked files; "" is os.TempDir().
	TempDir string
}

// Outputs are where Index writes what it makes; a nil writer drops it. They hold
// nothing of use unless Index returns nil.
type Outputs struct {
	TOC, Extents, Kept io.Writer
}

// Indexed says what Index found the blob to be.
type Indexed struct {
	Digest      v1.Hash
	Size        int64
	DiffID      DiffID
	Compression Compression
}

// Index reads the layer blob r once, to its last byte, and writes what it holds.
// Memory is bounded however large the layer. On any error in reading it still
// drains r, so that damage (a *MismatchError) is told from a layer that is broken
// as published (*CorruptError, *RefusedError, *LimitError).
func Index(ctx context.Context, r io.Reader, out Outputs, o IndexOptions) (Indexed, error) {
	panic("stub")
}

// OpenEntry returns the content of the regular file whose first header block is
// at offset in the uncompressed tar of the blob r. It reads no further than the
// caller does.
func OpenEntry(r io.Reader, offset int64) (io.ReadCloser, error) { panic("stub") }

// ---- toc.go ----

// TOC is the table of contents of one layer: its entries, sorted by ComparePaths,
// on disk or in memory. It is safe for concurrent use.
type TOC struct{}

// Totals are sums over one layer.
type Totals struct {
	Entries   int64 `json:"entries"`   // in the tar, duplicates included
	Files     int64 `json:"files"`     // names that are neither directories nor whiteouts
	Dirs      int64 `json:"dirs"`      // directories that the tar names
	Whiteouts int64 `json:"whiteouts"` // whiteouts and opaque markers
	Unpacked  int64 `json:"unpacked"`  // bytes of regular files, each link group once
	TarSize   int64 `json:"tarSize"`   // bytes of the uncompressed tar
}

// OpenTOC opens the file at path, by a few small reads; ReadTOC takes its bytes.
func OpenTOC(path string) (*TOC, error) { panic("stub") }
func ReadTOC(data []byte) (*TOC, error) { panic("stub") }
func (t *TOC) Close() error             { panic("stub") }
func (t *TOC) DiffID() DiffID           { panic("stub") }
func (t *TOC) Totals() Totals           { panic("stub") }
func (t *TOC) Lints() ([]Lint, int)     { panic("stub") } // the first 1,000 by path, and how many there are in all
func (t *TOC) Verify() error            { panic("stub") } // reads all of it and checks every checksum and the order

// Lookup returns the entry at a clean path, or ErrNotExist.
func (t *TOC) Lookup(path string) (Entry, error) { panic("stub") }

// Entries yields the entry at the clean path prefix, if there is one, and all
// below it, in order. "" is everything.
func (t *TOC) Entries(prefix string) iter.Seq2[Entry, error] { panic("stub") }

// ---- tree.go ----

// Tree is the squashed view of a stack of layers. It holds no nodes in memory:
// every walk merges the layers' TOCs. It is safe for concurrent use.
type Tree struct{}

// Squash lays the layers over each other, bottom first.
func Squash(layers []*TOC) *Tree { panic("stub") }

func (t *Tree) Layers() []*TOC { panic("stub") }

// Node is what a container would see at a path. Layers are numbered from 0.
type Node struct {
	Entry       // attributes and content are resolved: never Absent, never a HardLink
	Layer   int // the layer whose entry made the name
	Carrier int // the layer whose tar holds the content and the attributes; differs from Layer for a hard link to a lower layer's file
}

// Walk yields the nodes at and below the clean path, in the order of ComparePaths.
func (t *Tree) Walk(prefix string) iter.Seq2[Node, error] { panic("stub") }

// Lookup returns the node at a clean path, or ErrNotExist. Links are not followed.
func (t *Tree) Lookup(path string) (Node, error) { panic("stub") }

// Hop is one symbolic link that Resolve followed: the link's path, and its target as written.
type Hop struct{ Path, Target string }

// Resolve finds the node at path as a process in the image would, following
// symbolic links inside the image's root; ".." is clamped there. The hops are
// those it followed, also on an error.
func (t *Tree) Resolve(path string) (Node, []Hop, error) { panic("stub") }

// Version is one layer's entry at a path, and what became of it.
type Version struct {
	Entry           // as in the layer's TOC
	Layer    int    // numbered from 0
	Visible  bool   // whether the entry is what the tree shows at the path, or, for a directory, is merged into it
	HiddenBy int    // the lowest layer above that hides it; -1 if none
	HiddenAt string // the path of the entry in HiddenBy that hides it: this path or a parent
	Useless  bool   // a whiteout or opaque marker that hides nothing
}

// Versions yields, for each path at or below prefix that any layer names, what
// each layer has there, bottom first. The slice is reused.
func (t *Tree) Versions(prefix string) iter.Seq2[[]Version, error] { panic("stub") }

// History returns what each layer has at one clean path, bottom first, and the
// entries at parents that hide it.
func (t *Tree) History(path string) ([]Version, error) { panic("stub") }

// Copy is the content of one file in one layer of which no name is visible.
type Copy struct {
	Path     string // of its first name
	Names    int    // how many names it has in the layer
	Layer    int    // the layer that carries it
	HiddenBy int    // the layer that hid its last name
	Bytes    int64  // unpacked
	Entry    Entry
}

// Reclaimable yields every hidden copy that has bytes, each once.
func (t *Tree) Reclaimable() iter.Seq2[Copy, error] { panic("stub") }

// Lints yields what is odd about the stack and not about one layer alone:
// whiteouts of nothing, dangling links, hidden symlinks; with the layer.
func (t *Tree) Lints() iter.Seq2[int, Lint] { panic("stub") }
