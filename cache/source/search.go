package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
)

// SearchOptions guides Search.
type SearchOptions struct {
	Options
	// Most is how many tags are looked at, the most plausible first.
	Most int
	// Versions are such as the image may have that is looked for ("3.10.15"): tags of
	// them are the most plausible.
	Versions []string
	// Wants says by its manifest whether an image may be what is looked for; nil is
	// always. Of others not even the config is fetched.
	Wants func(*v1.Manifest) bool
	// Progress is told how many of the tags were looked at, one call at a time. nil is
	// silent.
	Progress func(name string, done, asked, tags int)
}

// Found is what Search found in a repository.
type Found struct {
	Name  string // of the repository, as people write it
	Tags  int    // that were listed
	Whole bool   // whether these are all that there are
	Asked int    // tags that were looked at
	// Failed counts those of which no image could be had: it is none, it is broken, or
	// it is for other platforms.
	Failed int
	Images []*Image // the wanted ones, in the order in which the tags are plausible
}

// searchJobs is how many tags of a repository are looked at side by side.
const searchJobs = 8

// Search looks at the images of a repository in a registry: it lists the tags, and
// fetches the manifests and configs of the most plausible, and no layer. The images
// need not be closed. An error of the registry ends it, and comes beside what was found.
// A text that is not the name of a repository is a *ReferenceError.
func Search(ctx context.Context, text string, o SearchOptions) (*Found, error) {
	ref, n, err := parseRepository(text)
	if err != nil {
		return nil, &ReferenceError{Text: text, Reason: err.Error()}
	}
	if o.Offline {
		return nil, &OfflineError{Name: text}
	}
	r := newRemote(n, ref, &o.Options)
	r.image, r.wants = strings.TrimSuffix(r.image, ":latest"), o.Wants
	for _, c := range r.clients {
		c.image = r.image
	}
	defer r.conns.CloseIdleConnections()
	found := &Found{Name: r.image}
	tags, whole, err := r.tags(ctx)
	if err != nil {
		return found, err
	}
	found.Tags, found.Whole = len(tags), whole
	return found, r.search(ctx, plausible(tags, o.Versions, o.Most), found, o.Progress)
}

// parseRepository reads a name that has neither a tag nor a digest.
func parseRepository(text string) (Reference, imageName, error) {
	ref, err := Parse(text)
	if err != nil {
		var e *ReferenceError
		if errors.As(err, &e) {
			err = errors.New(e.Reason)
		}
		return ref, imageName{}, err
	}
	last := text[strings.LastIndexByte(text, '/')+1:]
	switch {
	case ref.Transport != Any && ref.Transport != Registry:
		return ref, imageName{}, fmt.Errorf("only repositories of registries can be searched")
	case strings.ContainsAny(strings.TrimPrefix(last, string(Registry)+":"), ":@"):
		return ref, imageName{}, fmt.Errorf("all tags of a repository are searched: leave out the tag")
	}
	n, err := parseName(ref.Name)
	return ref, n, err
}

func (r *remote) search(ctx context.Context, tags []string, found *Found, progress func(string, int, int, int)) error {
	images := make([]*Image, len(tags))
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(searchJobs)
	for i, tag := range tags {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			img, err := r.tagged(ctx, tag)
			mu.Lock()
			defer mu.Unlock()
			if err != nil && endsSearch(err) {
				return err
			}
			found.Asked++
			if err != nil && !errors.Is(err, errUnwanted) {
				found.Failed++
			}
			images[i] = img
			if progress != nil {
				progress(found.Name, found.Asked, len(tags), found.Tags)
			}
			return nil
		})
	}
	err := g.Wait()
	found.Images = slices.DeleteFunc(images, func(i *Image) bool { return i == nil })
	return err
}

// endsSearch tells the errors that the next tag would meet too from those of one image.
func endsSearch(err error) bool {
	var temporary *TemporaryError
	var auth *AuthError
	var unavailable *UnavailableError
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &temporary) || errors.As(err, &auth) || errors.As(err, &unavailable)
}

// tagged opens the image of a tag, over the connections that there are.
func (r *remote) tagged(ctx context.Context, tag string) (*Image, error) {
	n := r.name
	n.tag, n.digest = tag, ""
	r.mu.Lock()
	clients := slices.Clone(r.clients)
	r.mu.Unlock()
	one := &remote{
		ref: Reference{Text: n.String(), Transport: Registry, Name: n.String()}, name: n, image: Short(n.String()),
		o: r.o, conns: r.conns, wants: r.wants, clients: clients,
	}
	images, err := one.images(ctx, false)
	if err != nil || len(images) == 0 {
		return nil, err
	}
	return images[0], nil
}
