package cache

import (
	"context"
	"errors"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/layers/layers/cache/layer"
)

// Layers returns what each of an image's layers holds, bottom first: from the
// store, else by reading the layers once, side by side, without keeping blobs. The
// display name and the number of the layer are in the errors. The caller closes
// the layers. A store that cannot be written keeps nothing and answers all the same.
func (s *Store) Layers(ctx context.Context, img v1.Image, display string) ([]Layer, error) {
	p, err := newPlan(img, display)
	if err != nil {
		return nil, err
	}
	parts := p.distinct()
	found := make([]Layer, len(parts))
	err = s.fill(ctx, parts, found)
	if err != nil {
		for _, l := range found {
			_ = l.Close() // files that were only read
		}
		return nil, err
	}
	return p.arrange(parts, found), nil
}

func (s *Store) fill(ctx context.Context, parts []*part, found []Layer) error {
	var missing []int
	for i, p := range parts {
		l, ok, err := s.derived(p)
		switch {
		case err != nil:
			return p.fail(err)
		case ok:
			found[i] = l
			s.talk.event(p.event(Exists, p.size))
		default:
			missing = append(missing, i)
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, i := range missing {
		g.Go(func() error {
			l, err := s.read(ctx, parts[i])
			found[i] = l
			return parts[i].fail(err)
		})
	}
	return g.Wait()
}

// arrange puts what was found of the distinct layers in the places of the image's.
func (p *plan) arrange(parts []*part, found []Layer) []Layer {
	at := make(map[v1.Hash]int, len(parts))
	for i, l := range parts {
		at[l.digest] = i
	}
	all := make([]Layer, len(p.parts))
	for i, l := range p.parts {
		all[i] = found[at[l.digest]]
	}
	return all
}

// TOC returns the table of contents of one layer, as Layers does. The caller
// closes it.
func (s *Store) TOC(ctx context.Context, l v1.Layer) (*layer.TOC, error) {
	p, err := newPart(l)
	if err != nil {
		return nil, err
	}
	found, ok, err := s.derived(p)
	if err == nil && !ok {
		found, err = s.read(ctx, p)
	}
	if err != nil {
		return nil, p.fail(err)
	}
	return found.TOC, found.Kept.Close()
}

func newPart(l v1.Layer) (*part, error) {
	digest, err := l.Digest()
	if err != nil {
		return nil, err
	}
	diffID, err := l.DiffID()
	if err != nil {
		return nil, err
	}
	size, err := l.Size()
	if err != nil {
		return nil, err
	}
	p := &part{number: -1, digest: digest, size: size, diffID: layer.DiffID(diffID), source: l}
	if stored, ok := l.(*storedLayer); ok {
		p.number = stored.number
	}
	if !usable(digest) || !usable(diffID) {
		return nil, p.fail(errors.New("not named by SHA-256"))
	}
	return p, nil
}

// read reads a layer and keeps what it makes of it, where it can.
func (s *Store) read(ctx context.Context, p *part) (Layer, error) {
	if s.readOnly != nil {
		return s.readAside(ctx, p)
	}
	release, err := s.claim(ctx, s.passes, p.digest)
	var full *SpaceError
	if errors.As(err, &full) {
		return s.readAside(ctx, p)
	}
	if err != nil {
		return Layer{}, err
	}
	defer release()
	// Another process may have read it in the meantime.
	if l, ok, err := s.derived(p); ok || err != nil {
		return l, err
	}
	l, err := s.readInto(ctx, p, s.ScratchDir(), true)
	if isFull(err) || errors.As(err, &full) {
		return s.readOutside(ctx, p)
	}
	return l, err
}

// claim takes a slot and the layer's lock. It never waits for the lock with the
// slot in its hands, or two processes could wait for each other for ever.
func (s *Store) claim(ctx context.Context, slots slots, digest v1.Hash) (release func(), err error) {
	if err := slots.take(ctx); err != nil {
		return nil, err
	}
	l, err := s.tryLock(layerLock(digest), exclusive)
	if l == nil && err == nil {
		slots.free()
		if l, err = s.lock(ctx, layerLock(digest), exclusive); err != nil {
			return nil, err
		}
		if err := slots.take(ctx); err != nil {
			l.unlock()
			return nil, err
		}
	}
	if err != nil {
		slots.free()
		return nil, err
	}
	return func() { l.unlock(); slots.free() }, nil
}

// readAside reads a layer without a place in the store for what it makes of it.
func (s *Store) readAside(ctx context.Context, p *part) (Layer, error) {
	if err := s.passes.take(ctx); err != nil {
		return Layer{}, err
	}
	defer s.passes.free()
	return s.readOutside(ctx, p)
}

func (s *Store) readOutside(ctx context.Context, p *part) (Layer, error) {
	dir, err := s.scratchOutside()
	if err != nil {
		return Layer{}, err
	}
	return s.readInto(ctx, p, dir, false)
}

// readInto makes a pass over a layer, with its files in dir, and publishes them or
// leaves them without names.
func (s *Store) readInto(ctx context.Context, p *part, dir string, publish bool) (Layer, error) {
	blob, stored, err := s.open(p)
	if err != nil {
		return Layer{}, err
	}
	defer blob.Close()
	m, err := s.pass(ctx, p, s.reading(p, blob), dir)
	if err != nil {
		return Layer{}, s.blame(p, stored, err)
	}
	l, err := m.open()
	switch {
	case err != nil:
		return Layer{}, errors.Join(err, m.discard())
	case publish:
		err = s.publish(m, p)
	default:
		err = m.discard()
	}
	if err != nil {
		return Layer{}, errors.Join(err, l.Close())
	}
	s.talk.event(p.event(Done, p.size))
	return l, nil
}

// blame says of a blob of the store that is not what its name promises that it is
// damaged.
func (s *Store) blame(p *part, stored bool, err error) error {
	if stored && isA[*layer.MismatchError](err) && !isA[*ConfigError](err) {
		return &BlobError{Path: s.blobPath(p.digest), Digest: p.digest, Err: err}
	}
	return err
}

// open opens a layer's blob where it is nearest: in the store, or at its source.
func (s *Store) open(p *part) (blob io.ReadCloser, stored bool, err error) {
	if s.hasBlob(p.digest, p.size) {
		blob, err = s.openBlob(p.digest, p.size)
		return blob, true, err
	}
	blob, err = p.source.Compressed()
	return blob, false, err
}

// reading tells of a pass over a blob that is here.
func (s *Store) reading(p *part, r io.Reader) io.Reader {
	if s.talk.progress == nil {
		return r
	}
	return &reporter{r: r, tell: func(n int64) { s.talk.event(p.event(Reading, n)) }}
}

// reporter tells how far a reader has come, every mebibyte.
type reporter struct {
	r          io.Reader
	tell       func(int64)
	done, told int64
}

// Read tells from the caller's goroutine, and of the first bytes at once.
func (r *reporter) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.done += int64(n)
	if r.done-r.told >= 1<<20 || r.told == 0 && n > 0 {
		r.told = r.done
		r.tell(r.done)
	}
	return n, err
}
