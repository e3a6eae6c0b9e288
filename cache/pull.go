package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// PullOptions guides Pull. The zero value works.
type PullOptions struct {
	Names    []string    // fully qualified names to give the image; none leaves it unnamed
	Display  string      // the name for messages and events
	Platform v1.Platform // what it is for; the zero value is taken from the config
	Index    *v1.Hash    // the image index it was chosen from
	Origin   string      // what it was pulled from, such as "registry"; kept beside the names
	// Unpack has the snapshots of the image's layers made, too: of each layer that is
	// not here yet in the same pass that brings it. nil makes none. An error of it
	// leaves an image that is whole, and named.
	Unpack *SnapshotOptions
	// Unpacked is told of the snapshots, which stay at least as long as it runs, and
	// are not its to release. nil is silent.
	Unpacked func(*Snapshots)
	// Held is given the lease that keeps the image, to release when it is used no more.
	// nil lets go of it when Pull returns.
	Held func(release func() error)
	// Replaced is told, when the names are given, of each image that had one of them
	// for the platform until now. nil is silent.
	Replaced func(old Stored)
}

// Pull brings all of an image into the store, reading each layer once: blobs, TOCs
// and what else is derived. Layers come side by side, and downloads go on where
// an earlier one stopped, also of another process. The names are given last, when
// the image is whole; a name that had another image for the platform now has this
// one. An image without a name is kept by its digest until it is removed.
func (s *Store) Pull(ctx context.Context, img v1.Image, o PullOptions) (Stored, error) {
	if s.readOnly != nil {
		return Stored{}, s.readOnly
	}
	p, err := newPlan(img, o.Display)
	if err != nil {
		return Stored{}, err
	}
	l, err := s.newLease(ctx, func() (needs, error) { return p.needs(), nil })
	if err != nil {
		return Stored{}, err
	}
	st, err := s.pullPlan(ctx, p, l, o)
	if err == nil && o.Held != nil {
		o.Held(l.release)
		return st, nil
	}
	return st, errors.Join(err, l.release())
}

// pullPlan does the work of Pull under a lease.
func (s *Store) pullPlan(ctx context.Context, p *plan, l *lease, o PullOptions) (st Stored, err error) {
	if o.Unpack != nil {
		end, err := s.stage(p, *o.Unpack)
		if err != nil {
			return Stored{}, err
		}
		defer func() { err = errors.Join(err, end()) }()
	}
	if err := s.bring(ctx, p); err != nil {
		return Stored{}, err
	}
	st, err = s.name(ctx, p, o)
	if err != nil || o.Unpack == nil {
		return st, err
	}
	if err := s.unpackPulled(ctx, p, l, o); err != nil {
		return st, fmt.Errorf("pulled, but not unpacked: %w", err)
	}
	return st, nil
}

// bring makes an image whole. The caller holds a lease on it.
func (s *Store) bring(ctx context.Context, p *plan) error {
	parts := p.distinct()
	if err := s.checkSpace(parts); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, l := range parts {
		g.Go(func() error { return l.fail(s.fetch(ctx, l)) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := s.putSmall(p.manifest.Config.Digest, p.rawConfig, configLimit); err != nil {
		return fmt.Errorf("storing the config: %w", err)
	}
	if err := s.putSmall(p.digest, p.raw, manifestLimit); err != nil {
		return fmt.Errorf("storing the manifest: %w", err)
	}
	return s.writing(syncDir(s.path(blobDir)))
}

// fetch makes one layer be there and be read.
func (s *Store) fetch(ctx context.Context, p *part) error {
	if done, err := s.exists(p); done || err != nil {
		return err
	}
	download, err := s.downloads.take(ctx)
	if err != nil {
		return err
	}
	free := sync.OnceFunc(download.release)
	defer free()
	l, err := s.tryLock(layerLock(p.digest), exclusive)
	if l == nil && err == nil {
		free()
		return s.fetchAfter(ctx, p)
	}
	if err != nil {
		return err
	}
	defer l.unlock()
	return s.fetchLocked(ctx, p, free)
}

// fetchAfter waits for another process or goroutine that brings the same layer,
// and goes on where that stopped.
func (s *Store) fetchAfter(ctx context.Context, p *part) error {
	l, err := s.lock(ctx, layerLock(p.digest), exclusive)
	if err != nil {
		return err
	}
	defer l.unlock()
	download, err := s.downloads.take(ctx)
	if err != nil {
		return err
	}
	free := sync.OnceFunc(download.release)
	defer free()
	return s.fetchLocked(ctx, p, free)
}

func (s *Store) fetchLocked(ctx context.Context, p *part, downloaded func()) error {
	if done, err := s.exists(p); done || err != nil {
		return err
	}
	if s.hasBlob(p.digest, p.size) {
		downloaded()
		err := s.passStored(ctx, p)
		var damaged *BlobError
		if !errors.As(err, &damaged) {
			return err
		}
		if _, err := s.quarantine(p.digest); err != nil {
			return err
		}
		s.talk.event(Event{Image: p.image, Layer: max(p.number, 0), Digest: p.digest,
			Step: Retrying, Size: p.size, Err: damaged})
	}
	if err := s.ingest(ctx, p, downloaded); err != nil {
		return err
	}
	s.talk.event(p.read())
	return nil
}

// exists reports whether a layer is here and was read.
func (s *Store) exists(p *part) (bool, error) {
	if !s.hasBlob(p.digest, p.size) {
		return false, nil
	}
	ok, err := s.hasDerived(p)
	if ok && err == nil {
		s.talk.event(p.event(Exists, p.size))
	}
	return ok, err
}

// passStored reads a blob of the store whose derived files are missing.
func (s *Store) passStored(ctx context.Context, p *part) error {
	pass, err := s.passes.take(ctx)
	if err != nil {
		return err
	}
	defer pass.release()
	l, err := s.readInto(ctx, pass, p, s.ScratchDir(), true)
	if err != nil {
		return s.writing(err)
	}
	return l.Close()
}

// name gives a whole image its names.
func (s *Store) name(ctx context.Context, p *plan, o PullOptions) (Stored, error) {
	st := Stored{Digest: p.digest, Platform: o.Platform, Index: o.Index, Origin: o.Origin,
		Pulled: time.Now().UTC().Truncate(time.Second)}
	if fromConfig := p.config.Platform(); st.Platform.OS == "" && fromConfig != nil {
		st.Platform = *fromConfig
	}
	given := o.Names
	if len(given) == 0 {
		given = []string{""}
	}
	entries := make([]entry, 0, len(given))
	for _, name := range given {
		st.Name = name
		e, err := newEntry(st, p.mediaType(), int64(len(p.raw)))
		if err != nil {
			return Stored{}, err
		}
		entries = append(entries, e)
	}
	var replaced []entry
	err := s.editNames(ctx, func(n *names) (changed bool, err error) {
		replaced, changed = n.give(entries)
		return changed, nil
	})
	if err != nil {
		return Stored{}, fmt.Errorf("naming the image: %w", err)
	}
	for _, old := range replaced {
		for _, was := range s.imagesOf(old) {
			if o.Replaced != nil {
				o.Replaced(was)
			}
		}
	}
	st.Name = given[0]
	return st, nil
}

// checkSpace asks whether the blobs that are missing have room.
func (s *Store) checkSpace(parts []*part) error {
	var need int64
	for _, p := range parts {
		if s.hasBlob(p.digest, p.size) {
			continue
		}
		need += p.size
		if fi, err := os.Lstat(s.ingestPath(p.digest)); err == nil {
			need -= min(fi.Size(), p.size)
		}
	}
	free, err := s.freeFor(s.dir, need)
	if err != nil {
		return &AccessError{Dir: s.dir, Err: err}
	}
	if need > free {
		return &SpaceError{Dir: s.dir, Need: need, Free: free}
	}
	return nil
}

// freeFor is how many bytes are free in a directory's file system. Where they are too
// few, the trash is emptied first: what is in there has been said to be free.
func (s *Store) freeFor(dir string, need int64) (int64, error) {
	free, err := freeIn(dir)
	if err != nil || free >= need || !s.HasTrash() {
		return free, err
	}
	if err := EmptyTrash(s.dir, false); err != nil {
		return free, nil // the next prune has the same error
	}
	return freeIn(dir)
}

func freeIn(dir string) (int64, error) {
	var fs unix.Statfs_t
	err := unix.Statfs(dir, &fs)
	return int64(fs.Bavail) * int64(fs.Bsize), err
}
