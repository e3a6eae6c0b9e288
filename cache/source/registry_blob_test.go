package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/layers/layers/fixtures"
)

// resumableV1 is what the layers of registries are, as Image says.
type resumableV1 interface {
	v1.Layer
	CompressedFrom(ctx context.Context, offset int64) (body io.ReadCloser, start int64, err error)
}

func layerAt(t *testing.T, img v1.Image, n int) resumableV1 {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	l, ok := layers[n].(resumableV1)
	if !ok {
		t.Fatalf("layer %d is a %T", n, layers[n])
	}
	return l
}

func readLayer(t *testing.T, img v1.Image, n int) []byte {
	t.Helper()
	raw, err := readBlob(layerAt(t, img, n))
	if err != nil {
		t.Fatalf("layer %d: %v", n, err)
	}
	return raw
}

func readBlob(l v1.Layer) ([]byte, error) {
	body, err := l.Compressed()
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		return nil, err
	}
	want, err := l.Digest()
	if err != nil {
		return nil, err
	}
	if got, _, err := v1.SHA256(bytes.NewReader(raw)); err != nil || got != want {
		return nil, fmt.Errorf("got %s instead of %s: %w", got, want, err)
	}
	return raw, nil
}

// big is an image of one layer that is many reads long.
var big = fixtures.FromLayers([]*fixtures.Layer{
	fixtures.NewLayer(fixtures.None, fixtures.Entry{Name: "x", Body: strings.Repeat("0123456789abcdef", 16<<10)}),
})

// rangeHeader answers 206 with a Content-Range of its own.
func rangeHeader(value string) fixtures.Fault {
	return func(_ *fixtures.Registry, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			next.ServeHTTP(&rangeWriter{w, value}, req)
		})
	}
}

type rangeWriter struct {
	http.ResponseWriter
	value string
}

func (w *rangeWriter) WriteHeader(status int) {
	w.Header().Del("Content-Range")
	if w.value != "" {
		w.Header().Set("Content-Range", w.value)
	}
	w.ResponseWriter.WriteHeader(status)
}

func TestCompressedFrom(t *testing.T) {
	emptyHome(t)
	r := fixtures.Serve(t, map[string]v1.Image{"app:1": big})
	img, err := openRef(t, r.Ref("app:1"), Options{timing: &newFakeTime().timing})
	if err != nil {
		t.Fatal(err)
	}
	blob := readLayer(t, img.Image, 0)
	size := int64(len(blob))
	for _, c := range []struct {
		name   string
		fault  fixtures.Fault
		offset int64
		start  int64
	}{
		{"from the beginning", nil, 0, 0},
		{"resumed", nil, 1000, 1000},
		{"the last byte", nil, size - 1, size - 1},
		{"nothing is left", nil, size, size},
		{"more than there is", nil, size + 1, 0},
		{"a negative offset", nil, -1, 0},
		{"200 to a Range", fixtures.IgnoreRange(), 1000, 0},
		{"416", fixtures.RefuseRange(), 1000, 0},
		{"no Content-Range", rangeHeader(""), 1000, 0},
		{"garbled Content-Range", rangeHeader("bytes some"), 1000, 0},
		{"another start", rangeHeader(fmt.Sprintf("bytes 999-%d/%d", size-1, size)), 1000, 0},
		{"another end", rangeHeader(fmt.Sprintf("bytes 1000-%d/%d", size, size)), 1000, 0},
		{"another size", rangeHeader(fmt.Sprintf("bytes 1000-%d/%d", size-1, size+1)), 1000, 0},
		{"unknown size", rangeHeader(fmt.Sprintf("bytes 1000-%d/*", size-1)), 1000, 1000},
		{"no length", fixtures.NoLength(), 1000, 1000},
		{"503 first", fixtures.Status(503), 1000, 1000},
		{"a shorter range", rangeHeader(fmt.Sprintf("bytes 1000-2000/%d", size)), 1000, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.Heal()
			if c.fault != nil {
				r.Inject(fixtures.Match{Path: "/blobs/", Ranged: true, Times: 1}, c.fault)
			}
			body, start, err := layerAt(t, img.Image, 0).CompressedFrom(context.Background(), c.offset)
			if err != nil || start != c.start {
				t.Fatalf("starts at %d, not %d: %v", start, c.start, err)
			}
			got, err := io.ReadAll(body)
			if err := errors.Join(err, body.Close()); err != nil || !bytes.Equal(got, blob[start:]) {
				t.Errorf("%d of %d bytes, %v", len(got), len(blob[start:]), err)
			}
		})
	}
}

func TestBlobFaults(t *testing.T) {
	emptyHome(t)
	for _, c := range []struct {
		name   string
		fault  fixtures.Fault
		opened func(t *testing.T, err error) // nil: it opens
		read   func(t *testing.T, n, size int64, err error)
	}{
		{"cut", fixtures.Cut(1000), nil, func(t *testing.T, n, _ int64, err error) {
			wantError[*TemporaryError](t, err, "cut")
			if n != 1000 {
				t.Errorf("%d bytes", n)
			}
		}},
		{"short without a length", func(_ *fixtures.Registry, _ http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if err := http.NewResponseController(w).Flush(); err != nil {
					t.Error(err)
				}
				_, _ = io.WriteString(w, "short") // the client tells
			})
		}, nil, func(t *testing.T, n, _ int64, err error) {
			wantError[*TemporaryError](t, err, "cut")
			if n != 5 {
				t.Errorf("%d bytes", n)
			}
		}},
		{"endless", fixtures.Endless("application/octet-stream"), nil, func(t *testing.T, n, size int64, err error) {
			if err != nil || n != size+1 {
				t.Errorf("%d bytes of %d, %v", n, size, err)
			}
		}},
		{"too long", fixtures.WrongLength(1), func(t *testing.T, err error) { wantError[*DigestError](t, err, "bytes instead of") }, nil},
		{"too short", fixtures.WrongLength(-1), func(t *testing.T, err error) { wantError[*DigestError](t, err, "bytes instead of") }, nil},
		{"HTML", fixtures.HTML(), func(t *testing.T, err error) { wantError[*DigestError](t, err, "") }, nil},
		{"206 to no Range", fixtures.Status(206), func(t *testing.T, err error) { wantError[*ProtocolError](t, err, "206") }, nil},
		{"403", fixtures.Status(403), func(t *testing.T, err error) { wantError[*NotFoundError](t, err, "403") }, nil},
		{"404", fixtures.Status(404), func(t *testing.T, err error) { wantError[*NotFoundError](t, err, "not its blob") }, nil},
		{"500 for ever", fixtures.Status(500), func(t *testing.T, err error) { wantError[*TemporaryError](t, err, "500") }, nil},
		{"redirects for ever", func(r *fixtures.Registry, _ http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				http.Redirect(w, req, req.URL.String(), http.StatusFound)
			})
		}, func(t *testing.T, err error) { wantError[*ProtocolError](t, err, "redirected more than") }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := fixtures.Serve(t, map[string]v1.Image{"app:1": big})
			img, err := openRef(t, r.Ref("app:1"), Options{timing: &newFakeTime().timing})
			if err != nil {
				t.Fatal(err)
			}
			r.Inject(fixtures.Match{Path: "/blobs/"}, c.fault)
			l := layerAt(t, img.Image, 0)
			body, err := l.Compressed()
			if c.opened != nil {
				c.opened(t, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, body)
			size, serr := l.Size()
			if err := errors.Join(serr, body.Close()); err != nil {
				t.Fatal(err)
			}
			c.read(t, n, size, err)
		})
	}
}

// A download that is cut again and again comes to its end by resuming.
func TestResumeUntilDone(t *testing.T) {
	emptyHome(t)
	r := fixtures.Serve(t, map[string]v1.Image{"app:1": big})
	img, err := openRef(t, r.Ref("app:1"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	blob := readLayer(t, img.Image, 0)
	r.Inject(fixtures.Match{Path: "/blobs/"}, fixtures.Cut(50_000))
	var got []byte
	for len(got) < len(blob) {
		body, start, err := layerAt(t, img.Image, 0).CompressedFrom(context.Background(), int64(len(got)))
		if err != nil || start != int64(len(got)) {
			t.Fatal(start, err)
		}
		part, err := io.ReadAll(body)
		if len(part) == 0 {
			t.Fatalf("no progress: %v", err)
		}
		got = append(got, part...)
		if err := body.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, blob) {
		t.Error("the parts are not the blob")
	}
}

// alarm is a watchdog's clock that the test lets ring.
type alarm struct {
	mu   sync.Mutex
	ring func()
	set  chan struct{} // gets one each time that a watchdog starts to wait
}

func (a *alarm) after(_ time.Duration, f func()) func() bool {
	a.mu.Lock()
	a.ring = f
	a.mu.Unlock()
	a.set <- struct{}{}
	return func() bool { return true }
}

func TestStall(t *testing.T) {
	emptyHome(t)
	r := fixtures.Serve(t, map[string]v1.Image{"app:1": big})
	f := newFakeTime()
	a := &alarm{set: make(chan struct{}, 1<<16)}
	img, err := openRef(t, r.Ref("app:1"), Options{timing: &f.timing})
	if err != nil {
		t.Fatal(err)
	}
	const sent = 1000
	r.Inject(fixtures.Match{Path: "/blobs/"}, fixtures.Stall(sent))
	f.after = a.after
	body, err := layerAt(t, img.Image, 0).Compressed()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(body, make([]byte, sent)); err != nil {
		t.Fatal(err)
	}
	for len(a.set) > 0 {
		<-a.set
	}
	done := make(chan error)
	go func() {
		_, err := body.Read(make([]byte, 1))
		done <- err
	}()
	<-a.set // the read has begun
	a.mu.Lock()
	a.ring()
	a.mu.Unlock()
	wantError[*TemporaryError](t, <-done, errStalled.Error())
	if err := body.Close(); err != nil {
		t.Error(err)
	}
}

// A server that says nothing at all is taken for stalled as well, and asked again.
func TestStallBeforeTheHeader(t *testing.T) {
	emptyHome(t)
	r := fixtures.Serve(t, map[string]v1.Image{"app:1": small})
	f, k := newFakeTime(), &talk{}
	var mu sync.Mutex
	var ring func()
	f.after = func(_ time.Duration, rings func()) func() bool {
		mu.Lock()
		defer mu.Unlock()
		ring = rings
		return func() bool { return true }
	}
	r.Inject(fixtures.Match{Path: "/manifests/", Times: 1}, func(*fixtures.Registry, http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			mu.Lock()
			ring()
			mu.Unlock()
			<-req.Context().Done()
		})
	})
	if _, err := openRef(t, r.Ref("app:1"), k.options(f)); err != nil {
		t.Fatal(err)
	}
	if len(k.retries) != 1 || !strings.Contains(k.retries[0], errStalled.Error()) {
		t.Errorf("%q", k.retries)
	}
}

func TestReadingIsCancelled(t *testing.T) {
	emptyHome(t)
	r := fixtures.Serve(t, map[string]v1.Image{"app:1": big})
	img, err := openRef(t, r.Ref("app:1"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	r.Inject(fixtures.Match{Path: "/blobs/"}, fixtures.Stall(1000))
	ctx, cancel := context.WithCancel(context.Background())
	body, _, err := layerAt(t, img.Image, 0).CompressedFrom(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.Copy(io.Discard, body); !errors.Is(err, context.Canceled) || isExplained(err) {
		t.Errorf("%T %v", err, err)
	}
	if err := body.Close(); err != nil {
		t.Error(err)
	}
}

func TestForeignLayer(t *testing.T) {
	emptyHome(t)
	foreign := fixtures.Image("-- 0/a --\nx\n", fixtures.Manifest(func(m *v1.Manifest) {
		m.Layers[0].MediaType = types.DockerForeignLayer
		m.Layers[0].URLs = []string{"https://elsewhere.example/layer"}
	}))
	r := fixtures.Serve(t, map[string]v1.Image{"app:1": foreign})
	img, err := openRef(t, r.Ref("app:1"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	readLayer(t, img.Image, 0) // some registries hold them
	r.Inject(fixtures.Match{Path: "/blobs/"}, fixtures.Status(404))
	_, err = layerAt(t, img.Image, 0).Compressed()
	e := wantError[*UnavailableError](t, err, "foreign layer")
	if !strings.Contains(strings.Join(e.Detail, ""), "https://elsewhere.example/layer") {
		t.Errorf("%q", e.Detail)
	}
}

// Layers are read side by side.
func TestBlobsSideBySide(t *testing.T) {
	home := emptyHome(t)
	r := fixtures.Serve(t, map[string]v1.Image{"app:1": small})
	r.Inject(fixtures.Match{}, fixtures.BearerAuth("u", "p", true))
	writeFile(t, home+"/.docker/config.json", auths(r.Host, "u:old"))
	img, err := openRef(t, r.Ref("app:1"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		l := layerAt(t, img.Image, i%2)
		wg.Go(func() {
			if _, err := readBlob(l); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func BenchmarkBlob(b *testing.B) {
	r, err := fixtures.NewRegistry()
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	if err := r.Push("app:1", big); err != nil {
		b.Fatal(err)
	}
	ref, err := Parse(r.Ref("app:1"))
	if err != nil {
		b.Fatal(err)
	}
	img, err := Open(context.Background(), ref, Options{})
	if err != nil {
		b.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		b.Fatal(err)
	}
	size, err := layers[0].Size()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		body, err := layers[0].Compressed()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, body); err != nil {
			b.Fatal(err)
		}
		if err := body.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
