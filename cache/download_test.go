package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

var errReset = errors.New("connection reset")

// big is an image with one layer whose blob is larger than a download's steps.
func big(t testing.TB) v1.Image {
	t.Helper()
	noise := make([]byte, 3<<20)
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	return fixtures.Build([][]fixtures.Entry{{{Name: "noise", Body: string(noise)}}})
}

// cutting answers from the offset that was asked for and breaks off after every n bytes.
func cutting(n int64) func([]byte, int64) (io.Reader, int64, error) {
	return func(blob []byte, offset int64) (io.Reader, int64, error) {
		return cutAfter(blob[offset:], n), offset, nil
	}
}

func cutAfter(data []byte, n int64) io.Reader {
	if int64(len(data)) <= n {
		return bytes.NewReader(data)
	}
	return io.MultiReader(bytes.NewReader(data[:n]), failing{errReset})
}

func TestDownloadGoesOnWhereItWasCut(t *testing.T) {
	img := big(t)
	size := int64(len(blobOf(mustLayers(t, img)[0])))
	for name, tt := range map[string]struct {
		body  func([]byte, int64) (io.Reader, int64, error)
		plain bool
		opens int64
		sent  int64
	}{
		"whole":            {cutting(size), false, 1, size},
		"cut":              {cutting(1 << 20), false, (size-1)>>20 + 1, size},
		"cut to the byte":  {cutting(size - 1), false, 2, size},
		"cut without word": {cutShort, false, 4, size},
		"the whole again":  {fromZero, false, 4, 1<<20 + 2<<20 + 3<<20 + size},
		"no resuming":      {fromZero, true, 4, 1<<20 + 2<<20 + 3<<20 + size},
	} {
		t.Run(name, func(t *testing.T) {
			var seen steps
			s := testStore(t, seen.listen)
			src := &probe{Image: img, plain: tt.plain}
			src.body = func(blob []byte, offset int64) (io.Reader, int64, error) {
				if name == "the whole again" || name == "no resuming" {
					offset = src.opened.Load() // the attempt's number
				}
				return tt.body(blob, offset)
			}
			pull(t, s, src, "example.org/a:1")
			check(t, s)
			if src.opened.Load() != tt.opens || src.sent.Load() != tt.sent {
				t.Errorf("%d answers with %d bytes, want %d with %d", src.opened.Load(), src.sent.Load(), tt.opens, tt.sent)
			}
			if n := int64(seen.count(Retrying)); n != tt.opens-1 {
				t.Errorf("%d events of retrying", n)
			}
			if last := seen.last(Downloading); last.Bytes != size || last.Size != size {
				t.Errorf("the last event of downloading is %+v", last)
			}
		})
	}
}

func cutShort(blob []byte, offset int64) (io.Reader, int64, error) {
	return bytes.NewReader(blob[offset:min(offset+1<<20, int64(len(blob)))]), offset, nil
}

// fromZero sends the blob from its start, a mebibyte more each time.
func fromZero(blob []byte, attempt int64) (io.Reader, int64, error) {
	return cutAfter(blob, attempt<<20), 0, nil
}

func mustLayers(t testing.TB, img v1.Image) []v1.Layer {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	return layers
}

func TestDownloadGivesUp(t *testing.T) {
	img := big(t)
	refusal := errors.New("404")
	for name, tt := range map[string]struct {
		body  func([]byte, int64) (io.Reader, int64, error)
		opens int64
		is    error
		kept  int64 // bytes of the partial download
	}{
		"nothing comes":   {func(_ []byte, at int64) (io.Reader, int64, error) { return failing{errReset}, at, nil }, fruitless, errReset, 0},
		"little comes":    {cutting(1000), smallGains, errReset, smallGains * 1000},
		"refused":         {func([]byte, int64) (io.Reader, int64, error) { return nil, 0, refusal }, 1, refusal, 0},
		"a later start":   {func(b []byte, at int64) (io.Reader, int64, error) { return bytes.NewReader(b), at + 1, nil }, 1, nil, 0},
		"endless":         {func(_ []byte, at int64) (io.Reader, int64, error) { return zeros{}, at, nil }, 1, nil, -1},
		"one byte more":   {func(b []byte, at int64) (io.Reader, int64, error) { return bytes.NewReader(append(b[at:], 0)), at, nil }, 1, nil, -1},
		"an empty answer": {func(_ []byte, at int64) (io.Reader, int64, error) { return strings.NewReader(""), at, nil }, fruitless, io.ErrUnexpectedEOF, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := testStore(t)
			src := &probe{Image: img, body: tt.body}
			_, err := s.Pull(context.Background(), src, PullOptions{Display: "a:1"})
			var of *LayerError
			if !errors.As(err, &of) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Fatalf("error %v", err)
			}
			if src.opened.Load() != tt.opens {
				t.Errorf("%d answers were asked for, want %d", src.opened.Load(), tt.opens)
			}
			kept := int64(-1)
			for _, size := range files(t, s, ingestDir) {
				kept = size
			}
			if kept != tt.kept {
				t.Errorf("%d bytes are kept, want %d", kept, tt.kept)
			}
			pull(t, s, img, "example.org/a:1")
			check(t, s)
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestDownloadLeavesASilentSource(t *testing.T) {
	s := testStore(t)
	s.stall = 20 * time.Millisecond
	var first atomic.Bool
	src := &probe{Image: big(t), body: func(blob []byte, offset int64) (io.Reader, int64, error) {
		if first.CompareAndSwap(false, true) {
			return io.MultiReader(bytes.NewReader(blob[:1000]), failing{errHang}), 0, nil
		}
		return bytes.NewReader(blob[offset:]), offset, nil
	}}
	pull(t, s, src, "example.org/a:1")
	check(t, s)
}

// What another process left behind is not sent again, and the pass reads it from
// its first byte.
func TestDownloadResumesInAnotherProcess(t *testing.T) {
	var seen steps
	s := testStore(t, seen.listen)
	src := &probe{Image: big(t)}
	layers := mustLayers(t, src.Image)
	blob, h := blobOf(layers[0]), digests(t, src)[0]
	for _, have := range []int{0, 1, 1 << 20, len(blob) - 1, len(blob)} {
		t.Run(fmt.Sprint(have), func(t *testing.T) {
			s := testStore(t, seen.listen)
			leave(t, s, h, blob[:have])
			src.sent.Store(0)
			pull(t, s, src, "example.org/a:1")
			if n := src.sent.Load(); n != int64(len(blob)-have) {
				t.Errorf("%d bytes were sent", n)
			}
			if e := seen.last(Resuming); have > 0 && e.Bytes != int64(have) {
				t.Errorf("event %+v", e)
			}
			check(t, s)
		})
	}
	// A partial download that is damaged costs another download, not the pull.
	for name, left := range map[string][]byte{
		"zeros":    make([]byte, 1<<20),
		"flipped":  append(bytes.Clone(blob[:4999]), blob[4999]^1),
		"complete": append(bytes.Clone(blob[:len(blob)-1]), blob[len(blob)-1]^1),
		"too long": append(bytes.Clone(blob), 1),
	} {
		t.Run(name, func(t *testing.T) {
			s := testStore(t)
			leave(t, s, h, left)
			pull(t, s, src, "example.org/a:1")
			check(t, s)
			if left := files(t, s, ingestDir); len(left) > 0 {
				t.Errorf("ingest holds %v", left)
			}
		})
	}
	check(t, s)
}

func leave(t testing.TB, s *Store, h v1.Hash, data []byte) {
	t.Helper()
	if err := os.WriteFile(s.ingestPath(h), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A limit is the caller's, so what was downloaded is kept for the next try.
func TestDownloadIsKeptWhenALimitIsPassed(t *testing.T) {
	s := testStore(t, func(o *Options) { o.Limits.Unpacked = 1 << 20 })
	src := &probe{Image: big(t)}
	_, err := s.Pull(context.Background(), src, PullOptions{})
	var limit *layer.LimitError
	if !errors.As(err, &limit) {
		t.Fatalf("error %v", err)
	}
	if got := files(t, s, ingestDir); len(got) != 1 {
		t.Errorf("ingest holds %v", got)
	}
	pull(t, reopen(t, s.dir), src, "example.org/a:1")
	check(t, s)
}

func TestDownloadsRunAheadAndSideBySide(t *testing.T) {
	text := ""
	for i := range 12 {
		text += fmt.Sprintf("-- %d/f%d --\n%d\n", i, i, i)
	}
	var now, most atomic.Int64
	src := &probe{Image: image(text)}
	src.body = func(blob []byte, offset int64) (io.Reader, int64, error) {
		n := now.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		return io.MultiReader(bytes.NewReader(blob[offset:]), atEnd(func() { now.Add(-1) })), offset, nil
	}
	s := testStore(t, func(o *Options) { o.Jobs = 3 })
	pull(t, s, src, "example.org/a:1")
	if most.Load() > 3 {
		t.Errorf("%d downloads at once", most.Load())
	}
	check(t, s)
}

type atEnd func()

func (f atEnd) Read([]byte) (int, error) { f(); return 0, io.EOF }

// httpLayer is a layer behind a real connection.
type httpLayer struct {
	v1.Layer
	url string
}

func (l *httpLayer) CompressedFrom(ctx context.Context, offset int64) (io.ReadCloser, int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, nil)
	if err != nil {
		return nil, 0, err
	}
	if offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, 0, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return resp.Body, 0, nil
	case http.StatusPartialContent:
		return resp.Body, offset, nil
	}
	return nil, 0, errors.Join(errors.New(resp.Status), resp.Body.Close())
}

type httpImage struct {
	v1.Image
	base string
}

func (i *httpImage) Layers() ([]v1.Layer, error) {
	layers, err := i.Image.Layers()
	for n, l := range layers {
		h, err := l.Digest()
		if err != nil {
			return nil, err
		}
		layers[n] = &httpLayer{l, i.base + h.String()}
	}
	return layers, err
}

func TestDownloadFromARegistryWithFaults(t *testing.T) {
	img := big(t)
	for name, fault := range map[string]fixtures.Fault{
		"none":         nil,
		"cut":          fixtures.Cut(1 << 20),
		"ignore range": fixtures.IgnoreRange(),
		"no length":    fixtures.NoLength(),
	} {
		t.Run(name, func(t *testing.T) {
			r := fixtures.Serve(t, map[string]v1.Image{"a:1": img})
			if fault != nil {
				r.Inject(fixtures.Match{}, fault)
			}
			s := testStore(t)
			pull(t, s, &httpImage{img, "http://" + r.Host + "/v2/a/blobs/"}, "example.org/a:1")
			check(t, s)
		})
	}
}
