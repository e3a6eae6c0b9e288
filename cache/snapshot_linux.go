package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync/atomic"

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
	p = p.upTo(o.Layers)
	found := &Snapshots{needs: p.diffs()}
	if found.lease, err = s.newLease(ctx, func() (needs, error) { return found.needs, nil }); err != nil {
		return nil, err
	}
	if err := s.findSnapshots(ctx, p, o, found); err != nil {
		return nil, errors.Join(err, found.Release())
	}
	return found, nil
}

// findSnapshots finds the snapshots, and makes those that are missing. A layer that was
// never read is read once for all.
func (s *Store) findSnapshots(ctx context.Context, p *plan, o SnapshotOptions, found *Snapshots) (err error) {
	ok, err := s.foundSnapshots(p, o, found)
	if ok || err != nil {
		return err
	}
	if o.Present {
		return &AbsentError{}
	}
	end, err := s.stage(p, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	return s.makeSnapshots(ctx, p, o, found)
}

// unpackPulled makes the snapshots of an image that a pull has brought, under its lease.
func (s *Store) unpackPulled(ctx context.Context, p *plan, l *lease, o PullOptions) error {
	p = p.upTo(o.Unpack.Layers)
	found := &Snapshots{needs: p.diffs(), lease: l}
	ok, err := s.foundSnapshots(p, *o.Unpack, found)
	if err == nil && !ok {
		err = s.makeSnapshots(ctx, p, *o.Unpack, found)
	}
	if err == nil && o.Unpacked != nil {
		o.Unpacked(found)
	}
	return err
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
	names, err := s.namesOf(p, o.kind(), func() ([]wantedSnapshot, error) { return nil, errUnknown })
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

func (s *Store) makeSnapshots(ctx context.Context, p *plan, o SnapshotOptions, found *Snapshots) error {
	layers, err := s.layers(ctx, p, func(*part) {}) // that its snapshot is made is the news
	if err != nil {
		return err
	}
	defer closeLayers(layers)
	stack, err := newStack(p, layer.Squash(tocsOf(layers)), o.kind())
	if err != nil {
		return err
	}
	wanted, err := stack.wanted()
	if err != nil {
		return err
	}
	if _, err := s.namesOf(p, o.kind(), func() ([]wantedSnapshot, error) { return wanted, nil }); err != nil {
		return err
	}
	if err := stack.borrow(ctx, s, wanted); err != nil {
		return err
	}
	there, err := s.newReuse(ctx, s.path(snapshotDir), o.Link, stack.lent(s, wanted))
	if err != nil {
		return err
	}
	found.Dirs, found.Losses = make([]string, len(wanted)), make([][]unpack.Loss, len(wanted))
	var made atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(manySnapshots)
	for i, w := range wanted {
		g.Go(func() error {
			losses, isNew, err := s.snapshot(ctx, p, w, there, &o)
			found.Dirs[i], found.Losses[i] = filesOfSnapshot(s.snapshotPath(w.name)), losses
			if isNew {
				made.Add(1)
			}
			if err == nil {
				w.tell(s, isNew)
			}
			return err
		})
	}
	err = g.Wait()
	found.Made = int(made.Load())
	return err
}

// manySnapshots is how many directories are made side by side. Each has a plan of
// all its files in memory.
const manySnapshots = 4

// wantedSnapshot is one directory that there is to be.
type wantedSnapshot struct {
	name  string
	of    *part // nil for one that is no layer's
	items unpack.Items
	// borrowed are contents of lower layers, by number, that are this one's to take.
	borrowed map[int]*staged
}

// tell tells that the snapshot is there, if that is news.
func (w *wantedSnapshot) tell(s *Store, made bool) {
	if w.of != nil && (made || w.of.staging != nil) {
		s.talk.event(w.of.event(Unpacked, w.of.size))
	}
}

// snapshot makes one directory be there, and reports whether it was not.
func (s *Store) snapshot(ctx context.Context, p *plan, w wantedSnapshot, there *reuse, o *SnapshotOptions) (losses []unpack.Loss, isNew bool, err error) {
	if losses, ok := s.snapshotLosses(w.name); ok {
		return losses, false, nil
	}
	l, err := s.lock(ctx, snapshotLock(w.name), exclusive)
	if err != nil {
		return nil, false, err
	}
	defer l.unlock()
	if losses, ok := s.snapshotLosses(w.name); ok {
		return losses, false, nil
	}
	scratch, err := s.scratchInStore()
	if err != nil {
		return nil, false, err
	}
	dir, err := os.MkdirTemp(scratch, "snapshot-*")
	if err != nil {
		return nil, false, s.writing(err)
	}
	losses, err = s.fillSnapshot(ctx, p, dir, w, there, o)
	if err == nil {
		err = s.nameSnapshot(dir, w.name, losses)
	}
	if err != nil {
		return nil, false, s.writing(errors.Join(err, s.drop(dir)))
	}
	return losses, true, nil
}

func (s *Store) fillSnapshot(ctx context.Context, p *plan, dir string, w wantedSnapshot, there *reuse, how *SnapshotOptions) (losses []unpack.Loss, err error) {
	files := filesOfSnapshot(dir)
	if err := os.Mkdir(files, 0o700); err != nil {
		return nil, err
	}
	from := map[int]*staged{}
	maps.Copy(from, w.borrowed)
	if w.of != nil {
		if own := w.of.staging.take(w.of.diffID); own != nil {
			from[w.of.number] = own
			defer func() { err = errors.Join(err, own.Discard()) }()
		}
	}
	return s.fillDir(ctx, files, filling{plan: p, items: w.items, options: there.reusing(how.written()), staged: from})
}

// written says how the directories of a kind are written.
func (o *SnapshotOptions) written() unpack.Options {
	if o.Rootless {
		return unpack.Options{Overlay: unpack.User, KeepOwner: o.IDs == ""}
	}
	return unpack.Options{Overlay: unpack.Trusted}
}

// nameSnapshot gives a directory its name when all of it is on the disk.
func (s *Store) nameSnapshot(dir, name string, losses []unpack.Loss) error {
	if len(losses) == 0 {
		losses = nil // for which there is one text: noLosses
	}
	data, err := json.Marshal(losses)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, snapshotLosses), data, 0o600); err != nil {
		return err
	}
	if err := noteWeight(dir); err != nil {
		return err
	}
	if err := os.Rename(dir, s.snapshotPath(name)); err != nil {
		return err
	}
	return syncDir(s.path(snapshotDir))
}

// noteWeight notes what a snapshot weighs when all else of it is on the disk: before, it
// is not known how many blocks that takes. The note weighs the same before it is made.
// It is left out where it cannot be had.
func noteWeight(dir string) error {
	note := filepath.Join(dir, snapshotWeight)
	if err := os.WriteFile(note, []byte(unpack.Weight{}.Text()), 0o600); err != nil {
		return err
	}
	if err := syncFileSystem(dir); err != nil {
		return err
	}
	weight, err := unpack.Weigh(dir)
	if err != nil {
		return os.Remove(note)
	}
	f, err := os.OpenFile(note, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(weight.Text())
	return errors.Join(err, f.Sync(), f.Close())
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
