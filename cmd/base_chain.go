package cmd

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/inspect"
)

// chainFlags say among which images the bases of an image are looked for, besides those
// of the store and those that the image names itself.
type chainFlags struct {
	candidates  []string
	search      []string
	searchLimit int
	named       bool        // among those that are named alone, and not among all of the store
	out         outputFlags // the command's
}

func (f *chainFlags) add(c *cobra.Command) {
	c.Flags().StringSliceVar(&f.candidates, "candidates", nil, "other images that may be a base, as `NAME,NAME`")
	c.Flags().StringSliceVar(&f.search, "search", nil, "look among the tags of `REPOSITORY,REPOSITORY` in registries")
	c.Flags().IntVar(&f.searchLimit, "search-limit", 30, "look at no more than `N` tags of a repository")
}

func (f *chainFlags) check(fetch fetchFlags) error {
	switch {
	case f.searchLimit < 1:
		return &usageError{text: "--search-limit must be at least 1"}
	case len(f.search) > 0 && fetch.Offline:
		return &usageError{text: "--search asks registries, and --offline none"}
	case len(f.search) > 0 && fetch.Pull == pullNever:
		return &usageError{text: "--search asks registries, and --pull never none"}
	}
	return nil
}

// baseChain tells what an image is built on. Of no image a layer is fetched. What could
// not be asked is an error, after the answer.
func (s *session) baseChain(ctx context.Context, name string, f chainFlags) error {
	if err := f.check(s.fetch); err != nil {
		return err
	}
	s.peeking = true
	img, err := s.find(ctx, name)
	if err != nil {
		return err
	}
	c, err := s.newChain(name, img)
	if err != nil {
		return err
	}
	if err := c.gather(ctx, f); err != nil {
		return err
	}
	r := inspect.FindBase(c.in)
	r.Searched = append(r.Searched, c.searched...)
	if err := c.askNow(ctx, r); err != nil {
		return err
	}
	if !f.out.Quiet {
		return errors.Join(append(c.failed, s.program.report(f.out, r))...)
	}
	var lines []string
	if nearest := r.Nearest(); nearest != nil {
		lines = append(lines, nearest.Name())
	}
	return errors.Join(append(c.failed, s.program.lines(f.out, lines))...)
}

// chain is an image whose bases are looked for, and what was found up to now.
type chain struct {
	*session
	in       inspect.BaseInput
	host     string            // of the registry that the image's name is of; "" if of none
	current  map[string]bool   // names that a registry was asked for just now
	local    map[string]string // of names that are not from a registry: where from
	searched []inspect.Search
	failed   []error // what could not be asked
}

func (s *session) newChain(name string, img *image) (*chain, error) {
	c := &chain{session: s, current: map[string]bool{}, local: map[string]string{}}
	c.in = inspect.BaseInput{Name: img.name, Digest: img.digest, Index: img.index, Platform: img.platform}
	var err error
	if c.in.Manifest, err = img.Manifest(); err != nil {
		return nil, err
	}
	if c.in.Config, err = img.ConfigFile(); err != nil {
		return nil, err
	}
	if c.in.Unpacked, err = s.store.Unpacked(img, img.name); err != nil {
		return nil, err
	}
	for _, text := range []string{name, img.name} {
		if ref, err := source.Parse(text); err == nil && ref.Path == "" && ref.Name != "" && c.host == "" {
			c.host, _, _ = strings.Cut(ref.Name, "/")
		}
	}
	if img.platform.OS != "" { // a base is for the same one
		s.fetch.Platform.Platform = &img.platform
	}
	return c, nil
}

// gather finds the candidates.
func (c *chain) gather(ctx context.Context, f chainFlags) error {
	if err := c.fromStore(ctx, f.named); err != nil {
		return err
	}
	for _, name := range f.candidates {
		if err := c.given(ctx, name); err != nil {
			return err
		}
	}
	c.in.Hints = inspect.Hints(c.in.Manifest, c.in.Config)
	for i := range c.in.Hints {
		if err := c.check(ctx, &c.in.Hints[i]); err != nil {
			return err
		}
	}
	return c.searchAll(ctx, f)
}

func (c *chain) fromStore(ctx context.Context, named bool) error {
	all, err := c.store.Images(ctx)
	if err != nil {
		return err
	}
	for _, st := range all {
		if st.Origin != "" && st.Origin != string(source.Registry) {
			c.local[source.Short(st.Name)] = st.Origin
		}
	}
	if c.local[c.in.Name] != "" { // whoever made the file chose the name, and the host in it
		c.host = ""
	}
	if !named {
		c.in.Candidates, err = c.bases(ctx, c.in.Digest)
	}
	return err
}

// given looks up a candidate that the user names. One that cannot be had does not keep
// the others from being compared.
func (c *chain) given(ctx context.Context, name string) error {
	ref, err := source.Parse(name)
	if err != nil {
		return err
	}
	img, err := c.find(ctx, name)
	if err != nil {
		c.failed = append(c.failed, err)
		return ctx.Err()
	}
	return c.candidate(img, inspect.FromGiven, ref.Digest != "")
}

// candidate adds an image that was found.
func (c *chain) candidate(img *image, from inspect.Provenance, named bool) error {
	ids, err := diffIDsOf(img)
	if err != nil {
		return err
	}
	c.in.Candidates = append(c.in.Candidates, inspect.Candidate{
		Name: img.name, DiffIDs: ids, Digest: img.digest, Index: img.index, From: from, Named: named,
	})
	c.current[img.name] = c.current[img.name] || img.asked
	return nil
}

// searches is how many repositories are searched side by side.
const searches = 4

// searchAll looks for candidates among the tags of repositories.
func (c *chain) searchAll(ctx context.Context, f chainFlags) error {
	o := source.SearchOptions{
		Options: c.sourceOptions(), Most: f.searchLimit, Versions: versionsOf(c.in),
		Progress: func(name string, done, asked, _ int) { c.program.progress.Count(name+": tags", done, asked) },
		Wants:    func(m *v1.Manifest) bool { return len(m.Layers) > 0 && len(m.Layers) <= len(c.in.Manifest.Layers) },
	}
	found, errs := make([]*source.Found, len(f.search)), make([]error, len(f.search))
	free := make(chan struct{}, searches)
	var wait sync.WaitGroup
	for i, repository := range f.search {
		wait.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			found[i], errs[i] = source.Search(ctx, repository, o)
		})
	}
	wait.Wait()
	for i, repository := range f.search {
		if err := c.found(repository, found[i], errs[i]); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// found takes what a search has found. That a registry cannot be asked does not keep the
// others' images from being compared; that a name is none does.
func (c *chain) found(repository string, found *source.Found, err error) error {
	var wrong *source.ReferenceError
	if errors.As(err, &wrong) {
		return err
	}
	said := inspect.Search{Name: repository}
	if found != nil {
		said = inspect.Search{Name: found.Name, Tags: found.Tags, Whole: found.Whole, Asked: found.Asked, Failed: found.Failed}
		for _, img := range found.Images {
			one := &image{Image: img.Image, name: img.Name, digest: img.Digest, index: img.Index, asked: true}
			if err := c.candidate(one, inspect.FromSearch, false); err != nil {
				return err
			}
		}
	}
	if err != nil {
		said.Error = err.Error()
		c.failed = append(c.failed, err)
	}
	c.searched = append(c.searched, said)
	return nil
}

var versionText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^v?(\d+(?:\.\d+)+)$`) })

// versionsOf are the versions that an image's environment and labels name: of
// PYTHON_VERSION=3.10.15, tags like 3.10 are the likeliest of a base.
func versionsOf(in inspect.BaseInput) []string {
	var out []string
	add := func(text string) {
		if m := versionText().FindStringSubmatch(text); m != nil {
			out = append(out, m[1])
		}
	}
	for _, variable := range in.Config.Config.Env {
		_, value, _ := strings.Cut(variable, "=")
		add(value)
	}
	for _, value := range in.Config.Config.Labels {
		add(value)
	}
	return out
}
