package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/source"
)

// image is an image that was found. Its layers are read from the store, or from
// where it lies.
type image struct {
	v1.Image
	name     string // as people write it
	digest   v1.Hash
	index    *v1.Hash
	platform v1.Platform
	asked    bool // a registry was asked just now what the name means
}

// find finds the image that text means: in the store, in a registry (from where it
// is brought into the store), or wherever the reference leads.
func (s *session) find(ctx context.Context, text string) (*image, error) {
	ref, err := source.Parse(text)
	if err != nil {
		return nil, err
	}
	var found *image
	switch ref.Transport {
	case source.Store:
		found, err = s.fromStore(ctx, ref)
	case source.Any:
		found, err = s.byPolicy(ctx, ref)
	case source.Registry:
		found, err = s.fromRegistry(ctx, ref, nil)
	default:
		found, err = s.inPlace(ctx, ref)
	}
	if err != nil {
		return nil, adviseFile(ref, s.advise(ctx, ref, err))
	}
	return found, nil
}

// byPolicy decides by --pull between the store and the registry.
func (s *session) byPolicy(ctx context.Context, ref source.Reference) (*image, error) {
	stored, missing := s.lookUp(ctx, ref)
	var notFound *source.NotFoundError
	var platform *source.PlatformError
	switch {
	case missing != nil && !errors.As(missing, &notFound) && !errors.As(missing, &platform):
		return nil, missing
	case s.fetch.Pull == pullNever, s.fetch.Offline:
		if missing != nil {
			return nil, s.sayWhyNotAsked(missing)
		}
		return s.openWhole(ctx, *stored)
	case s.fetch.Pull == pullMissing && missing == nil && s.isExact(ref, stored):
		return s.openWhole(ctx, *stored)
	case s.fetch.Pull == pullAlways, missing != nil:
		return s.fromRegistry(ctx, ref, nil)
	}
	// newer; or the registry may have a variant that fits better.
	found, err := s.fromRegistry(ctx, ref, stored)
	var temporary *source.TemporaryError
	if stored != nil && errors.As(err, &temporary) {
		s.program.warn(err.Error() + ": taking the image in the store")
		return s.openStored(ctx, *stored)
	}
	return found, err
}

// sayWhyNotAsked adds to an image's absence in the store that nothing else was asked.
func (s *session) sayWhyNotAsked(missing error) error {
	why := "the registry was not asked: --pull never"
	if s.fetch.Offline {
		why = "the registry was not asked: --offline"
	}
	return &advised{err: missing, detail: []string{why}}
}

// lookUp finds a reference in the store: the image for the platform, or the only
// one. Its errors are *source.NotFoundError and *source.PlatformError if there is none.
func (s *session) lookUp(ctx context.Context, ref source.Reference) (*cache.Stored, error) {
	all, err := s.store.Find(ctx, storeKey(ref))
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, &source.NotFoundError{Name: ref.Text, Reason: "not in the store"}
	}
	if ref.Name == "" {
		return oneDigest(ref, all)
	}
	want, err := s.wanted()
	if err != nil {
		return nil, err
	}
	if best := bestFit(want, all); best != nil {
		return best, nil
	}
	// What was stored from a single manifest is taken as it is, as the registry would.
	if i := slices.IndexFunc(all, func(st cache.Stored) bool { return st.Index == nil }); i >= 0 {
		return &all[i], nil
	}
	return nil, &source.PlatformError{Name: ref.Text + " (in the store)", Want: want.String(), Have: platformsOf(all)}
}

// storeKey is what the store knows a reference by.
func storeKey(ref source.Reference) string {
	if ref.Name == "" {
		return ref.Digest
	}
	return ref.Name
}

// oneDigest takes what the digits of a digest found, if it is one image.
func oneDigest(ref source.Reference, all []cache.Stored) (*cache.Stored, error) {
	var lines []string
	for _, st := range all {
		if st.Digest != all[0].Digest {
			lines = nil
			for _, st := range all {
				lines = append(lines, strings.TrimSpace(st.Digest.String()+"  "+source.Short(st.Name)))
			}
			return nil, &advised{
				err:    &usageError{text: fmt.Sprintf("%s: several images have digests that begin so", ref.Text)},
				detail: slices.Compact(lines),
			}
		}
	}
	return &all[0], nil
}

// wanted is the platform that is asked for.
func (s *session) wanted() (v1.Platform, error) {
	if p := s.fetch.Platform.Platform; p != nil {
		return *p, nil
	}
	text := s.program.getenv("DOCKER_DEFAULT_PLATFORM")
	if text == "" {
		return source.ParsePlatform("linux")
	}
	p, err := source.ParsePlatform(text)
	if err != nil {
		return p, &usageError{text: "DOCKER_DEFAULT_PLATFORM: " + err.Error()}
	}
	return p, nil
}

// bestFit is the image that serves a platform best; nil if none does.
func bestFit(want v1.Platform, all []cache.Stored) *cache.Stored {
	var best *cache.Stored
	most := 0
	for i := range all {
		if fit := source.Fits(want, all[i].Platform); fit > most {
			best, most = &all[i], fit
		}
	}
	return best
}

// isExact reports whether an image of the store is the one for the platform that is
// asked for, so that no other can fit better. What was stored from a single manifest
// has no other.
func (s *session) isExact(ref source.Reference, stored *cache.Stored) bool {
	if ref.Name == "" || stored.Index == nil {
		return true
	}
	want, err := s.wanted()
	return err == nil && source.Fits(want, stored.Platform) == source.ExactFit
}

func platformsOf(all []cache.Stored) []string {
	var names []string
	for _, st := range all {
		names = append(names, st.Platform.String())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// fromStore finds a reference that can only mean the store.
func (s *session) fromStore(ctx context.Context, ref source.Reference) (*image, error) {
	stored, err := s.lookUp(ctx, ref)
	if err != nil {
		return nil, err
	}
	return s.openStored(ctx, *stored)
}

// open opens an image of the store.
func (s *session) open(ctx context.Context, st cache.Stored) (*image, error) {
	if err := s.hold(ctx, st.Digest); err != nil {
		return nil, err
	}
	img, err := s.store.Image(ctx, st.Digest)
	if err != nil {
		return nil, err
	}
	s.store.Use(st.Digest)
	name := source.Short(st.Name)
	if name == "" {
		name = "sha256:" + shortDigest(st.Digest)
	}
	return &image{Image: img, name: name, digest: st.Digest, index: st.Index, platform: st.Platform}, nil
}

// fromRegistry brings an image into the store and opens it there. If the registry
// still has the known one, that is taken as it is.
func (s *session) fromRegistry(ctx context.Context, ref source.Reference, known *cache.Stored) (*image, error) {
	if s.peeking {
		return s.peek(ctx, ref, known)
	}
	if readOnly := s.store.Writable(); readOnly != nil {
		s.program.warn(readOnly.Error() + ": the image is read from the registry and not kept")
		return s.inPlace(ctx, ref)
	}
	src, err := source.Open(ctx, ref, s.sourceOptions())
	if err != nil {
		return nil, err
	}
	defer src.Close()
	if known != nil && known.Digest == src.Digest {
		return s.openWhole(ctx, *known)
	}
	stored, err := s.pullToUse(ctx, src)
	if err != nil {
		return nil, err
	}
	found, err := s.open(ctx, stored)
	if err != nil {
		return nil, err
	}
	found.name = src.Name
	return found, nil
}

// pullToUse brings an image into the store, and holds it there.
func (s *session) pullToUse(ctx context.Context, src *source.Image) (cache.Stored, error) {
	return s.pull(ctx, src, nil, func(release func() error) {
		if before := s.held[src.Digest]; before != nil {
			both := release
			release = func() error { return errors.Join(before(), both()) }
		}
		s.holding(src.Digest, release)
	})
}

// pull brings an image into the store, with progress. If it is unpacked too, unpacked is
// told of its snapshots; held is given the lease on the image. Both may be nil.
func (s *session) pull(ctx context.Context, src *source.Image, unpacked func(*cache.Snapshots), held func(func() error)) (cache.Stored, error) {
	m, err := src.Manifest()
	if err != nil {
		return cache.Stored{}, err
	}
	var size int64
	for _, d := range m.Layers {
		size += d.Size
	}
	s.program.progress.Expect(src.Name, len(m.Layers), size)
	defer s.program.progress.Clear()
	return s.store.Pull(ctx, src.Image, cache.PullOptions{
		Names: src.Names, Display: src.Name, Platform: src.Platform, Index: src.Index,
		Origin: string(src.From), Unpack: s.unpack, Unpacked: unpacked, Held: held,
		Replaced: func(old cache.Stored) { s.sayReplaced(old, src) },
	})
}

// sayReplaced tells that a name now means an image from elsewhere: a registry's
// python:3.10 gone for an archive's is no update that one would expect.
func (s *session) sayReplaced(old cache.Stored, src *source.Image) {
	if old.Origin == string(src.From) {
		return
	}
	from, was := string(src.From), old.Origin
	if src.Ref.Path != "" {
		from += " " + src.Ref.Path
	}
	if was == "" {
		was = "elsewhere"
	}
	s.program.say("note: %s is now %s, from %s;\n  before, it was %s, from %s",
		source.Short(old.Name), shortDigest(src.Digest), from, shortDigest(old.Digest), was)
}

// inPlace opens an image that is read where it lies.
func (s *session) inPlace(ctx context.Context, ref source.Reference) (*image, error) {
	src, err := source.Open(ctx, ref, s.sourceOptions())
	if err != nil {
		return nil, err
	}
	s.opened = append(s.opened, src)
	return &image{
		Image: src.Image, name: src.Name, digest: src.Digest, index: src.Index, platform: src.Platform,
		asked: src.From == source.Registry && ref.Digest == "",
	}, nil
}

// peek opens an image of a registry without pulling it; from the store, if it is known
// there.
func (s *session) peek(ctx context.Context, ref source.Reference, known *cache.Stored) (*image, error) {
	img, err := s.inPlace(ctx, ref)
	if err != nil || known == nil || known.Digest != img.digest {
		return img, err
	}
	stored, err := s.open(ctx, *known)
	if err == nil {
		stored.asked = img.asked
	}
	return stored, err
}

// advise adds to an image's absence what the store has that is written alike.
func (s *session) advise(ctx context.Context, ref source.Reference, err error) error {
	var notFound *source.NotFoundError
	if !errors.As(err, &notFound) || ref.Path != "" {
		return err
	}
	a := &advised{err: err}
	if all, e := s.store.Images(ctx); e == nil { // advice is not worth an error
		for _, name := range nearNames(strings.TrimPrefix(ref.Text, "store:"), shortNames(all)) {
			a.detail = append(a.detail, "did you mean "+name+" (in the store)?")
		}
	}
	if len(a.detail) == 0 && (ref.Transport == source.Store || s.fetch.Pull == pullNever || s.fetch.Offline) {
		a.hint = "layers images shows what is in the store"
	}
	return a
}

// adviseFile adds to an error about a plain name that there is a file called so: a
// name never means one, and whoever forgets that may be told of a registry instead.
func adviseFile(ref source.Reference, err error) error {
	if ref.Transport != source.Any {
		return err
	}
	if _, e := os.Stat(ref.Text); e != nil { // advice is not worth an error
		return err
	}
	return &advised{err: err, hint: "the file of that name is ./" + ref.Text}
}

// shortNames are the names in the store, as people write them, each once.
func shortNames(all []cache.Stored) []string {
	var names []string
	for _, st := range all {
		if st.Name != "" {
			names = append(names, source.Short(st.Name))
		}
	}
	return slices.Compact(names)
}
