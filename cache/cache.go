// Package cache is the Store: image blobs, names and what was derived from
// layers, in one directory that is an OCI image layout.
//
// Any number of processes may use a store at once, and any of them may be killed
// at any moment: a reader never sees a blob that does not match its digest, a
// named image is always whole, and what a crash leaves behind is unreferenced and
// is swept later.
package cache

import (
	"context"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

// Options guides Open. The zero value works.
type Options struct {
	// Jobs is how many layers are read side by side; 0 is a default from the CPUs.
	Jobs int
	// Limits bound what a layer may hold.
	Limits layer.Limits
	// Progress is told how downloads and passes go, from several goroutines, but
	// one call at a time. nil is silent.
	Progress func(Event)
	// Waiting is told whom an operation waits for when a lock is held. nil is silent.
	Waiting func(holder string)
}

// Event is a step of work on one layer.
type Event struct {
	Image  string // name, for people
	Layer  int    // from 0
	Digest v1.Hash
	Step   Step
	Bytes  int64 // of Size that are done: downloaded, or read
	Size   int64 // compressed bytes of the blob
	Err    error // of Retry: what went wrong
}

// Step says what an Event is about.
type Step string

// The steps.
const (
	Downloading Step = "downloading"
	Reading     Step = "reading"  // a pass over a blob that is here
	Resuming    Step = "resuming" // Bytes were here already
	Retrying    Step = "retrying"
	Done        Step = "done"   // the layer is here and read
	Exists      Step = "exists" // it was here before
)

// Store is an open store. It is safe for concurrent use.
type Store struct{}

// DefaultDir is $LAYERS_STORE, else $XDG_DATA_HOME/layers or ~/.local/share/layers,
// for root /var/lib/layers.
func DefaultDir() string { panic("stub") }

// Open opens the store in dir and makes it if it is not there. A store that cannot
// be written is opened for reading.
func Open(dir string, o Options) (*Store, error) { panic("stub") }

func (s *Store) Dir() string  { panic("stub") }
func (s *Store) Close() error { panic("stub") }

// ScratchDir is a directory in the store for temporary files of this process.
func (s *Store) ScratchDir() string { panic("stub") }

// Stored is an image that the store holds under a name.
type Stored struct {
	Name     string // fully qualified; "" for an image that only its digest names
	Digest   v1.Hash
	Platform v1.Platform
	Index    *v1.Hash // the image index it was chosen from
	Pulled   time.Time
}

// Images lists what the store holds, sorted by name, platform and digest.
func (s *Store) Images(ctx context.Context) ([]Stored, error) { panic("stub") }

// Image opens an image that the store holds. Its layers are read from the store.
func (s *Store) Image(ctx context.Context, digest v1.Hash) (v1.Image, error) { panic("stub") }

// Find returns the images with a fully qualified name, or whose manifest digest
// (or config digest) starts with the hex digits.
func (s *Store) Find(ctx context.Context, nameOrHex string) ([]Stored, error) { panic("stub") }

// PullOptions guides Pull. The zero value works.
type PullOptions struct {
	Names    []string // fully qualified names to give the image; none leaves it unnamed
	Display  string   // the name for messages and events
	Platform v1.Platform
	Index    *v1.Hash
}

// Pull brings all of an image into the store, reading each layer once: blobs, TOCs
// and what else is derived. Layers come side by side, and downloads go on where
// an earlier one stopped. The names are given last, when the image is whole.
func (s *Store) Pull(ctx context.Context, img v1.Image, o PullOptions) (Stored, error) {
	panic("stub")
}

// Layer is what the store has derived from one layer.
type Layer struct {
	TOC     *layer.TOC
	Extents *layer.Extents
	Kept    *layer.Kept
}

// Layers returns what each of an image's layers holds, bottom first: from the
// store, else by reading the layers once, side by side, without keeping blobs. The
// display name and the number of the layer are in the errors.
func (s *Store) Layers(ctx context.Context, img v1.Image, display string) ([]Layer, error) {
	panic("stub")
}

// TOC returns the table of contents of one layer, as Layers does.
func (s *Store) TOC(ctx context.Context, l v1.Layer) (*layer.TOC, error) { panic("stub") }

// OpenFile returns the content of a regular file that one layer of img carries
// (Node.Carrier, Version.Layer), from the blob, reading no further than needed.
func (s *Store) OpenFile(ctx context.Context, img v1.Image, number int, e layer.Entry) (io.ReadCloser, error) {
	panic("stub")
}

// Memo returns the bytes that were stored under key, else those that compute
// returns, which it stores: for what is slow to compute and derived from TOCs.
func (s *Store) Memo(key string, compute func() ([]byte, error)) ([]byte, error) { panic("stub") }

// Remove takes names away (by image) and returns what is gone. What nothing else
// uses is freed at once. Freed counts bytes of blobs and derived files.
func (s *Store) Remove(ctx context.Context, images []Stored) (freed int64, err error) { panic("stub") }

// PruneReport says what Prune removed.
type PruneReport struct {
	Blobs    int   `json:"blobs"`
	Derived  int   `json:"derived"`
	Partials int   `json:"partials"`
	Bytes    int64 `json:"bytes"` // freed on disk, apparent size
}

// Prune removes what no name and no lease needs.
func (s *Store) Prune(ctx context.Context, dryRun bool) (PruneReport, error) { panic("stub") }

// Damage is one thing that Verify found wrong.
type Damage struct {
	Path     string   `json:"path"`               // in the store
	What     string   `json:"what"`               // "digest is …", "missing", "checksum" …
	Images   []string `json:"images,omitempty"`   // the names that need it
	Repaired string   `json:"repaired,omitempty"` // what was done: "rebuilt", "fetched again", "quarantined"; "" if nothing
}

// VerifyOptions guides Verify.
type VerifyOptions struct {
	Repair bool
	// Fetch opens an image again by a fully qualified name with digest, to repair from. nil: never.
	Fetch func(ctx context.Context, name string) (v1.Image, error)
}

// VerifyReport says what Verify looked at and found.
type VerifyReport struct {
	Images  int      `json:"images"`
	Blobs   int      `json:"blobs"`
	Derived int      `json:"derived"`
	Bytes   int64    `json:"bytes"`
	Damage  []Damage `json:"damage"`
}

// Verify reads every blob and derived file again and compares.
func (s *Store) Verify(ctx context.Context, o VerifyOptions) (VerifyReport, error) { panic("stub") }
