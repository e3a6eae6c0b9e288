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
	return s.layersOf(ctx, p)
}

// SomeLayers is Layers for some of an image's layers, by their numbers from 0: the others
// are neither asked for nor read.
func (s *Store) SomeLayers(ctx context.Context, img v1.Image, display string, numbers []int) ([]Layer, error) {
	p, err := newPlan(img, display)
	if err != nil {
		return nil, err
	}
	some := make([]*part, len(numbers))
	for i, n := range numbers {
		some[i] = p.parts[n]
	}
	p.parts = some
	return s.layersOf(ctx, p)
}

func (s *Store) layersOf(ctx context.Context, p *plan) ([]Layer, error) {
	return s.layers(ctx, p, func(l *part) { s.talk.event(l.event(Exists, l.size)) })
}

// layers is Layers for a plan. exists is told of the layers that were read before.
func (s *Store) layers(ctx context.Context, p *plan, exists func(*part)) ([]Layer, error) {
	parts := p.distinct()
	found := make([]Layer, len(parts))
	err := s.fill(ctx, parts, found, exists)
	if err != nil {
		for _, l := range found {
			_ = l.Close() // files that were only read
		}
		return nil, err
	}
	return p.arrange(parts, found), nil
}

func (s *Store) fill(ctx context.Context, parts []*part, found []Layer, exists func(*part)) error {
	var missing []int
	for i, p := range parts {
		l, ok, err := s.derived(p)
		switch {
		case err != nil:
			return p.fail(err)
		case ok:
			found[i] = l
			exists(p)
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
	pass, release, err := s.claim(ctx, p.digest)
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
	l, err := s.readInto(ctx, pass, p, s.ScratchDir(), true)
	if isFull(err) || errors.As(err, &full) {
		return s.readOutside(ctx, pass, p)
	}
	return l, err
}

// claim takes a slot for a pass, and the layer's lock. It never waits for the lock
// with the slot in its hands, or two processes could wait for each other for ever.
func (s *Store) claim(ctx context.Context, digest v1.Hash) (pass *slot, release func(), err error) {
	if pass, err = s.passes.take(ctx); err != nil {
		return nil, nil, err
	}
	l, err := s.tryLock(layerLock(digest), exclusive)
	if l == nil && err == nil {
		pass.release()
		if l, err = s.lock(ctx, layerLock(digest), exclusive); err != nil {
			return nil, nil, err
		}
		if pass, err = s.passes.take(ctx); err != nil {
			l.unlock()
			return nil, nil, err
		}
	}
	if err != nil {
		pass.release()
		return nil, nil, err
	}
	return pass, func() { l.unlock(); pass.release() }, nil
}

// readAside reads a layer without a place in the store for what it makes of it.
func (s *Store) readAside(ctx context.Context, p *part) (Layer, error) {
	pass, err := s.passes.take(ctx)
	if err != nil {
		return Layer{}, err
	}
	defer pass.release()
	return s.readOutside(ctx, pass, p)
}

func (s *Store) readOutside(ctx context.Context, pass *slot, p *part) (Layer, error) {
	dir, err := s.scratchOutside()
	if err != nil {
		return Layer{}, err
	}
	return s.readInto(ctx, pass, p, dir, false)
}

// readInto makes a pass over a layer, with its files in dir, and publishes them or
// leaves them without names.
func (s *Store) readInto(ctx context.Context, pass *slot, p *part, dir string, publish bool) (Layer, error) {
	m, err := s.passWith(ctx, pass, func() (*made, error) {
		blob, stored, err := s.open(p)
		if err != nil {
			return nil, err
		}
		defer blob.Close()
		m, err := s.pass(ctx, pass, p, s.reading(p, blob), dir)
		return m, s.blame(p, stored, err)
	})
	if err != nil {
		return Layer{}, err
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
	s.talk.event(p.read())
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
