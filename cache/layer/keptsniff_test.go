package layer

import (
	"archive/zip"
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/binary"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/layers/layers/fixtures"
)

// goProgram is a Go program as far as its build information goes.
func goProgram(before int, version, modules string) []byte {
	b := append([]byte("\x7fELF"), bytes.Repeat([]byte{0xff}, before-4)...)
	b = append(b, goMagic...)
	b = append(append(b, 8, goInline), make([]byte, 16)...)
	for _, s := range []string{version, modules} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return append(b, make([]byte, minProgram)...)
}

func sniffGo(b []byte, piece int) string {
	var g goSniff
	for range 2 { // the second time with used memory
		g.start()
		for rest := b; len(rest) > 0; {
			m := min(piece, len(rest))
			g.Write(rest[:m])
			rest = rest[m:]
		}
	}
	return string(g.found())
}

func TestGoProgramsInPieces(t *testing.T) {
	modules := goStart + "path\texample.org/x\nmod\texample.org/x\tv1.2.3\t\n" + goEnd
	want := "go\tgo1.26.0\npath\texample.org/x\nmod\texample.org/x\tv1.2.3\t\n"
	searcher := append([]byte("\x7fELF012345678901"), goMagic...) // the magic itself, as in a program that looks for it
	searcher = append(searcher, "\x08\x02 and other things, a multiple of 16 bytes long  "...)
	for name, c := range map[string]struct {
		program []byte
		want    string
	}{
		"program":         {goProgram(4096, "go1.26.0", modules), want},
		"other alignment": {goProgram(4096+8, "go1.26.0", modules), ""},
		"devel":           {goProgram(4096, "devel go1.27-abc", modules), "go\tdevel go1.27-abc\n" + want[12:]},
		"no modules":      {goProgram(4096, "go1.26.0", ""), "go\tgo1.26.0\n"},
		"no version":      {goProgram(4096, "", modules), ""},
		"two lines":       {goProgram(4096, "go1.26\nmod\tx", modules), ""},
		"no sentinels":    {goProgram(4096, "go1.26.0", "path\tx\n"), ""},
		"too much":        {goProgram(4096, "go1.26.0", strings.Repeat("x", goModules+1)), ""},
		"no ELF":          {goProgram(4096, "go1.26.0", modules)[16:], ""},
		"searcher":        {append(searcher, goProgram(4096, "go1.26.0", modules)...), want},
		"cut":             {goProgram(4096, "go1.26.0", modules)[:4096+50], ""},
		"empty":           {nil, ""},
	} {
		for _, piece := range []int{1, 7, 16, 33, 512, 4097, 1 << 30} {
			if got := sniffGo(c.program, piece); got != c.want {
				t.Errorf("%s by %d: %q", name, piece, got)
			}
		}
	}
}

// TestThisProgram asks debug/buildinfo for a second opinion on the test itself.
func TestThisProgram(t *testing.T) {
	if runtime.GOOS != "linux" { // elsewhere it is no ELF file
		return
	}
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tar := fixtures.Tar(fixtures.Entry{Name: "etc/group", Body: "x"}, fixtures.Entry{Name: "app", Body: string(program), Mode: 0o755},
		fixtures.Entry{Name: "data", Body: string(program), Mode: 0o644}, fixtures.Entry{Name: "etc/passwd", Body: "y"})
	k, toc := keepTar(t, tar)
	content, ok := keptOf(t, k, toc, "app")
	if !ok || content != want.String() {
		t.Errorf("%v: %q, want %q", ok, content, want.String())
	}
	for path, want := range map[string]string{"etc/group": "x", "etc/passwd": "y", "data": ""} {
		if content, ok := keptOf(t, k, toc, path); content != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", path, content, ok)
		}
	}
}

func keepTar(t *testing.T, tar []byte) (*Kept, *TOC) {
	t.Helper()
	var kept, toc bytes.Buffer
	if _, err := Index(context.Background(), bytes.NewReader(tar), Outputs{TOC: &toc, Kept: &kept}, IndexOptions{}); err != nil {
		t.Fatal(err)
	}
	k, err := ReadKept(kept.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	c, err := ReadTOC(toc.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return k, c
}

func keptOf(t *testing.T, k *Kept, toc *TOC, path string) (string, bool) {
	t.Helper()
	e, err := toc.Lookup(path)
	if err != nil {
		t.Fatal(err)
	}
	content, ok, err := k.Content(e.Offset)
	if err != nil {
		t.Fatal(err)
	}
	return string(content), ok
}

// javaArchive is a zip of files given as names and contents in turn.
func javaArchive(t testing.TB, method uint16, files ...string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.CreateHeader(&zip.FileHeader{Name: files[i], Method: method})
		if err != nil {
			t.Fatal(err)
		}
		f.Write([]byte(files[i+1]))
	}
	w.Close()
	return b.Bytes()
}

// rawArchive is javaArchive with the sizes before the contents, stored.
func rawArchive(t testing.TB, files ...string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		size := uint64(len(files[i+1]))
		f, err := w.CreateRaw(&zip.FileHeader{Name: files[i], CompressedSize64: size, UncompressedSize64: size})
		if err != nil {
			t.Fatal(err)
		}
		f.Write([]byte(files[i+1]))
	}
	w.Close()
	return b.Bytes()
}

const someManifest = "Manifest-Version: 1.0\r\nImplementation-Version: 1.2.3\r\n\r\n"

func TestManifests(t *testing.T) {
	name := "META-INF/MANIFEST.MF"
	cut := javaArchive(t, zip.Deflate, name, strings.Repeat("long lines: 1\n", 100))
	for what, c := range map[string]struct {
		archive []byte
		want    string
	}{
		"deflated":      {javaArchive(t, zip.Deflate, name, someManifest), someManifest},
		"second":        {javaArchive(t, zip.Deflate, "META-INF/", "", "LICENSE", strings.Repeat("do what you like\n", 1000), name, someManifest), someManifest},
		"stored":        {rawArchive(t, "META-INF/", "", "LICENSE", "do", name, someManifest), someManifest},
		"none":          {javaArchive(t, zip.Deflate, "x", "y"), ""},
		"too far":       {rawArchive(t, "x", strings.Repeat("x", jarHead), name, someManifest), ""},
		"too large":     {javaArchive(t, zip.Deflate, name, strings.Repeat("x", jarManifest+1)), ""},
		"bomb before":   {javaArchive(t, zip.Deflate, "x", strings.Repeat("x", jarSkipped+1), name, someManifest), ""},
		"unknown sizes": {javaArchive(t, zip.Store, "x", "y", name, someManifest), ""},
		"cut":           {cut[:80], ""},
		"empty":         {nil, ""},
		"no zip":        {[]byte(strings.Repeat("PK\x03\x04", 100)), ""},
	} {
		var j jarSniff
		for _, piece := range []int{1, 1000, 1 << 30} {
			j.start()
			for rest := c.archive; len(rest) > 0; {
				m := min(piece, len(rest))
				j.Write(rest[:m])
				rest = rest[m:]
			}
			if got := string(j.found()); got != c.want {
				t.Errorf("%s by %d: %q", what, piece, got)
			}
		}
	}
	tar := fixtures.Tar(fixtures.Entry{Name: "a.jar", Body: string(rawArchive(t, name, someManifest))}, fixtures.Entry{Name: "b.jar", Body: "no zip"})
	k, toc := keepTar(t, tar)
	if got, ok := keptOf(t, k, toc, "a.jar"); !ok || got != someManifest {
		t.Errorf("%q, %v", got, ok)
	}
	if got, ok := keptOf(t, k, toc, "b.jar"); ok {
		t.Errorf("%q", got)
	}
}

func FuzzGoSniff(f *testing.F) {
	f.Add(goProgram(32, "go1.26.0", goStart+"path\tx\n"+goEnd)[:200], 7)
	f.Add(append(append([]byte("\x7fELF012345678901"), goMagic...), "\x08\x02\xff Go buildinf:"...), 16)
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		whole := sniffGo(data, 1<<30)
		if got := sniffGo(data, max(piece, 1)); got != whole {
			t.Errorf("%q by %d, %q at once", got, piece, whole)
		}
	})
}

func FuzzJarSniff(f *testing.F) {
	f.Add(javaArchive(f, zip.Deflate, "a", "b", "META-INF/MANIFEST.MF", someManifest))
	f.Add(rawArchive(f, "a", "b", "META-INF/MANIFEST.MF", someManifest))
	f.Fuzz(func(t *testing.T, data []byte) {
		var j jarSniff
		j.start()
		j.Write(data)
		if n := len(j.found()); n > jarManifest {
			t.Error(n)
		}
	})
}

// BenchmarkGoSniff reads what is in the processor's cache, as the pass does, where the
// hash has read the same bytes.
func BenchmarkGoSniff(b *testing.B) {
	program := goProgram(4096, "go1.26.0", "")[:4096]
	piece := bytes.Repeat([]byte{0xff}, 64<<10)
	b.SetBytes(int64(len(piece)))
	var g goSniff
	g.start()
	g.Write(program)
	for b.Loop() {
		g.Write(piece)
	}
}
