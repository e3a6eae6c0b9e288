package packages

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

// open reads an image as the store would.
func open(t testing.TB, img v1.Image) []Layer {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var out []Layer
	for _, l := range layers {
		out = append(out, index(t, l))
	}
	return out
}

func index(t testing.TB, l v1.Layer) (read Layer) {
	t.Helper()
	blob, err := l.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	var toc, kept bytes.Buffer
	if _, err := layer.Index(t.Context(), blob, layer.Outputs{TOC: &toc, Kept: &kept}, layer.IndexOptions{}); err != nil {
		t.Fatal(err)
	}
	if read.TOC, err = layer.ReadTOC(toc.Bytes()); err != nil {
		t.Fatal(err)
	}
	if read.Kept, err = layer.ReadKept(kept.Bytes()); err != nil {
		t.Fatal(err)
	}
	return read
}

// image is fixtures.Image, opened.
func image(t testing.TB, text string) []Layer { return open(t, fixtures.Image(text)) }

// lookup returns what the image shows at a path.
func lookup(t testing.TB, layers []Layer, path string) layer.Node {
	t.Helper()
	var tocs []*layer.TOC
	for _, l := range layers {
		tocs = append(tocs, l.TOC)
	}
	n, err := layer.Squash(tocs).Lookup(path)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// goProgram is a program as far as its build information goes.
func goProgram(version, modules string) string {
	var b bytes.Buffer
	b.WriteString("\x7fELF" + strings.Repeat("x", 4092) + "\xff Go buildinf:\x08\x02" + strings.Repeat("\x00", 16))
	modules = "\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6" + modules + "\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2"
	for _, s := range []string{version, modules} {
		b.Write(binary.AppendUvarint(nil, uint64(len(s))))
		b.WriteString(s)
	}
	return b.String() + strings.Repeat("x", 64<<10)
}

// archive is a zip of files given as names and contents in turn.
func archive(t testing.TB, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		f.Write([]byte(files[i+1]))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// closedKept is index with what was kept in a file that cannot be read any more.
func closedKept(t testing.TB, l v1.Layer) Layer {
	t.Helper()
	blob, err := l.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	f, err := os.Create(filepath.Join(t.TempDir(), "kept"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := layer.Index(t.Context(), blob, layer.Outputs{Kept: f}, layer.IndexOptions{}); err != nil {
		t.Fatal(err)
	}
	read := index(t, l)
	if read.Kept, err = layer.OpenKept(f.Name()); err != nil {
		t.Fatal(err)
	}
	if err := read.Kept.Close(); err != nil {
		t.Fatal(err)
	}
	return read
}
