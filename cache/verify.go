package cache

import (
	"cmp"
	"context"
	"slices"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Damage is one thing that Verify found wrong.
type Damage struct {
	Path   string   `json:"path"`             // in the store
	What   string   `json:"what"`             // "missing", "digest is …, not …", "stray file" …
	Images []string `json:"images,omitempty"` // the names that need it
	// Repaired is what was done: "rebuilt", "fetched again", "quarantined", "removed", for
	// a stray file "moved to" and its new path in the store, a snapshot "made again"; ""
	// if nothing.
	Repaired string `json:"repaired,omitempty"`
	Error    string `json:"error,omitempty"` // why no more was done, when Repair was asked for
}

// VerifyOptions guides Verify.
type VerifyOptions struct {
	// Repair quarantines damaged blobs, fetches them again, and rebuilds what is
	// derived. Stray files go to quarantine too, so that the next Verify finds
	// nothing. Nothing is deleted but derived files, and snapshots, which are made
	// again: those that a mount or another process uses stay as they are.
	Repair bool
	// IDs is the name of what the ids of this process's user namespace mean, as of
	// SnapshotOptions. Snapshots with the ids of another namespace are not compared.
	IDs string
	// Fetch opens an image again by a fully qualified name with digest, to repair from. nil: never.
	Fetch func(ctx context.Context, name string) (v1.Image, error)
}

// VerifyReport says what Verify looked at and found.
type VerifyReport struct {
	Images    int      `json:"images"`
	Blobs     int      `json:"blobs"`
	Derived   int      `json:"derived"`
	Snapshots int      `json:"snapshots"`
	Bytes     int64    `json:"bytes"` // read
	Damage    []Damage `json:"damage"`
}

// Verify reads every blob and derived file again and compares: blobs with their
// digests, layers with their DiffIDs, what is derived with what the blob gives now,
// and the files of snapshots with the tables of contents, attribute by attribute.
// It reports what named images lack, and files that do not belong to a store, but
// not what killed processes left, which is no damage. Damage is in the report,
// sorted by path; the error is for what kept Verify from finding out. Other
// processes may use the store meanwhile: what was named at the start stays.
func (s *Store) Verify(ctx context.Context, o VerifyOptions) (VerifyReport, error) {
	if o.Repair && s.readOnly != nil {
		return VerifyReport{}, s.readOnly
	}
	v := &verifier{store: s, repair: o, roles: map[v1.Hash]*role{}, checked: map[string]bool{}}
	release, err := v.pin(ctx)
	if err != nil {
		return VerifyReport{}, err
	}
	defer release()
	for _, step := range []func(context.Context) error{v.images, v.blobs, v.lost, v.derived, v.snapshots, v.strays, v.mend} {
		if err := step(ctx); err != nil {
			return v.report(), err
		}
	}
	return v.report(), nil
}

// verifier is one run of Verify.
type verifier struct {
	store  *Store
	repair VerifyOptions
	named  []entry
	lease  *lease            // nil if there is none
	home   string            // in quarantine, for stray files; "" until one is moved
	roles  map[v1.Hash]*role // what named images need

	mu      sync.Mutex
	counts  VerifyReport
	checked map[string]bool // derived files that were compared, by path in the store
	faults  []*fault
}

// role is what a blob is to the named images.
type role struct {
	users []Stored
	size  int64 // negative if nobody says
	layer *part // nil if it is no layer of an image
	seen  bool  // whether a file has the name
}

// fault is a damage and what a repair needs to know.
type fault struct {
	Damage
	blob v1.Hash // that is damaged or missing; the zero value if it is none
	part *part   // the layer whose derived file is damaged, if its blob is good
	kind faultKind
	// snapshot is the name of a damaged one, which again makes; nil if no image needs it.
	snapshot string
	again    func(context.Context) error
}

// faultKind tells faults apart that Path and blob do not.
type faultKind uint8

const (
	ordinary  faultKind = iota
	malformed           // an image that was so before it came here: nothing can be done
	strayFile           // something that is no part of a store
)

// pin reads the names and keeps what they need from being swept meanwhile.
func (v *verifier) pin(ctx context.Context) (release func(), err error) {
	read := func() (needs, error) {
		n, err := v.store.readNames()
		if err != nil {
			return needs{}, err
		}
		v.named = n.entries
		keep := newNeeds()
		for _, e := range n.entries {
			keep.add(v.store.markRemoved(e))
		}
		return keep, nil
	}
	if v.store.readOnly != nil {
		_, err := read()
		return func() {}, err
	}
	l, err := v.store.newLease(ctx, read)
	if isA[*SpaceError](err) {
		return func() {}, nil // a full disk must not keep anybody from looking
	}
	if err != nil {
		return nil, err
	}
	v.lease = l
	return func() { _ = l.release() }, nil // a lease that stays is swept with its process
}

func (v *verifier) found(f *fault) {
	v.mu.Lock()
	defer v.mu.Unlock()
	slices.Sort(f.Images)
	f.Images = slices.Compact(f.Images)
	v.faults = append(v.faults, f)
}

func (v *verifier) count(blobs, derived int, bytes int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.counts.Blobs += blobs
	v.counts.Derived += derived
	v.counts.Bytes += bytes
}

func (v *verifier) report() VerifyReport {
	r := v.counts
	r.Damage = make([]Damage, 0, len(v.faults))
	for _, f := range v.faults {
		r.Damage = append(r.Damage, f.Damage)
	}
	slices.SortStableFunc(r.Damage, func(a, b Damage) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.What, b.What))
	})
	return r
}
