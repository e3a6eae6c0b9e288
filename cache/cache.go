// Package cache is the Store: image blobs, names and what was derived from
// layers, in one directory that is an OCI image layout.
//
// Any number of processes may use a store at once, and any of them may be killed
// at any moment: a reader never sees a blob that does not match its digest, a
// named image is always whole, and what a crash leaves behind is unreferenced and
// is swept later.
//
// A pull takes a lease on all that its image needs, brings the layers side by
// side (each is downloaded into ingest/ and read behind its own download), puts
// blobs under their digests only when size, digest and DiffID match, and gives the
// name last. Locks are flocks on files in locks/, which the kernel releases when
// a process dies. Who only reads immutable files takes none.
package cache

import (
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

// Options guides Open. The zero value works.
type Options struct {
	// Jobs is how many layers are read side by side, and how many are downloaded;
	// 0 is a default from the CPUs.
	Jobs int
	// Limits bound what a layer may hold.
	Limits layer.Limits
	// ReadOnly opens the store to look only: nothing in it is written, and where there
	// is none, none is made, and it is empty.
	ReadOnly bool
	// Progress is told how downloads and passes go, from several goroutines, but
	// one call at a time. nil is silent.
	Progress func(Event)
	// Waiting is told whom an operation waits for when a lock has been held for a
	// while ("process 4711 (layers pull app:main)"). It is called like Progress.
	// nil is silent.
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
	Err    error // of Retrying: what went wrong
}

// Step says what an Event is about.
type Step string

// The steps.
const (
	Downloading Step = "downloading"
	Reading     Step = "reading"  // a pass over a blob that is here
	Resuming    Step = "resuming" // Bytes were here already
	Retrying    Step = "retrying"
	Done        Step = "done"      // the layer is here and read
	Exists      Step = "exists"    // it was here before
	Unpacking   Step = "unpacking" // it is here and read, and its snapshot is being made
	Unpacked    Step = "unpacked"  // its snapshot is here, too
)

// talk passes events and waits on to the caller's functions, one call at a time.
type talk struct {
	mu       sync.Mutex
	progress func(Event)
	waiting  func(string)
}

func (t *talk) event(e Event) {
	if t.progress == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.progress(e)
}

func (t *talk) wait(holder string) {
	if t.waiting == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting(holder)
}
