package cache

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

// needs are blobs, by digest, and layers, by DiffID, that must not be swept.
type needs struct {
	Blobs map[string]bool `json:"blobs"` // hex digits
	Diffs map[string]bool `json:"diffs"`
}

func newNeeds() needs {
	return needs{Blobs: map[string]bool{}, Diffs: map[string]bool{}}
}

func (n needs) blob(h v1.Hash)        { n.Blobs[h.Hex] = true }
func (n needs) layer(id layer.DiffID) { n.Diffs[id.Hex] = true }

func (n needs) add(m needs) {
	for k := range m.Blobs {
		n.Blobs[k] = true
	}
	for k := range m.Diffs {
		n.Diffs[k] = true
	}
}

// A lease keeps collection away from what a process relies on before a name does.
// It is a file that its owner holds a flock on: one whose flock can be had belongs
// to a process that is gone.
//
// There is no moment at which a sweep can take away what a pull relies on:
//   - A lease is made, complete, under the shared gc lock, and a sweep runs under
//     the exclusive one. So a sweep sees a pull's whole lease, or the pull makes
//     its lease after the sweep and looks for blobs only then.
//   - A sweep reads the leases first and the names after. A pull gives its name
//     first and lets go of its lease after. So a sweep that no longer sees the
//     lease sees the name.
//   - What appears in the store while a sweep runs belongs to a lease, for only
//     pulls and repairs put blobs there, and only under a lease.
type lease struct {
	f  *os.File
	id string
}

// newLease makes a lease on what need returns, which runs when no sweep does.
func (s *Store) newLease(ctx context.Context, need func() (needs, error)) (*lease, error) {
	if s.readOnly != nil {
		return nil, s.readOnly
	}
	gc, err := s.lock(ctx, gcLock, shared)
	if err != nil {
		return nil, err
	}
	defer gc.unlock()
	n, err := need()
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(n)
	if err != nil {
		return nil, err
	}
	l, err := s.writeLease(data)
	if isFull(err) && s.HasTrash() && EmptyTrash(s.dir, false) == nil {
		l, err = s.writeLease(data)
	}
	if err != nil {
		return nil, s.writing(fmt.Errorf("making a lease: %w", err))
	}
	return l, nil
}

// Hold keeps an image of the store from being swept, whoever removes its names meanwhile:
// its blobs, and what is derived from its layers. An image that the store does not hold,
// or no more, is a *NotStoredError. In a store that can only be read, and on a full disk,
// nothing is held. The caller calls release, once.
func (s *Store) Hold(ctx context.Context, digest v1.Hash) (release func() error, err error) {
	nothing := func() error { return nil }
	if s.readOnly != nil {
		return nothing, nil
	}
	l, err := s.newLease(ctx, func() (needs, error) {
		img, err := s.image(digest)
		if err != nil {
			return needs{}, err
		}
		return img.needs(), nil
	})
	switch {
	case isA[*SpaceError](err):
		return nothing, nil
	case err != nil:
		return nil, err
	}
	return l.release, nil
}

func (i *storedImage) needs() needs {
	n := newNeeds()
	n.blob(i.digest)
	n.blob(i.manifest.Config.Digest)
	for number, d := range i.manifest.Layers {
		n.blob(d.Digest)
		n.layer(i.diffID(number))
	}
	return n
}

func (s *Store) writeLease(data []byte) (*lease, error) {
	id := fmt.Sprintf("%d-%s", os.Getpid(), rand.Text())
	f, err := os.OpenFile(s.path(leaseDir, id), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	l := &lease{f: f, id: id}
	got, err := flock(f, exclusive)
	if err == nil && !got {
		err = errors.New("a new file is locked")
	}
	if err == nil {
		_, err = f.Write(data)
	}
	if err != nil {
		return nil, errors.Join(err, l.release())
	}
	return l, nil
}

func (l *lease) release() error {
	err := os.Remove(l.f.Name())
	return errors.Join(err, l.f.Close())
}

// survey is what the leases say, and the records of mounts.
type survey struct {
	needs needs           // of those whose owners live
	alive map[string]bool // by the lease's name
	dead  []string
	// unmounted are the files that tell of mounts that are gone.
	unmounted []string
}

// leases reads what living processes and mounts rely on. The caller holds the exclusive gc lock.
func (s *Store) leases() (survey, error) {
	found := survey{needs: newNeeds(), alive: map[string]bool{}}
	names, err := os.ReadDir(s.path(leaseDir))
	if err != nil {
		return survey{}, err
	}
	for _, e := range names {
		n, lives, err := readLease(s.path(leaseDir, e.Name()))
		switch {
		case errors.Is(err, fs.ErrNotExist): // let go just now: what it brought has its name
		case err != nil:
			return survey{}, fmt.Errorf("reading a lease: %w", err)
		case lives:
			found.alive[e.Name()] = true
			found.needs.add(n)
		default:
			found.dead = append(found.dead, e.Name())
		}
	}
	found.unmounted, err = s.mountNeeds(found.needs)
	return found, err
}

func readLease(path string) (n needs, lives bool, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return needs{}, false, err
	}
	defer f.Close()
	if got, err := flock(f, shared); err != nil || got {
		return needs{}, false, err
	}
	err = json.NewDecoder(f).Decode(&n)
	return n, true, err
}
