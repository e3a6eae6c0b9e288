package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// maxNesting is how deep an index may lie in another.
const maxNesting = 4

// openRegistry finds images in a registry or its mirrors. One image takes a request
// to the registry for the authentication it wants, one for a token where it wants
// that, and one each for the index, the manifest and the config.
func openRegistry(ctx context.Context, ref Reference, o Options, all bool) ([]*Image, error) {
	n, err := parseName(ref.Name)
	if err != nil {
		return nil, &ReferenceError{Text: ref.Text, Reason: err.Error()}
	}
	if o.Offline {
		return nil, &OfflineError{Name: Short(ref.Name)}
	}
	r := newRemote(n, ref, &o)
	images, err := r.images(ctx, all)
	if err != nil {
		r.conns.CloseIdleConnections()
		return nil, err
	}
	return images, nil
}

// remote is one repository, at its mirrors and its registry.
type remote struct {
	ref   Reference
	name  imageName
	image string // for people
	o     *Options
	conns *http.Transport
	wants func(*v1.Manifest) bool // of no other image the config is fetched; nil is all

	mu      sync.Mutex
	clients []*client // that are left to ask; the last is the registry itself
}

func newRemote(n imageName, ref Reference, o *Options) *remote {
	r := &remote{ref: ref, name: n, image: Short(ref.Name), o: o, conns: newHTTP(o)}
	keys := newKeychain(o)
	for _, e := range endpointsOf(n.host, o) {
		c := newClient(r.image, e.host, e.addr, e.prefix+n.repo, o, keys, r.conns)
		if e.mirror {
			c.attempts = min(c.attempts, mirrorAttempts)
		} else if ref.Transport == Any {
			c.file = ref.Text
		}
		r.clients = append(r.clients, c)
	}
	return r
}

// ask calls f with a mirror, and with the next, down to the registry itself, when
// that fails. A mirror that failed once is not asked again.
func (r *remote) ask(ctx context.Context, f func(*client) error) error {
	for {
		r.mu.Lock()
		c := r.clients[0]
		r.mu.Unlock()
		err := f(c)
		if err == nil || ctx.Err() != nil || !r.dismiss(c, err) {
			return err
		}
	}
}

// dismiss says whether there is another to ask after c failed.
func (r *remote) dismiss(c *client, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.clients[0] != c {
		return true
	}
	if len(r.clients) == 1 {
		return false
	}
	r.clients = r.clients[1:]
	r.o.warn("mirror %s: %v; asking %s", c.endpoint, err, r.clients[0].endpoint)
	return true
}

// errUnwanted says of an image that its manifest was enough to know that nobody wants it.
var errUnwanted = errors.New("not wanted")

// document is a manifest or an index as it was sent.
type document struct {
	raw       []byte
	mediaType types.MediaType
	digest    v1.Hash
}

// fetch gets a manifest or an index by tag or digest, or finds it where it was kept.
// What comes by digest is it.
func (r *remote) fetch(ctx context.Context, id string, want *v1.Descriptor) (document, error) {
	if r.o.Memo == nil {
		return r.download(ctx, id, want)
	}
	if want == nil {
		digest, err := r.digestOf(ctx, id)
		if err != nil {
			return document{}, err
		}
		if digest == (v1.Hash{}) {
			return r.download(ctx, id, nil)
		}
		want, id = &v1.Descriptor{Digest: digest}, digest.String()
	}
	return r.kept(ctx, id, want)
}

func (r *remote) digestOf(ctx context.Context, tag string) (h v1.Hash, err error) {
	err = r.ask(ctx, func(c *client) error {
		h, err = c.digest(ctx, tag)
		return err
	})
	return h, err
}

// kept is download for what Memo may have. A line before it is its media type, which
// not every document has in itself.
func (r *remote) kept(ctx context.Context, id string, want *v1.Descriptor) (document, error) {
	text, err := r.o.Memo("source-manifest-1-"+want.Digest.Hex, func() ([]byte, error) {
		doc, err := r.download(ctx, id, want)
		return append([]byte(string(doc.mediaType)+"\n"), doc.raw...), err
	})
	if err != nil {
		return document{}, err
	}
	mediaType, raw, _ := bytes.Cut(text, []byte("\n"))
	doc := document{raw: raw}
	if doc.digest, _, err = v1.SHA256(bytes.NewReader(raw)); err != nil {
		return document{}, err
	}
	if err := r.check("manifest", want, doc.digest, len(raw)); err != nil {
		return document{}, err
	}
	doc.mediaType, err = mediaTypeOf(r.image, string(mediaType), raw)
	return doc, err
}

// download gets a manifest or an index by tag or digest.
func (r *remote) download(ctx context.Context, id string, want *v1.Descriptor) (document, error) {
	var doc document
	err := r.ask(ctx, func(c *client) error {
		raw, contentType, err := c.manifest(ctx, id)
		if err != nil {
			return err
		}
		doc.raw = raw
		if doc.digest, _, err = v1.SHA256(bytes.NewReader(raw)); err != nil {
			return err
		}
		if err := r.check("manifest", want, doc.digest, len(raw)); err != nil {
			return err
		}
		doc.mediaType, err = mediaTypeOf(r.image, contentType, raw)
		return err
	})
	return doc, err
}

// check compares what came with the descriptor that it was asked for by; a size of
// 0 is not known.
func (r *remote) check(what string, want *v1.Descriptor, got v1.Hash, size int) error {
	switch {
	case want == nil:
		return nil
	case want.Digest != got:
		return &DigestError{Name: r.image, What: what, Want: want.Digest.String(), Got: got.String()}
	case want.Size != 0 && want.Size != int64(size):
		return &DigestError{
			Name: r.image, What: what,
			Want: fmt.Sprintf("%d bytes", want.Size), Got: fmt.Sprintf("%d bytes", size),
		}
	}
	return nil
}

func (r *remote) images(ctx context.Context, all bool) ([]*Image, error) {
	var want *v1.Descriptor
	if r.name.digest != "" {
		h, err := v1.NewHash(r.name.digest)
		if err != nil {
			return nil, err
		}
		want = &v1.Descriptor{Digest: h}
	}
	top, err := r.fetch(ctx, r.name.identifier(), want)
	if err != nil {
		return nil, err
	}
	var index *v1.Hash
	if top.mediaType.IsIndex() {
		index = &top.digest
	}
	images, err := r.resolve(ctx, top, v1.Descriptor{}, all, 0)
	if err != nil {
		return nil, err
	}
	for _, img := range images {
		img.Index = index
	}
	return images, nil
}

// resolve follows an index down to its images.
func (r *remote) resolve(ctx context.Context, doc document, from v1.Descriptor, all bool, depth int) ([]*Image, error) {
	if !doc.mediaType.IsIndex() {
		img, err := r.build(ctx, doc, from)
		return []*Image{img}, err
	}
	if depth >= maxNesting {
		return nil, &MalformedError{Name: r.image, What: "index", Err: errors.New("indexes are nested too deep")}
	}
	idx, err := parseIndex(r.image, doc.raw)
	if err != nil {
		return nil, err
	}
	chosen, err := choosePlatforms(r.image, idx, *r.o, all)
	if err != nil {
		return nil, err
	}
	var images []*Image
	for _, d := range chosen {
		child, err := r.fetch(ctx, d.Digest.String(), &d)
		if err != nil {
			return nil, err
		}
		found, err := r.resolve(ctx, child, d, all, depth+1)
		if err != nil {
			return nil, err
		}
		images = append(images, found...)
	}
	return images, nil
}

// build makes an image of its manifest and config, which it fetches.
func (r *remote) build(ctx context.Context, doc document, from v1.Descriptor) (*Image, error) {
	m, err := parseManifest(r.image, doc.raw)
	if err != nil {
		return nil, err
	}
	if r.wants != nil && !r.wants(m) {
		return nil, errUnwanted
	}
	raw, err := r.config(ctx, m.Config)
	if err != nil {
		return nil, err
	}
	config, err := parseConfig(r.image, raw, m)
	if err != nil {
		return nil, err
	}
	img, err := newImage(doc.raw, raw, doc.mediaType, r)
	if err != nil {
		return nil, err
	}
	return &Image{
		Image: img, Ref: r.ref, Name: r.image, Names: []string{r.storeName()},
		Platform: platformOf(config, from.Platform), Digest: doc.digest, From: Registry, Remote: true,
		close: func() error { r.conns.CloseIdleConnections(); return nil },
	}, nil
}

// storeName is the name to keep an image under. A tag that came with a digest is for
// display: the registry was not asked what it stands for.
func (r *remote) storeName() string {
	n := r.name
	if n.digest != "" {
		n.tag = ""
	}
	return n.String()
}

// platformOf takes the config's word, and the descriptor's for what it leaves out.
func platformOf(config *v1.ConfigFile, descriptor *v1.Platform) v1.Platform {
	var p v1.Platform
	if own := config.Platform(); own != nil {
		p = *own
	}
	if descriptor == nil {
		return p
	}
	if p.OS == "" && p.Architecture == "" {
		return *descriptor
	}
	if p.Variant == "" && p.Architecture == descriptor.Architecture {
		p.Variant = descriptor.Variant
	}
	return p
}

func (r *remote) config(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	// A descriptor may carry what it describes.
	if h, n, err := v1.SHA256(bytes.NewReader(d.Data)); err == nil && h == d.Digest && n == d.Size {
		return d.Data, nil
	}
	if r.o.Memo == nil {
		return r.downloadConfig(ctx, d)
	}
	raw, err := r.o.Memo("source-config-1-"+d.Digest.Hex, func() ([]byte, error) { return r.downloadConfig(ctx, d) })
	if err != nil {
		return nil, err
	}
	h, _, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	return raw, r.check("config", &d, h, len(raw))
}

func (r *remote) downloadConfig(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	var raw []byte
	err := r.ask(ctx, func(c *client) error {
		var err error
		if raw, err = c.small(ctx, d, "config", maxConfig); err != nil {
			return err
		}
		h, _, err := v1.SHA256(bytes.NewReader(raw))
		if err != nil {
			return err
		}
		return r.check("config", &d, h, len(raw))
	})
	return raw, err
}

// open gives a layer's blob.
func (r *remote) open(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	body, _, err := r.openFrom(ctx, d, 0)
	return body, err
}

// openFrom gives a layer's blob from start on, which is offset or 0.
func (r *remote) openFrom(ctx context.Context, d v1.Descriptor, offset int64) (body io.ReadCloser, start int64, err error) {
	err = r.ask(ctx, func(c *client) error {
		body, start, err = c.blob(ctx, d, offset)
		return err
	})
	return body, start, err
}
