package source

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
)

func savedText() string { return savedForms()["podman, skopeo"].tar() }

// stdinOf gives a reader that an image is read from, in the ways that a shell has.
func stdinOf(t *testing.T, how, text string) io.Reader {
	t.Helper()
	switch how {
	case "reader":
		return strings.NewReader(text)
	case "file":
		return openTest(t, writeFile(t, filepath.Join(t.TempDir(), "f"), text))
	case "file that was read from":
		const before = "something else"
		f := openTest(t, writeFile(t, filepath.Join(t.TempDir(), "f"), before+text))
		if _, err := f.Seek(int64(len(before)), io.SeekStart); err != nil {
			t.Fatal(err)
		}
		return f
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	go func() {
		_, _ = io.WriteString(w, text) // fails where the reader has seen enough
		w.Close()
	}()
	return r
}

func openTest(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestStdin(t *testing.T) {
	text := savedText()
	for _, how := range []string{"reader", "file", "file that was read from", "pipe"} {
		for name, s := range map[string]string{"tar": text, "gzip": gzipOf(text), "zstd": zstdOf(text)} {
			temp := t.TempDir()
			img := openOne(t, "-", Options{Stdin: stdinOf(t, how, s), TempDir: temp})
			if img.Name != "app:1 (standard input)" {
				t.Errorf("%s %s: %s", how, name, img.Name)
			}
			checkLayers(t, img.Image)
			if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
				t.Errorf("%s %s: %v in the temporary directory %v", how, name, left, err)
			}
		}
		for s, want := range map[string]string{
			"":                               "standard input is empty",
			"\x89PNG\r\n\x1a\n and so on":    "a PNG picture",
			gzipOf("some text"):              "a text file, compressed with gzip",
			gzipOf(gzipOf(text)):             "gzip-compressed data, compressed with gzip",
			gzipOf(""):                       "empty, compressed with gzip",
			text[:len(text)/2]:               "cut off after",
			gzipOf(text)[:len(text)/20]:      "gzip: unexpected EOF",
			"\x1f\x8b\x08" + text:            "gzip",
			tree{"a": "b"}.tar():             "a tar of files (a)",
			"FROM debian\n":                  "a Dockerfile",
			"\xfd7zXZ\x00 and so on":         "compressed with xz",
			strings.Repeat("\x00", tarBlock): "an empty tar",
		} {
			_, err := openText(t, "-", Options{Stdin: stdinOf(t, how, s)}, false)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s %.20q: %v", how, s, err)
			}
		}
	}
	_, err := openText(t, "-", Options{Stdin: openTest(t, t.TempDir())}, false)
	wantError[*KindError](t, err, "a directory")
}

// A terminal is not waited for.
func TestStdinTerminal(t *testing.T) {
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = openText(t, "-", Options{Stdin: f}, false)
	wantError[*KindError](t, err, "a terminal")
}

func TestStreamFailure(t *testing.T) {
	broken := errors.New("the line is dead")
	for _, head := range []string{"", savedText()[:2000], gzipOf(savedText())[:200]} {
		r := io.MultiReader(strings.NewReader(head), iotest.ErrReader(broken))
		_, err := openText(t, "-", Options{Stdin: r}, false)
		if !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", len(head), err)
		}
	}
}

// A stream that never ends is left when the context is done.
func TestStreamCancel(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.WriteString(w, savedText()[:4096])
		cancel()
	}()
	_, err := Open(ctx, Reference{Text: "-", Transport: Path, Path: "-"}, Options{Stdin: r})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestPipeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(ctx, Reference{Text: path, Transport: Path, Path: path}, Options{}); !errors.Is(err, context.Canceled) {
		t.Error("nobody writes:", err)
	}
	go func() {
		if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
			_, _ = io.WriteString(f, gzipOf(savedText()))
			f.Close()
		}
	}()
	said := ""
	checkLayers(t, openOne(t, path, Options{Warn: func(s string) { said += s }}).Image)
	if !strings.Contains(said, "a named pipe") {
		t.Errorf("said %q", said)
	}
}

func TestFileErrors(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "image.tar"), savedText())
	_, err := openText(t, filepath.Join(dir, "imgae.tar"), Options{}, false)
	if e := wantError[*NotFoundError](t, err, "no such file"); len(e.Have) != 1 || e.Have[0] != filepath.Join(dir, "image.tar") {
		t.Errorf("%q", e.Have)
	}
	_, err = openText(t, filepath.Join(dir, "image.tar/x"), Options{}, false)
	wantError[*NotFoundError](t, err, "not a directory")
	_, err = openText(t, "oci:"+filepath.Join(dir, "nothing"), Options{}, false)
	wantError[*NotFoundError](t, err, "no such file")
	_, err = openText(t, "oci:"+filepath.Join(dir, "image.tar"), Options{}, false)
	wantError[*NotFoundError](t, err, "docker-archive:")
	f := tree{}
	_, err = openText(t, "docker-archive:"+f.layout(f.image("amd64", "one")).tarFile(t), Options{}, false)
	wantError[*NotFoundError](t, err, "oci-archive:")
	_, err = openText(t, "/dev/null", Options{}, false)
	wantError[*KindError](t, err, "a character device")
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = openText(t, socket, Options{}, false)
	wantError[*KindError](t, err, "a socket")
	_, err = openText(t, "-", Options{Stdin: strings.NewReader(savedText()), TempDir: filepath.Join(dir, "nothing")}, false)
	wantError[*UnavailableError](t, err, "temporary file")
}

func TestFullDisk(t *testing.T) {
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := &spooler{dir: "/some/dir", file: f}
	_, err = s.Write([]byte("x"))
	var full *spaceError
	if !errors.As(err, &full) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "no room in /some/dir") {
		t.Error(err)
	}
}

func TestDirectoryStaysInside(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "outside"), "x")
	writeFile(t, filepath.Join(dir, "in/side"), "y")
	d := directory(filepath.Join(dir, "in"))
	for _, name := range []string{"../outside", "/etc/passwd", "", ".", "a/../../outside"} {
		if _, _, err := d.open(name); err == nil || d.has(name) {
			t.Errorf("%q was opened", name)
		}
	}
	if raw, err := readAll(d, "side", 1); err != nil || string(raw) != "y" {
		t.Errorf("%q %v", raw, err)
	}
	if _, err := readAll(d, "side", 0); err == nil {
		t.Error("the limit does not hold")
	}
}

// Blobs are handed out as they can be read fastest.
func TestLocalBlobs(t *testing.T) {
	f := tree{}
	f.layout(f.image("amd64", "one"))
	for _, path := range []string{f.dir(t), f.tarFile(t)} {
		layers, err := openOne(t, path, Options{}).Layers()
		if err != nil {
			t.Fatal(err)
		}
		r, err := layers[0].Compressed()
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := r.(io.ReaderAt); !ok {
			t.Errorf("%T cannot be read at an offset", r)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if _, ok := layers[0].(interface {
			CompressedFrom(context.Context, int64) (io.ReadCloser, int64, error)
		}); ok {
			t.Error("a local layer looks like one that is downloaded")
		}
	}
}

func BenchmarkOpenArchive(b *testing.B) {
	f := tree{}
	for range 100 {
		f["blobs/sha256/"+hashOf(string(rune(len(f)))).Hex] = "x"
	}
	f.layout(f.image("amd64", "one"))
	path := filepath.Join(b.TempDir(), "a.tar")
	if err := os.WriteFile(path, []byte(f.tar()), 0o600); err != nil {
		b.Fatal(err)
	}
	ref := Reference{Text: path, Transport: Path, Path: path}
	for b.Loop() {
		img, err := Open(context.Background(), ref, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := img.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
