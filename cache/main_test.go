package cache

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

// childRole names the part that a process plays which a test has started from its
// own binary.
const childRole = "LAYERS_CACHE_TEST_ROLE"

var roles = map[string]func(args []string) error{}

func TestMain(m *testing.M) {
	role := os.Getenv(childRole)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := roles[role](strings.Split(os.Getenv(childRole+"_ARGS"), "\n")); err != nil {
		fmt.Fprintln(os.Stderr, role+":", err)
		os.Exit(1)
	}
}

func startAs(t testing.TB, role string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childRole+"="+role, childRole+"_ARGS="+strings.Join(args, "\n"))
	return cmd
}

func testStore(t testing.TB, options ...func(*Options)) *Store {
	t.Helper()
	return reopen(t, filepath.Join(t.TempDir(), "store"), options...)
}

func reopen(t testing.TB, dir string, options ...func(*Options)) *Store {
	t.Helper()
	var o Options
	for _, set := range options {
		set(&o)
	}
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	s.pause = func(int) time.Duration { return 0 }
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

const twoLayers = `
-- 0/etc/motd --
hello
-- 0/etc/os-release --
ID=test
-- 0/usr/bin/tool --
#!/bin/sh
-- 1/etc/.wh.motd --
-- 1/srv/data --
some data
`

func pull(t testing.TB, s *Store, img v1.Image, names ...string) Stored {
	t.Helper()
	st, err := s.Pull(context.Background(), img, PullOptions{Names: names, Display: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// check asks Verify and demands that it finds nothing.
func check(t testing.TB, s *Store) VerifyReport {
	t.Helper()
	r, err := s.Verify(context.Background(), VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Damage) > 0 {
		t.Fatalf("damage: %+v", r.Damage)
	}
	return r
}

// files lists the regular files below a directory of the store, with their sizes.
func files(t testing.TB, s *Store, dir string) map[string]int64 {
	t.Helper()
	found := map[string]int64{}
	err := filepath.WalkDir(s.path(dir), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(s.dir, path)
		found[rel] = fi.Size()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// probe is an image whose layers do what a test wants, and count.
type probe struct {
	v1.Image
	opened atomic.Int64
	sent   atomic.Int64
	// body makes an answer to a request from offset; nil gives all of the blob from
	// there.
	body func(blob []byte, offset int64) (body io.Reader, start int64, err error)
	// plain takes the ability to resume away.
	plain bool
}

func (p *probe) Layers() ([]v1.Layer, error) {
	layers, err := p.Image.Layers()
	if err != nil {
		return nil, err
	}
	for i, l := range layers {
		resuming := &probeLayer{Layer: l, probe: p}
		layers[i] = resuming
		if p.plain {
			layers[i] = struct{ v1.Layer }{resuming}
		}
	}
	return layers, nil
}

type probeLayer struct {
	v1.Layer
	probe *probe
}

func (l *probeLayer) Compressed() (io.ReadCloser, error) {
	body, _, err := l.answer(0)
	return body, err
}

func (l *probeLayer) CompressedFrom(ctx context.Context, offset int64) (io.ReadCloser, int64, error) {
	body, start, err := l.answer(offset)
	if err != nil {
		return nil, 0, err
	}
	return &untilCanceled{ctx: ctx, ReadCloser: body}, start, nil
}

func (l *probeLayer) answer(offset int64) (io.ReadCloser, int64, error) {
	l.probe.opened.Add(1)
	blob := blobOf(l.Layer)
	var body io.Reader = bytes.NewReader(blob[min(offset, int64(len(blob))):])
	if l.probe.body != nil {
		var err error
		if body, offset, err = l.probe.body(blob, offset); err != nil {
			return nil, 0, err
		}
	}
	return io.NopCloser(&counted{r: body, n: &l.probe.sent}), offset, nil
}

// untilCanceled is a body that a context ends, as a connection does.
type untilCanceled struct {
	ctx context.Context
	io.ReadCloser
}

func (u *untilCanceled) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if err == errHang {
		<-u.ctx.Done()
		return n, u.ctx.Err()
	}
	return n, err
}

// errHang makes a body send no more and never end.
var errHang = fmt.Errorf("hang")

type counted struct {
	r io.Reader
	n *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

func blobOf(l v1.Layer) []byte {
	r, err := l.Compressed()
	if err != nil {
		panic(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		panic(err)
	}
	return data
}

func digests(t testing.TB, img v1.Image) []v1.Hash {
	t.Helper()
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	var all []v1.Hash
	for _, d := range m.Layers {
		all = append(all, d.Digest)
	}
	return all
}

// paths returns the paths in each layer's table of contents.
func paths(t testing.TB, layers []Layer) [][]string {
	t.Helper()
	var all [][]string
	for _, l := range layers {
		var names []string
		for e, err := range l.TOC.Entries("") {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, e.Path)
		}
		all = append(all, names)
	}
	return all
}

var twoLayerPaths = [][]string{
	{"etc", "etc/motd", "etc/os-release", "usr", "usr/bin", "usr/bin/tool"},
	{"etc", "etc/motd", "srv", "srv/data"},
}

func wantLayers(t testing.TB, s *Store, img v1.Image, want [][]string) {
	t.Helper()
	layers, err := s.Layers(context.Background(), img, "test")
	if err != nil {
		t.Fatal(err)
	}
	got := paths(t, layers)
	for i := range got {
		got[i] = slices.DeleteFunc(got[i], func(p string) bool { return p == "" })
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("layers hold %v, want %v", got, want)
	}
	for _, l := range layers {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

// steps collects events.
type steps struct {
	mu     sync.Mutex
	events []Event
}

func (s *steps) listen(o *Options) {
	o.Progress = func(e Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.events = append(s.events, e)
	}
}

func (s *steps) count(step Step) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, e := range s.events {
		if e.Step == step {
			n++
		}
	}
	return n
}

func (s *steps) last(step Step) (last Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Step == step {
			last = e
		}
	}
	return last
}

func image(text string, options ...fixtures.Option) v1.Image { return fixtures.Image(text, options...) }

func diffIDs(t testing.TB, img v1.Image) []layer.DiffID {
	t.Helper()
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	var all []layer.DiffID
	for _, id := range c.RootFS.DiffIDs {
		all = append(all, layer.DiffID(id))
	}
	return all
}

func marshal(m *v1.Manifest) ([]byte, error) { return json.Marshal(m) }
