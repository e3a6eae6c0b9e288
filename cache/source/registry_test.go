package source

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/layers/layers/fixtures"
)

// talk is what an Open said on the way.
type talk struct {
	mu                sync.Mutex
	warnings, retries []string
}

func (k *talk) options(f *fakeTime) Options {
	return Options{
		timing: &f.timing,
		Warn: func(s string) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.warnings = append(k.warnings, s)
		},
		Retry: func(what string, err error) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.retries = append(k.retries, fmt.Sprintf("%s: %v", what, err))
		},
	}
}

func openRef(t *testing.T, text string, o Options) (*Image, error) {
	t.Helper()
	ref, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	img, err := Open(context.Background(), ref, o)
	if img != nil {
		t.Cleanup(func() {
			if err := img.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return img, err
}

func digestOf(t *testing.T, img v1.Image) v1.Hash {
	t.Helper()
	h, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func wantError[E error](t *testing.T, err error, part string) E {
	t.Helper()
	var target E
	if !errors.As(err, &target) {
		t.Fatalf("%T %v, want a %T", err, err, target)
	}
	if !strings.Contains(err.Error(), part) {
		t.Fatalf("%v, want %q in it", err, part)
	}
	return target
}

var small = fixtures.Image("-- 0/etc/motd --\nhello\n-- 1/etc/.wh.motd --\n")

func TestRegistryImage(t *testing.T) {
	emptyHome(t)
	r := fixtures.Serve(t, map[string]v1.Image{"a/app:1": small})
	img, err := openRef(t, r.Ref("a/app:1"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	name := r.Ref("a/app:1")
	if img.Name != name || !slices.Equal(img.Names, []string{name}) || img.Digest != digestOf(t, small) || !img.Remote || img.Index != nil {
		t.Errorf("%+v", img)
	}
	if p := img.Platform.String(); p != "linux/amd64" {
		t.Errorf("platform %s", p)
	}
	// The first contact by HTTPS does not reach the handler.
	if n := len(r.Log()); n != 3 {
		t.Errorf("%d requests: %+v", n, r.Log())
	}
}

func TestRegistryIndex(t *testing.T) {
	emptyHome(t)
	arm := fixtures.Image("platform linux/arm64/v8\n-- 0/a --\narm\n")
	index := fixtures.Index(small, arm)
	r := fixtures.Serve(t, nil)
	if err := r.PushIndex("app:1", index); err != nil {
		t.Fatal(err)
	}
	top, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	img, err := openRef(t, r.Ref("app:1"), Options{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}})
	if err != nil {
		t.Fatal(err)
	}
	if img.Digest != digestOf(t, arm) || img.Index == nil || *img.Index != top || img.Platform.String() != "linux/arm64/v8" {
		t.Errorf("%+v", img)
	}
	ref, err := Parse(r.Ref("app:1"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := OpenAll(context.Background(), ref, Options{})
	if err != nil || len(all) != 2 {
		t.Fatalf("%d images, %v", len(all), err)
	}
	_, err = openRef(t, r.Ref("app:1"), Options{Platform: &v1.Platform{OS: "linux", Architecture: "s390x"}})
	if e := wantError[*PlatformError](t, err, "s390x"); len(e.Have) != 2 {
		t.Errorf("%+v", e)
	}
}

func TestRegistryByDigest(t *testing.T) {
	emptyHome(t)
	r := fixtures.Serve(t, map[string]v1.Image{"app:1": small})
	digest := digestOf(t, small)
	img, err := openRef(t, r.Ref("app:9@"+digest.String()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if img.Name != r.Ref("app:9@"+digest.String()) || !slices.Equal(img.Names, []string{r.Ref("app@" + digest.String())}) {
		t.Errorf("%q %q", img.Name, img.Names)
	}
	r.Inject(fixtures.Match{Path: "/manifests/"}, fixtures.Flip(3))
	_, err = openRef(t, r.Ref("app@"+digest.String()), Options{})
	wantError[*DigestError](t, err, "manifest is damaged")
}

func TestRegistryLies(t *testing.T) {
	emptyHome(t)
	arm := fixtures.Image("platform linux/arm64\n-- 0/a --\narm\n")
	manifest, err := arm.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	index, err := fixtures.Index(small, arm).RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	indexed := func(contentType string, body string) fixtures.Fault {
		return func(*fixtures.Registry, http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", contentType)
				fmt.Fprint(w, body)
			})
		}
	}
	const schema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
	for _, c := range []struct {
		name  string
		match fixtures.Match
		fault fixtures.Fault
		check func(t *testing.T, err error)
	}{
		{"a child that is another", fixtures.Match{Path: "/manifests/sha256:"}, fixtures.Flip(20),
			func(t *testing.T, err error) { wantError[*DigestError](t, err, "manifest") }},
		{"a config that is another", fixtures.Match{Path: "/blobs/"}, fixtures.Flip(20),
			func(t *testing.T, err error) { wantError[*DigestError](t, err, "config") }},
		{"HTML", fixtures.Match{Path: "/manifests/"}, fixtures.HTML(),
			func(t *testing.T, err error) { wantError[*ProtocolError](t, err, `HTML page ("Sign in")`) }},
		{"HTML for all", fixtures.Match{}, fixtures.HTML(),
			func(t *testing.T, err error) { wantError[*ProtocolError](t, err, "HTML page") }},
		{"endless", fixtures.Match{Path: "/manifests/"}, fixtures.Endless(string(types.OCIImageIndex)),
			func(t *testing.T, err error) { wantError[*MalformedError](t, err, "larger than the limit") }},
		{"endless config", fixtures.Match{Path: "/blobs/"}, fixtures.Endless("application/json"),
			func(t *testing.T, err error) { wantError[*DigestError](t, err, "config") }},
		{"a manifest called an index", fixtures.Match{Path: "/manifests/1"}, indexed(string(types.OCIImageIndex), string(manifest)),
			func(t *testing.T, err error) { wantError[*MalformedError](t, err, "something else") }},
		{"an index called a manifest", fixtures.Match{Path: "/manifests/1"}, indexed(string(types.OCIManifestSchema1), string(index)),
			func(t *testing.T, err error) { wantError[*MalformedError](t, err, "something else") }},
		{"both", fixtures.Match{Path: "/manifests/1"}, indexed(string(types.OCIImageIndex), `{"schemaVersion":2,"manifests":[],"layers":[]}`),
			func(t *testing.T, err error) { wantError[*MalformedError](t, err, "") }},
		{"neither", fixtures.Match{Path: "/manifests/1"}, indexed("application/json", `{"schemaVersion":2}`),
			func(t *testing.T, err error) { wantError[*KindError](t, err, "application/json") }},
		{"schema 1", fixtures.Match{Path: "/manifests/1"}, indexed(schema1, `{"schemaVersion":1,"fsLayers":[]}`),
			func(t *testing.T, err error) { wantError[*KindError](t, err, "schema 1") }},
		{"not JSON", fixtures.Match{Path: "/manifests/1"}, indexed("application/json", `{`),
			func(t *testing.T, err error) { wantError[*MalformedError](t, err, "manifest") }},
		{"no manifest", fixtures.Match{Path: "/manifests/1"}, fixtures.Status(404),
			func(t *testing.T, err error) { wantError[*NotFoundError](t, err, "no such image") }},
		{"no registry", fixtures.Match{}, fixtures.Status(404),
			func(t *testing.T, err error) { wantError[*ProtocolError](t, err, "404") }},
		{"bad request", fixtures.Match{Path: "/manifests/1"}, fixtures.Status(400),
			func(t *testing.T, err error) { wantError[*ProtocolError](t, err, "400") }},
		{"no config", fixtures.Match{Path: "/blobs/"}, fixtures.Status(404),
			func(t *testing.T, err error) { wantError[*NotFoundError](t, err, "but not its blob") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := fixtures.Serve(t, nil)
			if err := r.PushIndex("app:1", fixtures.Index(small, arm)); err != nil {
				t.Fatal(err)
			}
			r.Inject(c.match, c.fault)
			_, err := openRef(t, r.Ref("app:1"), Options{timing: &newFakeTime().timing, Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}})
			c.check(t, err)
		})
	}
}

// A Content-Type that says nothing, or another name for the same, is no reason to
// refuse an image.
func TestRegistryContentTypes(t *testing.T) {
	manifest, err := small.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	var bare map[string]any
	if err := json.Unmarshal(manifest, &bare); err != nil {
		t.Fatal(err)
	}
	delete(bare, "mediaType")
	without, err := json.Marshal(bare)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		sent string
		raw  []byte
		want types.MediaType
	}{
		{string(types.OCIManifestSchema1), manifest, types.OCIManifestSchema1},
		{string(types.DockerManifestSchema2), manifest, types.OCIManifestSchema1},
		{"text/plain", manifest, types.OCIManifestSchema1},
		{"", without, types.OCIManifestSchema1},
		{string(types.DockerManifestSchema2), without, types.DockerManifestSchema2},
		{"", []byte(`{"schemaVersion":2,"manifests":[]}`), types.OCIImageIndex},
		{string(types.DockerManifestList), []byte(`{"schemaVersion":2,"manifests":[]}`), types.DockerManifestList},
	} {
		if got, err := mediaTypeOf("x", c.sent, c.raw); err != nil || got != c.want {
			t.Errorf("%q: %s, %v, want %s", c.sent, got, err, c.want)
		}
	}
}

func TestRegistryRetries(t *testing.T) {
	emptyHome(t)
	for _, c := range []struct {
		name  string
		match fixtures.Match
		fault fixtures.Fault
		waits []time.Duration
	}{
		{"503 for the manifest", fixtures.Match{Path: "/manifests/", Times: 2}, fixtures.Status(503), []time.Duration{time.Second / 2, time.Second}},
		{"502 for the config", fixtures.Match{Path: "/blobs/", Times: 1}, fixtures.Status(502), []time.Duration{time.Second / 2}},
		{"503 for the first contact", fixtures.Match{Path: "/v2/", Times: 1}, fixtures.Status(503), []time.Duration{time.Second / 2}},
		{"429 with a wait", fixtures.Match{Path: "/manifests/", Times: 1}, fixtures.TooManyRequests(3 * time.Second), []time.Duration{3 * time.Second}},
		{"a cut manifest", fixtures.Match{Path: "/manifests/", Times: 1}, fixtures.Cut(10), []time.Duration{time.Second / 2}},
		{"a cut config", fixtures.Match{Path: "/blobs/", Times: 3}, fixtures.Cut(10), []time.Duration{time.Second / 2, time.Second, 2 * time.Second}},
		{"a manifest cut before its header", fixtures.Match{Path: "/manifests/", Times: 1}, fixtures.Cut(0), []time.Duration{time.Second / 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := fixtures.Serve(t, map[string]v1.Image{"app:1": small})
			r.Inject(c.match, c.fault)
			f, k := newFakeTime(), &talk{}
			img, err := openRef(t, r.Ref("app:1"), k.options(f))
			if err != nil || img.Digest != digestOf(t, small) {
				t.Fatal(err)
			}
			if !slices.Equal(f.waits(), c.waits) || len(k.retries) != len(c.waits) {
				t.Errorf("waited %v; said %q", f.waits(), k.retries)
			}
		})
	}
}

func TestRegistryGivesUp(t *testing.T) {
	emptyHome(t)
	r := fixtures.Serve(t, map[string]v1.Image{"app:1": small})
	r.Inject(fixtures.Match{Path: "/manifests/"}, fixtures.Status(503))
	f, k := newFakeTime(), &talk{}
	_, err := openRef(t, r.Ref("app:1"), k.options(f))
	wantError[*TemporaryError](t, err, "503 Service Unavailable")
	if len(f.waits()) != realTiming.attempts-1 {
		t.Errorf("waited %v", f.waits())
	}
}

func TestRegistryIsNotThere(t *testing.T) {
	emptyHome(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	f := newFakeTime()
	_, err = openRef(t, l.Addr().String()+"/app:1", Options{timing: &f.timing})
	wantError[*TemporaryError](t, err, "refused")
	if len(f.waits()) != 0 {
		t.Errorf("waited %v for nobody", f.waits())
	}
}

func TestRegistryRateLimit(t *testing.T) {
	home := emptyHome(t)
	r := fixtures.Serve(t, map[string]v1.Image{"app:1": small})
	r.Inject(fixtures.Match{Path: "/manifests/"}, fixtures.TooManyRequests(0))
	f := newFakeTime()
	_, err := openRef(t, r.Ref("app:1"), Options{timing: &f.timing})
	e := wantError[*TemporaryError](t, err, "429")
	detail := strings.Join(e.Detail, "\n")
	for _, part := range []string{"without credentials", "counted for 192.0.2.7", "0 of 100 requests are left in each 6h0m0s"} {
		if !strings.Contains(detail, part) {
			t.Errorf("%q is not in %q", part, detail)
		}
	}
	if len(f.waits()) != 0 {
		t.Errorf("waited %v for hours to pass", f.waits())
	}
	r.Heal()
	r.Inject(fixtures.Match{Path: "/manifests/"}, fixtures.TooManyRequests(2*time.Hour))
	r.Inject(fixtures.Match{}, fixtures.BasicAuth("u", "p"))
	writeFile(t, home+"/.docker/config.json", auths(r.Host, "u:p"))
	_, err = openRef(t, r.Ref("app:1"), Options{timing: &f.timing})
	e = wantError[*TemporaryError](t, err, "429")
	detail = strings.Join(e.Detail, "\n")
	if e.After != 2*time.Hour || !strings.Contains(detail, "as u (~/.docker/config.json)") || !strings.Contains(detail, "2026-03-01T14:00:00Z") {
		t.Errorf("%v, %q", e.After, detail)
	}
}

func TestRegistryCancelled(t *testing.T) {
	emptyHome(t)
	r := fixtures.Serve(t, map[string]v1.Image{"app:1": small})
	ctx, cancel := context.WithCancel(context.Background())
	r.Inject(fixtures.Match{Path: "/manifests/"}, func(*fixtures.Registry, http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			cancel()
			<-req.Context().Done()
		})
	})
	ref, err := Parse(r.Ref("app:1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, ref, Options{}); !errors.Is(err, context.Canceled) || isExplained(err) {
		t.Errorf("%T %v", err, err)
	}
}

// What goes wrong with an image that is in no index is said like all else.
func TestRegistryBareManifest(t *testing.T) {
	emptyHome(t)
	r := fixtures.Serve(t, map[string]v1.Image{"app:1": small})
	r.Inject(fixtures.Match{Path: "/blobs/"}, fixtures.Flip(9))
	_, err := openRef(t, r.Ref("app:1"), Options{})
	wantError[*DigestError](t, err, "config is damaged")
}

func TestRegistryOffline(t *testing.T) {
	emptyHome(t)
	_, err := openRef(t, "python:3.10", Options{Offline: true})
	wantError[*OfflineError](t, err, "python:3.10")
}

func TestHints(t *testing.T) {
	emptyHome(t)
	t.Chdir(t.TempDir())
	writeFile(t, "app.tar", "")
	c := &client{image: "app.tar:latest", host: hub, repo: "library/app.tar", file: "app.tar"}
	if h := c.hints(); len(h) != 1 || !strings.Contains(h[0], "./app.tar") {
		t.Errorf("%q", h)
	}
	c = &client{image: "docker:python", host: hub, repo: "library/docker", file: "docker:python"}
	if h := c.hints(); len(h) != 1 || !strings.Contains(h[0], "docker://python") {
		t.Errorf("%q", h)
	}
}

func TestSchemes(t *testing.T) {
	emptyHome(t)
	r := fixtures.Serve(t, map[string]v1.Image{"app:1": small})
	secure := httptest.NewUnstartedServer(r)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	secureHost := secure.Listener.Addr().String()

	_, err := openRef(t, secureHost+"/app:1", Options{})
	e := wantError[*UnavailableError](t, err, "certificate")
	if !strings.Contains(strings.Join(e.Detail, ""), "--tls-verify=false") {
		t.Errorf("%q", e.Detail)
	}
	if _, err := openRef(t, secureHost+"/app:1", Options{SkipTLSVerify: true}); err != nil {
		t.Error(err)
	}
	_, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"localhost:" + port, r.Host} {
		if _, err := openRef(t, host+"/app:1", Options{PlainHTTP: true}); err != nil {
			t.Error(err)
		}
	}
}

// Private addresses are not asked by HTTP unless somebody says so.
func TestPlainNeedsToBeAllowed(t *testing.T) {
	e := &edge{endpoint: "10.0.0.1:5000", o: &Options{}, inner: http.NewFileTransport(http.Dir("."))}
	for _, c := range []struct {
		url  string
		o    Options
		want error
	}{
		{"http://10.0.0.1:5000/v2/", Options{}, errNeedsPlain},
		{"http://10.0.0.1:5000/v2/", Options{PlainHTTP: true}, nil},
		{"http://10.0.0.1:5000/v2/", Options{SkipTLSVerify: true}, nil},
		{"https://10.0.0.1:5000/v2/", Options{}, nil},
		{"https://10.0.0.1:5000/v2/", Options{PlainHTTP: true}, nil},
		{"https://auth.example/token", Options{PlainHTTP: true}, nil},
	} {
		e.o = &c.o
		req, err := e.withScheme(httptest.NewRequest(http.MethodGet, c.url, nil))
		if !errors.Is(err, c.want) {
			t.Errorf("%s, %+v: %v", c.url, c.o, err)
		}
		if err == nil && c.o.PlainHTTP && req.URL.Host == e.endpoint && req.URL.Scheme != "http" {
			t.Errorf("%s: asked by %s", c.url, req.URL.Scheme)
		}
	}
	for host, want := range map[string]bool{
		"localhost": true, "localhost:5000": true, "127.0.0.1:5000": true, "127.1.2.3": true, "[::1]:5000": true, "[::1]": true,
		"box.local": true, "box.local:80": true, "a.localhost:1": true, "10.0.0.1:5000": false, "ghcr.io": false, "local": false, "localhost.evil": false,
	} {
		if isLocal(host) != want {
			t.Errorf("%s", host)
		}
	}
}

func TestRedirectDownIsRefused(t *testing.T) {
	check := checkRedirect(&Options{})
	via := []*http.Request{httptest.NewRequest(http.MethodGet, "https://r.example/v2/x", nil)}
	var refused *oddError
	if err := check(httptest.NewRequest(http.MethodGet, "http://cdn.example/x", nil), via); !errors.As(err, &refused) {
		t.Error(err)
	}
	if err := check(httptest.NewRequest(http.MethodGet, "https://cdn.example/x", nil), via); err != nil {
		t.Error(err)
	}
	for len(via) < redirectLimit {
		via = append(via, via[0])
	}
	if err := check(httptest.NewRequest(http.MethodGet, "https://cdn.example/x", nil), via); !errors.As(err, &refused) {
		t.Error(err)
	}
	c := &client{image: "x", endpoint: "r.example", o: &Options{}}
	wantError[*ProtocolError](t, c.explain(context.Background(), refused), "times")
	wantError[*UnavailableError](t, c.explain(context.Background(), &tls.CertificateVerificationError{Err: errors.New("expired")}), "expired")
	wantError[*UnavailableError](t, c.explain(context.Background(), http.ErrSchemeMismatch), "HTTP and not HTTPS")
}
