package cmd

import (
	"context"
	"io"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/diff"
	"github.com/layers/layers/diff/budget"
	"github.com/layers/layers/inspect"
	"github.com/layers/layers/inspect/packages"
)

// findAll finds an image for every platform that it is there for, or for the one that is
// asked for. Nothing but manifests and configs is fetched.
func (s *session) findAll(ctx context.Context, text string) ([]*image, error) {
	ref, err := source.Parse(text)
	if err != nil {
		return nil, err
	}
	if ref.Transport == source.Directory {
		return nil, &source.DirectoryError{Name: text}
	}
	stored, err := s.storedOnly(ctx, ref)
	if err != nil {
		return nil, err
	}
	if stored != nil || ref.Transport == source.Store || ref.Transport == source.Any && s.asksNobody() {
		return s.openAllStored(ctx, ref, stored)
	}
	find := source.OpenAll
	if s.fetch.Platform.Platform != nil {
		find = source.OpenEach
	}
	found, err := find(ctx, ref, s.sourceOptions())
	if err != nil {
		return nil, adviseFile(ref, s.advise(ctx, ref, err))
	}
	var all []*image
	for _, src := range found {
		s.opened = append(s.opened, src)
		all = append(all, &image{Image: src.Image, name: src.Name, digest: src.Digest, index: src.Index, platform: src.Platform})
	}
	return all, nil
}

func (s *session) asksNobody() bool { return s.fetch.Pull == pullNever || s.fetch.Offline }

// storedOnly are the images of the store that a reference means, if the store alone is to
// be asked: because nobody else may be, because it has them and need not be newer, or
// because it has them from elsewhere than a registry. A name can mean something else
// today, and a check against what it meant before would say nothing.
func (s *session) storedOnly(ctx context.Context, ref source.Reference) ([]cache.Stored, error) {
	if ref.Transport != source.Store && ref.Transport != source.Any {
		return nil, nil
	}
	all, err := s.store.Find(ctx, storeKey(ref))
	if err != nil || ref.Transport == source.Store || s.asksNobody() || s.fetch.Pull == pullMissing {
		return all, err
	}
	own := func(st cache.Stored) bool { return st.Origin != "" && st.Origin != string(source.Registry) }
	if s.fetch.Pull == pullNewer && len(all) > 0 && !slices.ContainsFunc(all, func(st cache.Stored) bool { return !own(st) }) {
		return all, nil
	}
	return nil, nil
}

// openAllStored opens images of the store, each once.
func (s *session) openAllStored(ctx context.Context, ref source.Reference, stored []cache.Stored) ([]*image, error) {
	if len(stored) < 2 || ref.Name == "" || s.fetch.Platform.Platform != nil {
		one, err := s.lookUp(ctx, ref)
		if err != nil && s.asksNobody() && ref.Transport == source.Any {
			err = s.sayWhyNotAsked(err)
		}
		if err != nil {
			return nil, s.advise(ctx, ref, err)
		}
		stored = []cache.Stored{*one}
	}
	var all []*image
	for _, st := range stored {
		if slices.ContainsFunc(all, func(i *image) bool { return i.digest == st.Digest }) {
			continue
		}
		img, err := s.open(ctx, st)
		if err != nil {
			return nil, err
		}
		all = append(all, img)
	}
	return all, nil
}

// budgetImage is an image as a check looks at it.
func (s *session) budgetImage(img *image, bases []string) (*budget.Image, error) {
	manifest, err := img.Manifest()
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	ids := inspect.DiffIDs(config)
	if _, err := s.store.Lacks(img.Image, img.name); err != nil { // it also says what is wrong with a manifest
		return nil, err
	}
	b := &budget.Image{
		Name: img.name, Digest: img.digest, Platform: img.platform.String(), User: config.Config.User,
		Reader: &layerReader{session: s, image: img},
		Base:   func(ctx context.Context) (budget.BaseFacts, error) { return s.baseFacts(ctx, img, bases) },
	}
	history := inspect.ReadHistory(config.History, len(manifest.Layers))
	for i, d := range manifest.Layers {
		l := budget.Layer{Digest: d.Digest, DiffID: ids[i], Content: d.Size}
		if step := history.Layers[i]; step != nil {
			l.Step = &diff.Step{Short: step.Short, CreatedBy: step.CreatedBy}
		}
		b.Layers = append(b.Layers, l)
	}
	return b, nil
}

// layerReader reads the layers of an image that a check asks for, and no others.
type layerReader struct {
	*session
	image *image
}

// Read reads layers side by side, each once.
func (r *layerReader) Read(ctx context.Context, numbers []int) ([]packages.Layer, error) {
	r.asking = true
	found, err := r.store.SomeLayers(ctx, r.image, r.image.name, numbers)
	r.asking = false
	r.program.progress.Clear()
	if err != nil {
		return nil, err
	}
	all := make([]packages.Layer, len(found))
	for i, l := range found {
		r.opened = append(r.opened, l.TOC, l.Kept)
		all[i] = packages.Layer{TOC: l.TOC, Kept: l.Kept}
	}
	return all, nil
}

// Open reads one file.
func (r *layerReader) Open(ctx context.Context, number int, e layer.Entry) (io.ReadCloser, error) {
	return r.store.OpenFile(ctx, r.image, number, e)
}

// baseFacts finds out what an image is built on: by what the image says itself, and what the
// rules name. What else the store has makes no difference: the answer is the same everywhere.
func (s *session) baseFacts(ctx context.Context, img *image, names []string) (facts budget.BaseFacts, err error) {
	before := s.fetch.Platform.Platform
	defer func() { s.fetch.Platform.Platform = before }()
	c, err := s.newChain(img.name, img)
	if err != nil {
		return facts, err
	}
	if err := c.gather(ctx, chainFlags{candidates: names, searchLimit: 1, named: true}); err != nil {
		return facts, err
	}
	for _, err := range c.failed {
		s.program.warn(err.Error())
	}
	r := inspect.FindBase(c.in)
	if nearest := r.Nearest(); nearest != nil {
		facts = budget.BaseFacts{
			Layers: r.Bases[len(r.Bases)-1].Layers, Names: nearest.Names, Digest: nearest.Digest, How: string(nearest.Sure),
			Pinned: slices.ContainsFunc(r.Hints, func(h inspect.Hint) bool { return h.Digest != "" && h.Sure == inspect.SameDigest }),
		}
	} else if r.Guess != nil {
		facts = budget.BaseFacts{Layers: r.Guess.Layers, How: budget.BaseGuess}
	}
	facts.Created = madeAt(c.in.Config, facts.Layers)
	return facts, nil
}

// madeAt is when the last of some lowest layers was made; nil where the history does not
// say.
func madeAt(c *v1.ConfigFile, layers int) *time.Time {
	if layers == 0 || !inspect.ReadHistory(c.History, len(c.RootFS.DiffIDs)).Matches() {
		return nil
	}
	for _, h := range c.History {
		if h.EmptyLayer {
			continue
		}
		if layers--; layers == 0 {
			if h.Created.IsZero() {
				return nil
			}
			return &h.Created.Time
		}
	}
	return nil
}
