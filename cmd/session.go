package cmd

import (
	"context"
	"errors"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/inspect"
)

// session is an open store, and how images are found.
type session struct {
	program *program
	store   *cache.Store
	fetch   fetchFlags
	opened  []io.Closer              // sources of images that are read in place
	held    map[v1.Hash]func() error // lets go of the images of the store that are in use
	asking  bool                     // layers are asked for, not brought in
	wait    bool                     // what is thrown away is to be gone at the end
	peeking bool                     // of images only manifests and configs are wanted: nothing is pulled
	// unpack has what is pulled unpacked in the same pass; nil leaves it packed.
	unpack *cache.SnapshotOptions
}

// quietly shows no progress, unless its form was asked for.
func (s storeFlags) quietly(quiet bool) storeFlags {
	if quiet && s.Progress == term.ModeAuto {
		s.Progress = term.ModeNone
	}
	return s
}

// errNoHome says that nothing tells where the store is.
var errNoHome = errors.New("where the store is is not known: HOME is not set")

// path is the store's directory, whether it is there or not.
func (s storeFlags) path() (string, error) {
	if s.Dir != "" {
		return s.Dir, nil
	}
	if dir := cache.DefaultDir(); dir != "" {
		return dir, nil
	}
	return "", errNoHome
}

// settings are the flags that commands on the store have in common: which store and
// how it is used, where images come from, and how the answer is written.
type settings struct {
	store storeFlags
	fetch fetchFlags
	out   outputFlags
}

// addImage adds the flags of commands that look at an image.
func (f *settings) addImage(c *cobra.Command) {
	f.store.work(c)
	f.fetch.add(c, true)
}

// inStore checks the flags, and gives do the store, which is closed when it returns.
func (p *program) inStore(f settings, do func(*session) error) (err error) {
	if err := errors.Join(f.out.check(), f.fetch.check()); err != nil {
		return err
	}
	s, err := p.session(f.store.quietly(f.out.Quiet), f.fetch)
	if err != nil {
		return err
	}
	defer closing(s.close, &err)
	return do(s)
}

// onImage is inStore for an image: do is given what reports on it are made from,
// for as long as it runs.
func (p *program) onImage(ctx context.Context, f settings, name string, do func(*session, *image, inspect.Input) error) error {
	return p.inStore(f, func(s *session) error {
		img, err := s.find(ctx, name)
		if err != nil {
			return err
		}
		in, free, err := s.input(ctx, img)
		if err != nil {
			return err
		}
		defer free()
		return do(s, img, in)
	})
}

// closing closes at a function's end; its error counts if there is no other.
func closing(c func() error, err *error) {
	if e := c(); *err == nil {
		*err = e
	}
}

// session opens the store. Close it.
func (p *program) session(flags storeFlags, fetch fetchFlags) (*session, error) {
	if err := flags.check(); err != nil {
		return nil, err
	}
	dir, err := flags.path()
	if err != nil {
		return nil, err
	}
	p.startProgress(flags.Progress)
	s := &session{program: p, fetch: fetch}
	s.store, err = cache.Open(dir, cache.Options{
		ReadOnly: flags.look,
		Jobs:     flags.Jobs,
		Limits:   flags.Limits,
		Progress: s.show,
		Waiting:  func(holder string) { p.say("waiting for %s, which uses the store", holder) },
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// shortDigest is a digest as tables show it.
func shortDigest(h v1.Hash) string { return h.Hex[:min(12, len(h.Hex))] }

// close takes the progress off the screen and frees what was opened.
func (s *session) close() error {
	s.program.progress.Clear()
	errs := []error{s.letGo()}
	for _, c := range s.opened {
		errs = append(errs, c.Close())
	}
	errs = append(errs, s.store.Close())
	if s.store.HasTrash() {
		if s.wait {
			errs = append(errs, cache.EmptyTrash(s.store.Dir(), false))
		} else {
			emptyTrash(s.store.Dir())
		}
	}
	return errors.Join(errs...)
}

// hold keeps an image of the store until the session ends, or lets go: what is removed
// meanwhile by others goes when it is used no more.
func (s *session) hold(ctx context.Context, digest v1.Hash) error {
	if s.held[digest] != nil {
		return nil
	}
	release, err := s.store.Hold(ctx, digest)
	if err == nil {
		s.holding(digest, release)
	}
	return err
}

func (s *session) holding(digest v1.Hash, release func() error) {
	if s.held == nil {
		s.held = map[v1.Hash]func() error{}
	}
	s.held[digest] = release
}

// letGo ends what hold began.
func (s *session) letGo() error {
	var errs []error
	for _, release := range s.held {
		errs = append(errs, release())
	}
	s.held = nil
	return errors.Join(errs...)
}

// sourceOptions says how sources outside the store are asked.
func (s *session) sourceOptions() source.Options {
	o := source.Options{
		Platform:      s.fetch.Platform.Platform,
		AuthFile:      s.fetch.AuthFile,
		PlainHTTP:     s.fetch.PlainHTTP,
		SkipTLSVerify: !s.fetch.TLSVerify,
		Offline:       s.fetch.Offline,
		TempDir:       s.store.ScratchDir(),
		Stdin:         s.program.stdin,
		Warn:          s.program.warn,
		Retry:         s.program.retrying,
	}
	if s.peeking {
		o.Memo = s.store.Memo
	}
	return o
}

// layers returns what each of an image's layers holds, and a function that frees it.
func (s *session) layers(ctx context.Context, img *image) ([]cache.Layer, func(), error) {
	s.asking = true
	found, err := s.store.Layers(ctx, img, img.name)
	s.asking = false
	s.program.progress.Clear()
	if err != nil {
		return nil, nil, err
	}
	// These were only read: closing them cannot lose anything.
	free := func() {
		for _, l := range found {
			l.TOC.Close()
			l.Kept.Close()
		}
	}
	return found, free, nil
}
