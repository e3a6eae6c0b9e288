package cache

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

// victimImages are the images that the killed process and its neighbours pull.
// They share their lower layer. Every process makes the same ones.
func victimImages() []v1.Image {
	shared := fixtures.NewLayer(fixtures.Gzip, fixtures.Entry{Name: "shared", Body: noise(150_000)})
	var all []v1.Image
	for i := range 3 {
		own := fixtures.NewLayer(fixtures.Gzip, fixtures.Entry{Name: fmt.Sprint("own", i), Body: fmt.Sprint(i) + noise(50_000+i*30_000)})
		top := fixtures.NewLayer(fixtures.Gzip, fixtures.Entry{Name: fmt.Sprint("top", i), Body: "top"})
		all = append(all, fixtures.FromLayers([]*fixtures.Layer{shared, own, top}))
	}
	return all
}

func victimName(i int) string { return fmt.Sprintf("example.org/image%d:1", i) }

// blobServer serves the layers, with Range, and counts the bytes.
func blobServer(t *testing.T, sent *atomic.Int64) string {
	t.Helper()
	blobs := map[string][]byte{}
	for _, img := range victimImages() {
		for _, l := range mustLayers(t, img) {
			h, err := l.Digest()
			if err != nil {
				t.Fatal(err)
			}
			blobs["/"+h.String()] = blobOf(l)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		blob := blobs[r.URL.Path]
		http.ServeContent(countedWriter{w, sent}, r, "", time.Time{}, bytes.NewReader(blob))
	}))
	t.Cleanup(server.Close)
	return server.URL + "/"
}

type countedWriter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (w countedWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.n.Add(int64(n))
	return n, err
}

func init() {
	roles["victim"] = victim
	roles["neighbour"] = neighbour
	roles["reader"] = reader
}

// victim does all that writes: pulls, looks at, removes and prunes.
func victim(args []string) error {
	s, err := Open(args[0], Options{})
	if err != nil {
		return err
	}
	ctx := context.Background()
	for i, img := range victimImages() {
		if _, err := s.Pull(ctx, &httpImage{img, args[1]}, PullOptions{Names: []string{victimName(i)}}); err != nil {
			return err
		}
		if _, err := s.Memo(victimName(i), func() ([]byte, error) { return []byte("memo"), nil }); err != nil {
			return err
		}
	}
	found, err := s.Find(ctx, victimName(1))
	if err == nil {
		_, err = s.Remove(ctx, found, false)
	}
	if err == nil {
		_, err = s.Prune(ctx, false)
	}
	return errors.Join(err, s.Close())
}

// neighbour pulls and removes one of the images, over and over, until its standard
// input ends.
func neighbour(args []string) error {
	s, err := Open(args[0], Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	ctx := context.Background()
	img := &httpImage{victimImages()[1], args[1]}
	for stop := untilEOF(); !stop.Load(); {
		st, err := s.Pull(ctx, img, PullOptions{Names: []string{"example.org/neighbour:1"}})
		if err == nil {
			_, err = s.Remove(ctx, []Stored{st}, false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// reader demands, over and over, that every named image is whole. The name of one
// that vanishes meanwhile must be gone too.
func reader(args []string) error {
	s, err := Open(args[0], Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	ctx := context.Background()
	for stop := untilEOF(); !stop.Load(); {
		all, err := s.Images(ctx)
		if err != nil {
			return err
		}
		for _, st := range all {
			if err := readStored(ctx, s, st); err != nil {
				again, listErr := s.Find(ctx, st.Name)
				if listErr != nil || len(again) > 0 && st.Name == victimName(0) {
					return fmt.Errorf("%s: %w", st.Name, errors.Join(err, listErr))
				}
			}
		}
	}
	return nil
}

func readStored(ctx context.Context, s *Store, st Stored) error {
	img, err := s.Image(ctx, st.Digest)
	if err != nil {
		return err
	}
	layers, err := s.Layers(ctx, img, st.Name)
	if err != nil {
		return err
	}
	for i, l := range layers {
		for e, err := range l.TOC.Entries("") {
			if err != nil {
				return err
			}
			if e.HasContent() {
				if err := readFile(ctx, s, img, i, e); err != nil {
					return err
				}
			}
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}

func untilEOF() *atomic.Bool {
	var stop atomic.Bool
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1)) // returns at the end
		stop.Store(true)
	}()
	return &stop
}

// The promise of the package: killed at any moment, while others read and pull,
// the store verifies clean, named images are whole, and the next run resumes.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel() // most of its time goes to disks
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	var sent atomic.Int64
	url := blobServer(t, &sent)
	dir := filepath.Join(t.TempDir(), "store")
	s := reopen(t, dir)

	neighbours := []*neighbourProcess{startNeighbour(t, "neighbour", dir, url), startNeighbour(t, "reader", dir, url)}
	start := time.Now()
	for range 4 {
		runVictim(t, dir, url, -1)
		emptyStore(t, s)
	}
	whole := time.Since(start) / 4
	killed, runs := 0, 0
	for ; killed < kills && !t.Failed(); runs++ {
		if rng.IntN(4) == 0 {
			emptyStore(t, s)
		}
		after := time.Duration(rng.Int64N(int64(whole)))
		if runVictim(t, dir, url, after) {
			killed++
		}
		check(t, s)
		wholeImages(t, s)
	}
	t.Logf("%d of %d runs were killed, one takes %v", killed, runs, whole)
	for _, n := range neighbours {
		n.stop(t)
	}
	runVictim(t, dir, url, -1)
	check(t, s)
	resumes(t, s, url, &sent)
}

// runVictim reports whether the victim was killed. Without a moment for it, it must
// come to its end.
func runVictim(t *testing.T, dir, url string, after time.Duration) (killed bool) {
	t.Helper()
	cmd := startAs(t, "victim", dir, url)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if after >= 0 {
		time.AfterFunc(after, func() { _ = cmd.Process.Kill() }) // it may have ended
	}
	err := cmd.Wait()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return true
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	return false
}

type neighbourProcess struct {
	cmd *exec.Cmd
	out bytes.Buffer
	end func() error
}

func startNeighbour(t *testing.T, role, dir, url string) *neighbourProcess {
	t.Helper()
	n := &neighbourProcess{cmd: startAs(t, role, dir, url)}
	n.cmd.Stdout, n.cmd.Stderr = &n.out, &n.out
	in, err := n.cmd.StdinPipe()
	if err == nil {
		err = n.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	n.end = in.Close
	t.Cleanup(func() { _ = n.end(); _ = n.cmd.Process.Kill() }) // when the test has failed
	return n
}

func (n *neighbourProcess) stop(t *testing.T) {
	t.Helper()
	_ = n.end()
	if err := n.cmd.Wait(); err != nil {
		t.Errorf("%v: %v\n%s", n.cmd.Env[len(n.cmd.Env)-2], err, n.out.String())
	}
}

// emptyStore removes all names, so that the next run starts anew or from partial
// downloads.
func emptyStore(t *testing.T, s *Store) {
	t.Helper()
	all, err := s.Images(context.Background())
	if err == nil {
		_, err = s.Remove(context.Background(), all, false)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// wholeImages reads every file of the images that only the killed process names.
func wholeImages(t *testing.T, s *Store) {
	t.Helper()
	for _, i := range []int{0, 2} {
		found, err := s.Find(context.Background(), victimName(i))
		if err != nil {
			t.Fatal(err)
		}
		for _, st := range found {
			if err := readStored(context.Background(), s, st); err != nil {
				t.Errorf("%s: %v", st.Name, err)
			}
		}
	}
}

// resumes kills a pull in the middle of its download, by what it says of itself,
// and demands that another one sends only the rest.
func resumes(t *testing.T, s *Store, url string, sent *atomic.Int64) {
	t.Helper()
	ctx := context.Background()
	emptyStore(t, s)
	if _, err := s.Prune(ctx, false); err != nil {
		t.Fatal(err)
	}
	cmd := startAs(t, "half", s.Dir(), url)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadByte(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	have := sum(files(t, s, ingestDir)) + layersHere(t, s)
	sent.Store(0)
	img := victimImages()[0]
	pull(t, s, &httpImage{img, url}, victimName(0))
	var size int64
	for _, l := range mustLayers(t, img) {
		size += int64(len(blobOf(l)))
	}
	if have == 0 || sent.Load() != size-have {
		t.Errorf("%d of %d bytes were here, and %d were sent", have, size, sent.Load())
	}
	check(t, s)
}

func layersHere(t *testing.T, s *Store) int64 {
	t.Helper()
	return sum(files(t, s, blobDir))
}

func init() {
	roles["half"] = func(args []string) error {
		stop := make(chan struct{})
		s, err := Open(args[0], Options{Progress: func(e Event) {
			if e.Step == Downloading && e.Layer == 0 {
				fmt.Println("here")
				<-stop // until the kill
			}
		}})
		if err != nil {
			return err
		}
		_, err = s.Pull(context.Background(), &httpImage{victimImages()[0], args[1]}, PullOptions{})
		return err
	}
}

func readFile(ctx context.Context, s *Store, img v1.Image, number int, e layer.Entry) error {
	f, err := s.OpenFile(ctx, img, number, e)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, f)
	return errors.Join(err, f.Close())
}

// Two processes that pull one image send it once between them.
func TestTwoProcessesPullOnce(t *testing.T) {
	var sent atomic.Int64
	url := blobServer(t, &sent)
	s := testStore(t)
	var size int64
	seen := map[v1.Hash]bool{}
	for _, img := range victimImages() {
		for i, h := range digests(t, img) {
			if !seen[h] {
				seen[h] = true
				size += int64(len(blobOf(mustLayers(t, img)[i])))
			}
		}
	}
	var all []*neighbourProcess
	for range 3 {
		all = append(all, startNeighbour(t, "puller", s.Dir(), url))
	}
	for _, p := range all {
		p.stop(t)
	}
	if sent.Load() != size {
		t.Errorf("%d bytes were sent, want %d", sent.Load(), size)
	}
	for _, dir := range []string{ingestDir, leaseDir, scratchDir} {
		if left := files(t, s, dir); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	check(t, s)
}

func init() {
	roles["puller"] = func(args []string) error {
		s, err := Open(args[0], Options{})
		if err != nil {
			return err
		}
		for i, img := range victimImages() {
			if _, err := s.Pull(context.Background(), &httpImage{img, args[1]}, PullOptions{Names: []string{victimName(i)}}); err != nil {
				return err
			}
		}
		return s.Close()
	}
}
