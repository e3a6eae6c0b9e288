package inflate

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	klauspost "github.com/klauspost/compress/gzip"
)

const benchSize = 16 << 20 // of content, at most

// goSource is a tar of Go's own source.
func goSource(b *testing.B) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.AddFS(os.DirFS(filepath.Join(goroot(b), "src/cmd"))); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()[:min(out.Len(), benchSize)]
}

// goProgram is the go tool.
func goProgram(b *testing.B) []byte {
	name, err := exec.LookPath("go")
	if err != nil {
		b.Fatal(err)
	}
	program, err := os.ReadFile(name)
	if err != nil {
		b.Fatal(err)
	}
	return program[:min(len(program), benchSize)]
}

func gzipped(b *testing.B, level int, content []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

// BenchmarkGzip compares this package with others on the same input in one run:
// megabytes of output a second of CPU, and the CPU that this package takes of
// klauspost's. LAYERS_BENCH_GZIP can name further files to take, as a pattern.
func BenchmarkGzip(b *testing.B) {
	for name, content := range map[string][]byte{"source": goSource(b), "program": goProgram(b)} {
		for _, level := range []int{1, 6, 9} {
			in := gzipped(b, level, content)
			b.Run(fmt.Sprintf("%s at %d", name, level), func(b *testing.B) { compare(b, in) })
		}
	}
	files, err := filepath.Glob(os.Getenv("LAYERS_BENCH_GZIP"))
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range files {
		in, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(filepath.Base(name), func(b *testing.B) { compare(b, in) })
	}
}

// decoder decodes a file and returns the length of the output.
type decoder struct {
	name   string
	decode func(r *bytes.Reader) (int64, error)
	took   time.Duration
}

func decoders() []decoder {
	g := NewGzipReader(nil)
	buf := make([]byte, 256<<10)
	discard := struct{ io.Writer }{io.Discard}
	var k klauspost.Reader
	var s gzip.Reader
	return []decoder{
		{name: "inflate", decode: func(r *bytes.Reader) (n int64, err error) {
			g.Reset(r)
			for {
				run, err := g.Next()
				n += int64(len(run))
				if err != nil {
					return n, strip(err)
				}
			}
		}},
		{name: "inflate-Read", decode: func(r *bytes.Reader) (int64, error) {
			g.Reset(r)
			return io.CopyBuffer(discard, g, buf)
		}},
		{name: "klauspost", decode: func(r *bytes.Reader) (int64, error) {
			if err := k.Reset(r); err != nil {
				return 0, err
			}
			return io.CopyBuffer(discard, struct{ io.Reader }{&k}, buf)
		}},
		{name: "standard", decode: func(r *bytes.Reader) (int64, error) {
			if err := s.Reset(r); err != nil {
				return 0, err
			}
			return io.CopyBuffer(discard, &s, buf)
		}},
	}
}

func strip(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

func compare(b *testing.B, in []byte) {
	runtime.LockOSThread() // to count the CPU of this thread alone
	defer runtime.UnlockOSThread()
	all := decoders()
	var size int64
	for b.Loop() {
		for i := range all {
			start := threadTime(b)
			n, err := all[i].decode(bytes.NewReader(in))
			if err != nil {
				b.Fatal(all[i].name, err)
			}
			all[i].took += threadTime(b) - start
			size += n / int64(len(all))
		}
	}
	for _, d := range all {
		b.ReportMetric(float64(size)/1e6/d.took.Seconds(), "MB/s-"+strings.ToLower(d.name))
	}
	b.ReportMetric(all[0].took.Seconds()/all[2].took.Seconds(), "of-klauspost")
	b.ReportMetric(0, "ns/op")
}

// threadTime is the CPU time that this thread took.
func threadTime(b *testing.B) time.Duration {
	const thread = 1
	var u syscall.Rusage
	if err := syscall.Getrusage(thread, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
