package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cache/unpack"
)

// Snapshots makes the directories of an image's layers, those that are not there yet:
// each whole or not at all, and durable before it has its name. A layer whose
// directory another process is making is waited for. The caller releases them.
func (s *Store) Snapshots(ctx context.Context, img v1.Image, o SnapshotOptions) (_ *Snapshots, err error) {
	p, err := newPlan(img, o.Display)
	if err != nil {
		return nil, err
	}
	if o.Layers < 0 || o.Layers > len(p.parts) {
		return nil, fmt.Errorf("the image has %d layers and none with number %d", len(p.parts), o.Layers)
	}
	if o.Layers > 0 {
		p.parts = p.parts[:o.Layers]
	}
	found := &Snapshots{needs: p.diffs()}
	if found.lease, err = s.newLease(ctx, func() (needs, error) { return found.needs, nil }); err != nil {
		return nil, err
	}
	ok, err := s.foundSnapshots(p, o, found)
	if err == nil && !ok {
		err = s.makeSnapshots(ctx, p, img, o, found)
	}
	if err != nil {
		return nil, errors.Join(err, found.Release())
	}
	return found, nil
}

func (p *plan) diffs() needs {
	n := newNeeds()
	for _, part := range p.parts {
		n.layer(part.diffID)
	}
	return n
}

// errUnknown says that the names of a stack's snapshots have to be found out.
var errUnknown = errors.New("unknown")

// foundSnapshots finds the snapshots of a stack that are all there, and reads no
// table of contents for that.
func (s *Store) foundSnapshots(p *plan, o SnapshotOptions, found *Snapshots) (bool, error) {
	names, err := s.namesOf(p, o.Rootless, func() ([]wantedSnapshot, error) { return nil, errUnknown })
	if err != nil {
		return false, ignore(err, errUnknown)
	}
	for _, name := range names {
		losses, ok := s.snapshotLosses(name)
		if !ok {
			found.Dirs, found.Losses = nil, nil
			return false, nil
		}
		found.Dirs = append(found.Dirs, filesOfSnapshot(s.snapshotPath(name)))
		found.Losses = append(found.Losses, losses)
	}
	return true, nil
}

func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

func (s *Store) makeSnapshots(ctx context.Context, p *plan, img v1.Image, o SnapshotOptions, found *Snapshots) error {
	layers, err := s.Layers(ctx, img, o.Display)
	if err != nil {
		return err
	}
	defer closeLayers(layers)
	stack, err := newStack(p, layer.Squash(tocsOf(layers[:len(p.parts)])), o.Rootless)
	if err != nil {
		return err
	}
	wanted, err := stack.wanted()
	if err != nil {
		return err
	}
	if _, err := s.namesOf(p, o.Rootless, func() ([]wantedSnapshot, error) { return wanted, nil }); err != nil {
		return err
	}
	found.Dirs, found.Losses = make([]string, len(wanted)), make([][]unpack.Loss, len(wanted))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(manySnapshots)
	for i, w := range wanted {
		g.Go(func() error {
			losses, err := s.snapshot(ctx, p, w, o.Rootless)
			found.Dirs[i], found.Losses[i] = filesOfSnapshot(s.snapshotPath(w.name)), losses
			return err
		})
	}
	return g.Wait()
}

// manySnapshots is how many directories are made side by side. Each has a plan of
// all its files in memory.
const manySnapshots = 4

// wantedSnapshot is one directory that there is to be.
type wantedSnapshot struct {
	name  string
	items unpack.Items
}

// snapshot makes one directory be there.
func (s *Store) snapshot(ctx context.Context, p *plan, w wantedSnapshot, rootless bool) ([]unpack.Loss, error) {
	if losses, ok := s.snapshotLosses(w.name); ok {
		return losses, nil
	}
	l, err := s.lock(ctx, snapshotLock(w.name), exclusive)
	if err != nil {
		return nil, err
	}
	defer l.unlock()
	if losses, ok := s.snapshotLosses(w.name); ok {
		return losses, nil
	}
	scratch, err := s.scratchInStore()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(scratch, "snapshot-*")
	if err != nil {
		return nil, s.writing(err)
	}
	losses, err := s.fillSnapshot(ctx, p, dir, w, rootless)
	if err == nil {
		err = s.nameSnapshot(dir, w.name, losses)
	}
	if err != nil {
		return nil, s.writing(errors.Join(err, unpack.Remove(dir)))
	}
	return losses, nil
}

func (s *Store) fillSnapshot(ctx context.Context, p *plan, dir string, w wantedSnapshot, rootless bool) ([]unpack.Loss, error) {
	files := filesOfSnapshot(dir)
	if err := os.Mkdir(files, 0o700); err != nil {
		return nil, err
	}
	o := unpack.Options{Overlay: unpack.Trusted}
	if rootless {
		o = unpack.Options{Overlay: unpack.User, KeepOwner: true}
	}
	return s.fillDir(ctx, p, files, w.items, o)
}

// nameSnapshot gives a directory its name when all of it is on the disk.
func (s *Store) nameSnapshot(dir, name string, losses []unpack.Loss) error {
	data, err := json.Marshal(losses)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, snapshotLosses), data, 0o600); err != nil {
		return err
	}
	if err := syncFileSystem(dir); err != nil {
		return err
	}
	if err := os.Rename(dir, s.snapshotPath(name)); err != nil {
		return err
	}
	return syncDir(s.path(snapshotDir))
}

func syncFileSystem(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return errors.Join(&fs.PathError{Op: "syncfs", Path: dir, Err: err}, f.Close())
	}
	return f.Close()
}

// noLosses is what the file says of most snapshots.
const noLosses = "null"

// snapshotLosses reports whether a snapshot is there, and what it could not keep.
func (s *Store) snapshotLosses(name string) (losses []unpack.Loss, ok bool) {
	path := filepath.Join(s.snapshotPath(name), snapshotLosses)
	fi, err := os.Lstat(path)
	if err != nil || fi.Size() == int64(len(noLosses)) {
		return nil, err == nil
	}
	data, err := os.ReadFile(path)
	return losses, err == nil && json.Unmarshal(data, &losses) == nil
}
