package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cmd"
	"github.com/layers/layers/fixtures"
)

// layersOut runs the program in this process, which must succeed.
func layersOut(t *testing.T, args ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := cmd.Main(args, strings.NewReader(""), &stdout, &stderr); code != 0 {
		t.Fatalf("%v: exit code %d\n%s", args, code, stderr.String())
	}
	return stdout.Bytes()
}

// plan is what layers pull --dry-run -f json has of a plan.
type plan struct {
	Images []struct {
		Layers []struct {
			Digest, State string
			Fetch         int64
		}
	}
	Total struct{ Fetch int64 }
}

// TestPullsFetchWhatDryRunSays: on random families, in stores that have some of it and
// cut downloads of more, a registry sends as many bytes of layers as were said, of each
// layer, and the plan changes no file.
func TestPullsFetchWhatDryRunSays(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	states := map[string]bool{}
	for range 12 {
		images, layers := randomFamily(rng)
		registry := fixtures.Serve(t, images)
		store := t.TempDir()
		t.Setenv("LAYERS_STORE", store)
		names := slices.Sorted(maps.Keys(images))
		both := fixtures.Index(images["app:a"], fixtures.FromLayers(nil, fixtures.Platform("linux/arm64")))
		if err := registry.PushIndex("app:both", both); err != nil {
			t.Fatal(err)
		}
		names = append(names, "app:both")
		layersOut(t, "pull", registry.Ref(names[0]))
		cutSome(t, rng, store, layers)
		args := []string{"pull"}
		for range 4 {
			args = append(args, registry.Ref(names[rng.IntN(len(names))]))
		}
		if rng.IntN(2) == 0 {
			args = append(args, "--all-platforms")
		}
		before := disk(t, store)
		var said plan
		if err := json.Unmarshal(layersOut(t, append(args, "--dry-run", "-f", "json")...), &said); err != nil {
			t.Fatal(err)
		}
		if after := disk(t, store); !maps.Equal(before, after) {
			t.Fatalf("before %v, after %v", before, after)
		}
		registry.ForgetLog()
		layersOut(t, args...)
		checkFetched(t, said, sentOf(registry, layers))
		for _, img := range said.Images {
			for _, l := range img.Layers {
				states[l.State] = true
			}
		}
	}
	if got := slices.Sorted(maps.Keys(states)); len(got) != 4 {
		t.Errorf("only the states %v came up", got)
	}
}

func checkFetched(t *testing.T, said plan, sent map[string]int64) {
	t.Helper()
	planned := map[string]int64{}
	var sum int64
	for _, img := range said.Images {
		for _, l := range img.Layers {
			sum += l.Fetch
			if l.Fetch > 0 {
				planned[l.Digest] += l.Fetch
			}
		}
	}
	if !maps.Equal(planned, sent) || sum != said.Total.Fetch {
		t.Fatalf("said %v (%d), sent %v", planned, said.Total.Fetch, sent)
	}
}

// randomFamily is images that share layers, and their blobs by digest.
func randomFamily(rng *rand.Rand) (map[string]v1.Image, map[string][]byte) {
	pool := make([]*fixtures.Layer, 8)
	for i := range pool {
		body := make([]byte, rng.IntN(40_000))
		for k := range body {
			body[k] = byte(rng.UintN(256))
		}
		c := []fixtures.Compression{fixtures.Gzip, fixtures.Zstd, fixtures.None}[i%3]
		pool[i] = fixtures.NewLayer(c, fixtures.Entry{Name: "f", Body: string(body)})
	}
	images, blobs := map[string]v1.Image{}, map[string][]byte{}
	for i := range 5 {
		stack := []*fixtures.Layer{pool[0]}
		for range rng.IntN(5) {
			stack = append(stack, pool[rng.IntN(len(pool))])
		}
		images["app:"+string(rune('a'+i))] = fixtures.FromLayers(stack)
		for _, l := range stack {
			digest, _ := l.Digest()
			blobs[digest.String()] = l.Blob
		}
	}
	return images, blobs
}

// cutSome leaves what a cut download leaves: the beginning of a blob, or all of it.
func cutSome(t *testing.T, rng *rand.Rand, store string, layers map[string][]byte) {
	t.Helper()
	for _, digest := range slices.Sorted(maps.Keys(layers)) {
		hex := strings.TrimPrefix(digest, "sha256:")
		if _, err := os.Stat(filepath.Join(store, "blobs/sha256", hex)); err == nil || rng.IntN(2) == 0 {
			continue
		}
		blob := layers[digest]
		if err := os.WriteFile(filepath.Join(store, "ingest", hex), blob[:rng.IntN(len(blob)+1)], 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// sentOf is how many bytes of each layer a registry has sent.
func sentOf(r *fixtures.Registry, layers map[string][]byte) map[string]int64 {
	sent := map[string]int64{}
	log := r.Log()
	for slices.ContainsFunc(log, func(q fixtures.Request) bool { return q.Status == 0 }) { // it counts a moment later
		time.Sleep(time.Millisecond)
		log = r.Log()
	}
	for _, q := range log {
		digest := q.Path[strings.LastIndexByte(q.Path, '/')+1:]
		if _, ok := layers[digest]; ok && strings.Contains(q.Path, "/blobs/") && q.Bytes > 0 {
			sent[digest] += q.Bytes
		}
	}
	return sent
}

// disk is every file below a directory, with its time.
func disk(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err == nil {
			out[path] = fi.ModTime().String()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
