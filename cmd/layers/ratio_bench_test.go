//go:build corpus

package main

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rounds is how often everything that is compared runs, in turn, for one result.
const rounds = 3

// BenchmarkRatios compares the program, as it is built for users, with what they
// would run instead. A result is a ratio of medians of CPU time, the user's and the
// kernel's, of all processes on each side; below 1 the program takes less. It
// asserts nothing, since machines are noisy: the bounds stand beside each.
func BenchmarkRatios(b *testing.B) {
	for _, name := range []string{"HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME"} {
		b.Setenv(name, b.TempDir())
	}
	s := &side{host: corpusHost(b), program: built(b), dir: b.TempDir()}
	b.Run("gzip", s.gzip)
	b.Run("zstd", s.zstd)
	if dive := diveProgram(); dive != "" {
		b.Run("docker-archive", func(b *testing.B) { s.archive(b, dive) })
	}
	b.Run("pull", s.pull)
	b.Run("unpack", s.unpack)
	b.Run("diff", s.diff)
	inspect := func(image string) func(*testing.B) {
		return func(b *testing.B) { s.warm(b, "inspect", "-f", "json", s.host+"/"+image) }
	}
	b.Run("warm/python:3.10", inspect("python:3.10")) // 30 ms, 20 MB
	b.Run("warm/many:100", inspect("many:100"))       // 60 ms
	b.Run("warm/diff", func(b *testing.B) { s.warm(b, "diff", s.host+"/python:3.10", s.host+"/python:3.11") })
	b.Run("warm/diff-of-one-layer", func(b *testing.B) { s.warm(b, "diff", s.host+"/app:main", s.host+"/app:pr") })
}

// diveProgram is the path of dive, which CI does not install, or "".
func diveProgram() string {
	if path := os.Getenv("DIVE"); path != "" {
		return path
	}
	path, err := exec.LookPath("dive")
	if err != nil {
		return ""
	}
	return path
}

// side is our side of every comparison: the program, and where its images are.
type side struct{ host, program, dir string }

// A layer is decoded once, for its DiffID, its table of contents and the digests of
// its files: the bounds are 0.65 and 1.0.
func (s *side) gzip(b *testing.B) {
	ref, layers := s.layout(b, "python:3.10")
	s.compare(b, s.cold(b, ref),
		rival{"x-of-gzip|sha256sum", pipe("gzip", layers)},
		rival{"x-of-tar-tvzf", func(b *testing.B) time.Duration {
			var sum time.Duration
			for _, layer := range layers {
				sum += cpu(b, exec.Command("tar", "-tvzf", layer))
			}
			return sum
		}})
}

// The bound is 0.5.
func (s *side) zstd(b *testing.B) {
	ref, layers := s.layout(b, "python:zstd")
	s.compare(b, s.cold(b, ref), rival{"x-of-zstd|sha256sum", pipe("zstd", layers)})
}

// The layers in the archive are not compressed: the bound is 1.0.
func (s *side) archive(b *testing.B, dive string) {
	file := filepath.Join(s.dir, "docker.tar")
	s.copy(b, "python:3.10", "docker-archive:"+file+":python:3.10")
	s.compare(b, s.cold(b, "docker-archive:"+file), rival{"x-of-dive", func(b *testing.B) time.Duration {
		answer := filepath.Join(b.TempDir(), "dive.json")
		return cpu(b, exec.Command(dive, "--source", "docker-archive", file, "--json", answer))
	}})
}

// A pull is a download and the one pass, which a cold inspect of the same blobs on
// disk stands for: the bound is 1.3.
func (s *side) pull(b *testing.B) {
	ref, layers := s.layout(b, "python:3.10")
	fetch := []string{"-sSf"}
	for _, layer := range layers {
		fetch = append(fetch, "-o", os.DevNull, "http://"+s.host+"/v2/python/blobs/sha256:"+filepath.Base(layer))
	}
	inspect := s.cold(b, ref)
	s.compare(b, s.inNewStore(b, "pull", "-q", s.host+"/python:3.10"), rival{"x-of-curl+inspect", func(b *testing.B) time.Duration {
		return cpu(b, exec.Command("curl", fetch...)) + inspect(b)
	}})
}

// Two images that share their lowest layer, each layer read once; or both laid out on
// the disk and compared by their contents alone.
func (s *side) diff(b *testing.B) {
	old, oldLayers := s.layout(b, "python:3.10")
	new, newLayers := s.layout(b, "python:3.11")
	s.compare(b, s.inNewStore(b, "diff", old, new), rival{"x-of-tar+diff-r", func(b *testing.B) (sum time.Duration) {
		room := b.TempDir()
		for dir, layers := range map[string][]string{"old": oldLayers, "new": newLayers} {
			to := filepath.Join(room, dir)
			if err := os.Mkdir(to, 0o755); err != nil {
				b.Fatal(err)
			}
			for _, layer := range layers {
				sum += cpu(b, exec.Command("tar", "-C", to, "-xzf", layer))
			}
		}
		compare := exec.Command("sh", "-c", "diff -rq --no-dereference old new >/dev/null; test $? -le 1")
		compare.Dir = room
		return sum + cpu(b, compare)
	}})
}

// An unpack of an image that is in the store, to its syncing, and one by tar, which
// checks nothing and does not sync: the bound is 1.0. Nothing is removed in between,
// for ext4 is slow where files were removed in the last minutes.
func (s *side) unpack(b *testing.B) {
	_, layers := s.layout(b, "python:3.10")
	room := b.TempDir()
	b.Setenv("LAYERS_STORE", filepath.Join(room, "store"))
	cpu(b, exec.Command(s.program, "pull", "-q", s.host+"/python:3.10"))
	next := 0
	dir := func() string {
		next++
		return filepath.Join(room, strconv.Itoa(next))
	}
	ours := func(b *testing.B) time.Duration {
		return cpu(b, exec.Command(s.program, "unpack", "-q", s.host+"/python:3.10", dir()))
	}
	s.compare(b, ours, rival{"x-of-tar-xzf", func(b *testing.B) (sum time.Duration) {
		to := dir()
		if err := os.Mkdir(to, 0o700); err != nil {
			b.Fatal(err)
		}
		for _, layer := range layers {
			sum += cpu(b, exec.Command("tar", "-xzf", layer, "-C", to))
		}
		return sum
	}})
}

// warm reports wall time and memory of an inspect that finds all in the store.
func (s *side) warm(b *testing.B, args ...string) {
	b.Setenv("LAYERS_STORE", filepath.Join(b.TempDir(), "store"))
	cpu(b, exec.Command(s.program, args...))
	var took []time.Duration
	for b.Loop() {
		for range 10 * rounds {
			start := time.Now()
			cpu(b, exec.Command(s.program, args...))
			took = append(took, time.Since(start))
		}
	}
	mb, _ := peak(b, s.program, args...)
	b.ReportMetric(float64(median(took).Microseconds())/1000, "wall-ms")
	b.ReportMetric(float64(mb), "peak-MB")
	b.ReportMetric(0, "ns/op")
}

// measured does once what is compared and returns the CPU time that it took.
type measured func(b *testing.B) time.Duration

type rival struct {
	unit string
	run  measured
}

// compare runs ours and each rival in turn, so that what else this machine does
// falls on all of them, and reports ours as a part of each.
func (s *side) compare(b *testing.B, ours measured, rivals ...rival) {
	took := make([][]time.Duration, 1+len(rivals))
	for b.Loop() {
		for range rounds {
			took[0] = append(took[0], ours(b))
			for i, r := range rivals {
				took[i+1] = append(took[i+1], r.run(b))
			}
		}
	}
	own := median(took[0]).Seconds()
	for i, r := range rivals {
		b.ReportMetric(own/median(took[i+1]).Seconds(), r.unit)
	}
	b.ReportMetric(own, "cpu-s")
	b.ReportMetric(0, "ns/op")
}

func median(all []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(all))[len(all)/2]
}

// cold inspects into a store that has nothing yet.
func (s *side) cold(b *testing.B, ref string) measured { return s.inNewStore(b, "inspect", ref) }

func (s *side) inNewStore(b *testing.B, args ...string) measured {
	store := filepath.Join(b.TempDir(), "store")
	return func(b *testing.B) time.Duration {
		took := cpu(b, exec.Command(s.program, append(args, "--progress", "none", "--store", store)...))
		if err := os.RemoveAll(store); err != nil {
			b.Fatal(err)
		}
		return took
	}
}

// pipe is `PROGRAM -dc LAYER... | sha256sum`.
func pipe(program string, layers []string) measured {
	return func(b *testing.B) time.Duration {
		return cpu(b, exec.Command(program, append([]string{"-dc"}, layers...)...), exec.Command("sha256sum"))
	}
}

// cpu runs the commands as a pipeline and returns the CPU time that all of them
// took, with the processes that they started and waited for.
func cpu(b *testing.B, pipeline ...*exec.Cmd) time.Duration {
	b.Helper()
	var stderr strings.Builder
	var between io.ReadCloser
	for i, c := range pipeline {
		var out io.ReadCloser
		if between != nil {
			c.Stdin = between
		}
		if i == len(pipeline)-1 {
			c.Stderr = &stderr
		} else if p, err := c.StdoutPipe(); err != nil {
			b.Fatal(err)
		} else {
			out = p
		}
		if err := c.Start(); err != nil {
			b.Fatal(err)
		}
		if between != nil {
			_ = between.Close() // the command has its own
		}
		between = out
	}
	var sum time.Duration
	for _, c := range slices.Backward(pipeline) {
		if err := c.Wait(); err != nil {
			b.Fatalf("%q: %v\n%s", c.Args, err, stderr.String())
		}
		sum += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	}
	return sum
}

// copy has skopeo copy an image of the corpus.
func (s *side) copy(b *testing.B, image, to string) {
	b.Helper()
	from := "docker://" + s.host + "/" + image
	if out, err := exec.Command("skopeo", "copy", "-q", "--src-tls-verify=false", from, to).CombinedOutput(); err != nil {
		b.Fatalf("copying %s: %v\n%s", image, err, out)
	}
}

// layout has an image of the corpus in an OCI layout of its own, and returns the
// reference to it and the files of its layers, lowest first.
func (s *side) layout(b *testing.B, image string) (ref string, layers []string) {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "oci")
	ref = "oci:" + dir + ":" + image
	s.copy(b, image, ref)
	out, err := exec.Command("skopeo", "inspect", "--raw", ref).Output()
	if err != nil {
		b.Fatal(err)
	}
	var manifest struct{ Layers []struct{ Digest string } }
	if err := json.Unmarshal(out, &manifest); err != nil {
		b.Fatal(err)
	}
	for _, l := range manifest.Layers {
		layers = append(layers, filepath.Join(dir, "blobs/sha256", strings.TrimPrefix(l.Digest, "sha256:")))
	}
	return ref, layers
}
