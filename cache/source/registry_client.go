package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// client asks one registry, or one mirror of it, for the parts of one repository.
// It is safe for concurrent use.
type client struct {
	image    string // for people
	host     string // as names and credential files call it: "docker.io"
	endpoint string // where it is: "registry-1.docker.io"
	repo     string
	attempts int
	o        *Options
	keys     *keychain
	base     http.RoundTripper
	file     string // what the user wrote, if that could have meant a file

	mu      sync.Mutex
	session *http.Client // nil until the first request, and after credentials were refused
	known   bool         // cred was looked for
	cred    *credential
	refused *credential
}

func newClient(image, host, endpoint, repo string, o *Options, keys *keychain, conns http.RoundTripper) *client {
	return &client{
		image: image, host: host, endpoint: endpoint, repo: repo,
		attempts: o.waits().attempts, o: o, keys: keys,
		base: transport.NewUserAgent(&edge{inner: conns, endpoint: endpoint, o: o}, "layers"),
	}
}

// connect returns the authenticated session, which it makes if there is none.
func (c *client) connect(ctx context.Context) (*http.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil {
		return c.session, nil
	}
	if !c.known {
		cred, err := c.keys.find(ctx, c.host, c.repo)
		if err != nil {
			return nil, err
		}
		c.cred, c.known = cred, true
	}
	s, err := c.authenticate(ctx)
	if refused(err) && c.giveUpCredential() {
		s, err = c.authenticate(ctx)
	}
	c.session = s
	return s, err
}

// authenticate asks which authentication the registry wants, and for a token.
func (c *client) authenticate(ctx context.Context) (*http.Client, error) {
	ctx, dog := c.o.waits().watch(ctx)
	defer dog.end()
	dog.start()
	defer dog.rest()
	opts := []name.Option{}
	if plainAllowed(c.endpoint, c.o) {
		opts = append(opts, name.Insecure)
	}
	reg, err := name.NewRegistry(c.endpoint, opts...)
	if err != nil {
		return nil, err
	}
	auth := authn.Anonymous
	if c.cred != nil {
		auth = c.cred
	}
	tr, err := transport.NewWithContext(ctx, reg, auth, c.base, []string{"repository:" + c.repo + ":pull"})
	if err != nil {
		return nil, stalled(ctx, plainError(err))
	}
	return &http.Client{Transport: tr, CheckRedirect: checkRedirect(c.o)}, nil
}

// giveUpCredential goes on without the credentials, if there were any. The caller
// holds the lock.
func (c *client) giveUpCredential() bool {
	if c.cred == nil {
		return false
	}
	c.o.warn("%s: %s refused the credentials of %s from %s; trying without",
		c.image, c.endpoint, c.cred.user(), tilde(c.cred.from))
	c.refused, c.cred, c.session = c.cred, nil, nil
	return true
}

// get sends one request. The body of the response must be closed. An answer of
// other than the 200s is a *statusError.
func (c *client) get(ctx context.Context, path string, header http.Header) (*http.Response, error) {
	return c.request(ctx, http.MethodGet, path, header)
}

// request is get with another method.
func (c *client) request(ctx context.Context, method, path string, header http.Header) (*http.Response, error) {
	for {
		session, err := c.connect(ctx)
		if err != nil {
			return nil, err
		}
		resp, err := c.send(ctx, session, method, path, header)
		if !refused(err) || !c.renounce(session) {
			return resp, err
		}
	}
}

// renounce says whether a refused request should be sent again: if the credentials
// of its session can be, or have been, given up.
func (c *client) renounce(session *http.Client) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return session != c.session || c.giveUpCredential()
}

func (c *client) send(ctx context.Context, session *http.Client, method, path string, header http.Header) (*http.Response, error) {
	ctx, dog := c.o.waits().watch(ctx)
	url := "https://" + c.endpoint + "/v2/" + c.repo + "/" + path
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		dog.end()
		return nil, err
	}
	req.Header = header.Clone()
	req.Header.Set("Accept-Encoding", ownEncoding)
	dog.start()
	resp, err := session.Do(req)
	if err == nil && (resp.StatusCode < 200 || resp.StatusCode > 299) {
		err = readStatus(resp)
	}
	dog.rest()
	if err != nil {
		err = stalled(ctx, plainError(err))
		dog.end()
		return nil, err
	}
	resp.Body = &liveBody{ReadCloser: resp.Body, ctx: ctx, dog: dog}
	return resp, nil
}

// liveBody ends with errStalled when no byte comes for too long.
type liveBody struct {
	io.ReadCloser
	ctx context.Context
	dog *watchdog
}

// Read waits for the next byte, and not longer than the watchdog does.
func (b *liveBody) Read(p []byte) (int, error) {
	b.dog.start()
	n, err := b.ReadCloser.Read(p)
	b.dog.rest()
	if err != nil && err != io.EOF {
		err = stalled(b.ctx, err)
	}
	return n, err
}

// Close also ends the watchdog.
func (b *liveBody) Close() error {
	err := b.ReadCloser.Close()
	b.dog.end()
	return err
}

// retrying calls try as often as makes sense, and explains what goes wrong.
func (c *client) retrying(ctx context.Context, what string, try func() error) error {
	notify := func(err error) {
		if c.o.Retry != nil {
			c.o.Retry(what, err)
		}
	}
	return c.explain(ctx, c.o.waits().retry(ctx, c.attempts, notify, try))
}

var manifestTypes = []string{
	string(types.OCIManifestSchema1), string(types.OCIImageIndex),
	string(types.DockerManifestSchema2), string(types.DockerManifestList),
}

// manifest fetches a manifest or an index by tag or digest, as it is.
func (c *client) manifest(ctx context.Context, id string) (raw []byte, contentType string, err error) {
	header := http.Header{"Accept": manifestTypes}
	err = c.retrying(ctx, c.image+": manifest", func() error {
		resp, err := c.get(ctx, "manifests/"+id, header)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if raw, err = c.readSmall(resp.Body, "manifest", maxManifest); err != nil {
			return err
		}
		if isHTML(resp.Header, raw) {
			return c.htmlError("manifest", raw)
		}
		contentType, _, _ = strings.Cut(resp.Header.Get("Content-Type"), ";")
		contentType = strings.ToLower(strings.TrimSpace(contentType))
		return nil
	})
	return raw, contentType, err
}

// digest asks which manifest or index a tag stands for; the zero value where the
// registry does not tell without sending it.
func (c *client) digest(ctx context.Context, tag string) (h v1.Hash, err error) {
	header := http.Header{"Accept": manifestTypes}
	err = c.retrying(ctx, c.image+": digest", func() error {
		resp, err := c.request(ctx, http.MethodHead, "manifests/"+tag, header)
		var status *statusError
		if errors.As(err, &status) && status.status == http.StatusMethodNotAllowed {
			return nil
		}
		if err != nil {
			return err
		}
		told := resp.Header.Get("Docker-Content-Digest")
		if checkDigest(told) == nil {
			h, err = v1.NewHash(told)
		}
		return errors.Join(err, resp.Body.Close())
	})
	return h, err
}

func (c *client) readSmall(r io.Reader, what string, limit int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = &MalformedError{Name: c.image, What: what, Err: fmt.Errorf("larger than the limit of %d bytes", limit)}
	}
	return raw, err
}

func (c *client) htmlError(what string, raw []byte) error {
	return &ProtocolError{
		Name: c.image, Host: c.endpoint,
		Reason: fmt.Sprintf("sent an HTML page%s instead of a %s", htmlTitle(raw), what),
		Detail: []string{"is it a registry? A proxy or a login page may be in between"},
	}
}
