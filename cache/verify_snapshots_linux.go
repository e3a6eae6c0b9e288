package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cache/unpack"
)

// toldDifferences is how many differences of a snapshot are told one by one.
const toldDifferences = 3

// snapshots holds the unpacked layers against the tables of contents: those that named
// images need, and others whose names say that the layers below make no difference.
func (v *verifier) snapshots(ctx context.Context) error {
	found, err := os.ReadDir(v.store.path(snapshotDir))
	if ignoreGone(err) != nil {
		return err
	}
	c := &snapshotChecks{v: v, there: map[string]bool{}, faults: map[string]*fault{}}
	for _, e := range found {
		if hex, _, _ := strings.Cut(e.Name(), "-"); !isHex64(hex) || !e.IsDir() {
			v.foundStray(path.Join(snapshotDir, e.Name()))
			continue
		}
		c.there[e.Name()] = true
	}
	for _, e := range v.named {
		for _, st := range v.store.imagesOf(e) {
			if err := c.image(ctx, st); err != nil {
				return err
			}
		}
	}
	return c.others(ctx)
}

// kinds are those of the snapshots that this process can compare.
func (v *verifier) kinds() []SnapshotOptions {
	all := []SnapshotOptions{{}, {Rootless: true}}
	if v.repair.IDs != "" {
		all = append(all, SnapshotOptions{Rootless: true, IDs: v.repair.IDs})
	}
	return all
}

// snapshotChecks are the comparisons of one run of Verify.
type snapshotChecks struct {
	v      *verifier
	there  map[string]bool   // the snapshots that are there and were not compared
	faults map[string]*fault // by the snapshot's name
}

// image compares the snapshots of an image of which there are any.
func (c *snapshotChecks) image(ctx context.Context, st Stored) error {
	img, err := c.v.store.image(st.Digest)
	if err != nil {
		return nil // it was told with its blobs
	}
	p, err := newPlan(img, st.Name)
	if err != nil {
		return nil // the same
	}
	for _, kind := range c.v.kinds() {
		has, err := c.v.store.unpacked(kind.kind())
		if err != nil {
			return err
		}
		for _, part := range p.parts {
			if has[part.diffID.Hex] {
				if err := c.stack(ctx, st, img, p, kind); err != nil {
					return err
				}
				break
			}
		}
	}
	return ctx.Err()
}

// stack compares the snapshots of one kind of an image.
func (c *snapshotChecks) stack(ctx context.Context, st Stored, img v1.Image, p *plan, kind SnapshotOptions) error {
	tocs, free := c.tocs(p)
	defer free()
	if tocs == nil {
		return nil // without the tables nothing can be told
	}
	s, err := newStack(p, layer.Squash(tocs), kind.kind())
	if err != nil {
		return nil // a layer that cannot be unpacked has no snapshots
	}
	wanted, err := s.wanted()
	if err != nil {
		return nil
	}
	again := func(layers int) func(context.Context) error {
		return func(ctx context.Context) error {
			kind.Display, kind.Layers = st.Name, layers
			found, err := c.v.store.Snapshots(ctx, img, kind)
			if err != nil {
				return err
			}
			return found.Release()
		}
	}
	for n := 1; n < len(tocs); n++ { // as mount --layer N shows it
		low := &stack{plan: p, tree: layer.Squash(tocs[:n]), kind: kind.kind()}
		root, err := low.tree.Lookup("")
		if err != nil || root.Layer == n-1 {
			continue
		}
		if err := c.all(ctx, []wantedSnapshot{low.root(root)}, kind, st, again(n)); err != nil {
			return err
		}
	}
	return c.all(ctx, wanted, kind, st, again(0))
}

// tocs opens the tables of an image's layers; nil if not all are there and good.
func (c *snapshotChecks) tocs(p *plan) (tocs []*layer.TOC, free func()) {
	var layers []Layer
	free = func() { closeLayers(layers) }
	for _, part := range p.parts {
		l, ok, err := c.v.store.derived(part)
		if !ok || err != nil {
			return nil, free
		}
		layers = append(layers, l)
		if l.TOC.Verify() != nil {
			return nil, free
		}
	}
	return tocsOf(layers), free
}

func (c *snapshotChecks) all(ctx context.Context, wanted []wantedSnapshot, kind SnapshotOptions, st Stored, again func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(int(c.v.store.passes.all))
	for _, w := range wanted {
		if f := c.faults[w.name]; f != nil && f.What != "" {
			f.Images = append(f.Images, titles([]Stored{st})...)
		}
	}
	for _, w := range wanted {
		if !c.there[w.name] {
			continue
		}
		delete(c.there, w.name)
		f := &fault{snapshot: w.name, again: again, Damage: Damage{Path: path.Join(snapshotDir, w.name), Images: titles([]Stored{st})}}
		c.faults[w.name] = f
		g.Go(func() error { return c.v.compareSnapshot(ctx, f, w.items, &kind) })
	}
	err := g.Wait()
	for _, w := range wanted {
		if f := c.faults[w.name]; f != nil && f.What == "" {
			delete(c.faults, w.name)
		}
	}
	return err
}

// others compares snapshots of layers that no named image has, or not with the same
// layers below.
func (c *snapshotChecks) others(ctx context.Context) error {
	none := func(func(layer.Lower, error) bool) {}
	for name := range c.there {
		hex, of, _ := strings.Cut(name, "-")
		kinds := c.v.kinds()
		i := slices.IndexFunc(kinds, func(k SnapshotOptions) bool { return k.kind() == of })
		if i < 0 {
			continue
		}
		toc, err := layer.OpenTOC(c.v.store.path(tocDir, hex))
		if err != nil {
			continue
		}
		f := &fault{snapshot: name, Damage: Damage{Path: path.Join(snapshotDir, name)}}
		if toc.Verify() == nil {
			err = c.v.compareSnapshot(ctx, f, lowerItems(toc.Lower(0, none)), &kinds[i])
		}
		if err := errors.Join(err, toc.Close()); err != nil {
			return err
		}
	}
	return nil
}

// compareSnapshot compares one snapshot, and notes the fault if there is one.
func (v *verifier) compareSnapshot(ctx context.Context, f *fault, items unpack.Items, kind *SnapshotOptions) error {
	dir := v.store.snapshotPath(f.snapshot)
	losses, whole := v.store.snapshotLosses(f.snapshot)
	c, err := unpack.Compare(ctx, filesOfSnapshot(dir), items, kind.written(), losses, func(r io.Reader) (layer.Digest, error) {
		return contentDigest(&untilDone{ctx, r})
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, gone := os.Lstat(dir); gone != nil {
		return nil // removed meanwhile
	}
	v.countSnapshot(c.Bytes)
	switch {
	case !whole:
		f.What = snapshotLosses + " is missing or damaged"
	case err != nil:
		f.What = err.Error()
	case c.Count > 0:
		f.What = differences(c)
	default:
		return nil
	}
	v.found(f)
	return nil
}

// differences tells the first of them.
func differences(c unpack.Comparison) string {
	var told []string
	for _, d := range c.First[:min(len(c.First), toldDifferences)] {
		told = append(told, fmt.Sprintf("/%s: %s", d.Path, d.What))
	}
	text := strings.Join(told, "; ")
	if more := c.Count - int64(len(told)); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

func (v *verifier) countSnapshot(bytes int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.counts.Snapshots++
	v.counts.Bytes += bytes
}

var errInUse = errors.New("a mount or a running command uses it")

// remake makes a damaged snapshot again, unless somebody uses it. One that no named
// image needs is removed.
func (v *verifier) remake(ctx context.Context, f *fault) {
	if err := v.throwAway(ctx, f.snapshot); err != nil {
		f.outcome("", err)
		return
	}
	if f.again == nil {
		f.outcome("removed", nil)
		return
	}
	f.outcome("made again", f.again(ctx))
}

func (v *verifier) throwAway(ctx context.Context, snapshot string) error {
	gc, err := v.store.lock(ctx, gcLock, exclusive)
	if err != nil {
		return err
	}
	defer gc.unlock()
	used, err := v.isUsed(snapshot)
	if err == nil && used {
		err = errInUse
	}
	if err != nil {
		return err
	}
	_, err = v.store.discard(v.store.snapshotPath(snapshot))
	return err
}

// isUsed reports whether a lease other than Verify's own is on a snapshot's layer, or a
// mount shows it. The caller holds the exclusive gc lock.
func (v *verifier) isUsed(snapshot string) (bool, error) {
	live, _, err := v.store.mounts()
	if err != nil {
		return false, err
	}
	for _, r := range live {
		if slices.Contains(r.Snapshots, snapshot) {
			return true, nil
		}
	}
	leases, err := os.ReadDir(v.store.path(leaseDir))
	if err != nil {
		return false, err
	}
	hex, _, _ := strings.Cut(snapshot, "-")
	for _, e := range leases {
		if v.lease != nil && e.Name() == v.lease.id {
			continue
		}
		n, lives, err := readLease(v.store.path(leaseDir, e.Name()))
		if ignoreGone(err) != nil {
			return false, err
		}
		if lives && n.Diffs[hex] {
			return true, nil
		}
	}
	return false, nil
}
