package cache

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cache/unpack"
)

// staging has the contents of layers that are read for the first time put aside in the
// same pass, for their snapshots. Which of them a snapshot has, and under which names,
// is known only when its layer and all below it have been read. They lie in the scratch
// directory of this process, which is swept if it is killed.
type staging struct {
	store  *Store
	mu     sync.Mutex
	kept   map[layer.DiffID]*staged
	copies []*staged
}

// staged are the contents of one layer.
type staged = unpack.Staged

// stage has the layers of a plan staged that have no snapshot of the kind. What no
// snapshot has taken at the end goes then.
func (s *Store) stage(p *plan, o SnapshotOptions) (end func() error, err error) {
	there, err := s.unpacked(o.kind())
	if err != nil {
		return nil, err
	}
	t := &staging{store: s, kept: map[layer.DiffID]*staged{}}
	for _, part := range p.upTo(o.Layers).parts {
		if !there[part.diffID.Hex] {
			part.staging = t
		}
	}
	return t.end, nil
}

// unpacked says which layers have a snapshot of the kind, whatever is below them.
func (s *Store) unpacked(kind string) (map[string]bool, error) {
	found, err := os.ReadDir(s.path(snapshotDir))
	if err != nil {
		return nil, s.writing(err)
	}
	there := map[string]bool{}
	for _, e := range found {
		if hex, _, _ := strings.Cut(e.Name(), "-"); kindOf(e.Name()) == kind {
			there[hex] = true
		}
	}
	return there, nil
}

// begin makes a place for the contents of a layer.
func (t *staging) begin() (*staged, error) {
	scratch, err := t.store.scratchInStore()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(scratch, "contents-*")
	if err != nil {
		return nil, err
	}
	c, err := unpack.NewStaged(dir)
	if err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	return c, nil
}

// keep keeps the contents of a layer whose digests were found to be right.
func (t *staging) keep(id layer.DiffID, c *staged) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept[id] != nil { // it came as another blob, too
		return c.Discard()
	}
	t.kept[id] = c
	return nil
}

// take gives the contents of a layer away, once; nil if there are none.
func (t *staging) take(id layer.DiffID) *staged {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.kept[id]
	delete(t.kept, id)
	return c
}

// borrow copies, before any is taken, what hard links of layers need of the files of
// layers below them: on an overlay those are files of their own.
func (s *stack) borrow(ctx context.Context, store *Store, wanted []wantedSnapshot) error {
	for i := range s.plan.parts {
		w := &wanted[i]
		if _, there := store.snapshotLosses(w.name); there || !s.changed[i].borrows {
			continue
		}
		offsets := map[int][]int64{}
		for l, err := range s.of(i) {
			if err != nil {
				return err
			}
			if l.Kind == layer.File && l.Carrier != i {
				offsets[l.Carrier] = append(offsets[l.Carrier], l.Offset)
			}
		}
		w.borrowed = map[int]*staged{}
		for carrier, list := range offsets {
			slices.Sort(list)
			of := s.plan.parts[carrier]
			c, err := of.staging.lend(ctx, of.diffID, slices.Compact(list))
			if err != nil {
				return store.writing(err)
			}
			w.borrowed[carrier] = c
		}
	}
	return nil
}

// lent tells the contents of lower layers that snapshots are to have, as those of hard
// links to their files, and that are not staged; nil if there are none. What a lower
// snapshot has need not be read in its layer.
func (s *stack) lent(store *Store, wanted []wantedSnapshot) func(*layer.Entry) bool {
	digests := map[layer.Digest]bool{}
	for i := range s.plan.parts {
		w := &wanted[i]
		if _, there := store.snapshotLosses(w.name); there || !s.changed[i].borrows {
			continue
		}
		for l, err := range s.of(i) {
			if err == nil && l.Kind == layer.File && l.Carrier != i && w.borrowed[l.Carrier] == nil {
				digests[l.Digest] = true
			}
		}
	}
	if len(digests) == 0 {
		return nil
	}
	return func(e *layer.Entry) bool { return digests[e.Digest] }
}

// lend copies some of what a layer has staged; nil if that is not there.
func (t *staging) lend(ctx context.Context, id layer.DiffID, offsets []int64) (*staged, error) {
	if t == nil || t.kept[id] == nil {
		return nil, nil
	}
	c, err := t.begin()
	if err != nil {
		return nil, err
	}
	t.copies = append(t.copies, c)
	if err := c.Copy(ctx, t.kept[id], offsets); err != nil {
		return nil, err
	}
	return c, c.Flush()
}

func (t *staging) end() error {
	var errs []error
	for id := range t.kept {
		errs = append(errs, t.kept[id].Discard())
	}
	for _, c := range t.copies {
		errs = append(errs, c.Discard())
	}
	return errors.Join(errs...)
}
