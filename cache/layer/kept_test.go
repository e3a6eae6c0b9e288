package layer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeeps(t *testing.T) {
	for path, want := range map[string]bool{
		"etc/os-release": true, "usr/lib/os-release": true, "etc/passwd": true, "etc/group": true, "etc/shadow": false,
		"etc/debian_version": true, "etc/alpine-release": true, "home/etc/passwd": false, "": false, "passwd": false,
		"var/lib/dpkg/status": true, "var/lib/dpkg/status-old": false, "var/lib/dpkg/status.d/base": true,
		"var/lib/dpkg/status.d/a/b": false, "var/lib/dpkg/info/libc6:amd64.list": true, "var/lib/dpkg/info/libc6.md5sums": true,
		"var/lib/dpkg/info/libc6.postinst": false, "lib/apk/db/installed": true, "usr/lib/apk/db/installed": true, "lib/apk/db/triggers": false,
		"var/lib/rpm/rpmdb.sqlite": true, "usr/share/rpm/rpmdb.sqlite": true, "var/lib/rpm/rpmdb.sqlite-wal": false, "usr/lib/sysimage/rpm/Packages.db": true, "var/lib/rpm/Packages": true,
		"usr/lib/python3/dist-packages/six-1.16.0.dist-info/METADATA": true, "usr/lib/python3/x.dist-info/RECORD": true,
		"usr/lib/python3/x.dist-info/WHEEL": false, "usr/lib/python3/x.egg-info": true, "usr/lib/python3/x.egg-info/PKG-INFO": true,
		"usr/lib/python3/x.egg-info/SOURCES.txt": false, "usr/lib/python3/x.egg-info/installed-files.txt": true, "installed-files.txt": false, "x.dist-info/METADATA": true, "METADATA": false, "PKG-INFO": false, "a.egg-info": true,
		"app/node_modules/left-pad/package.json": true, "node_modules/left-pad/package.json": true,
		"app/node_modules/@scope/pkg/package.json": true, "app/node_modules/@scope/pkg/lib/package.json": false,
		"app/node_modules/pkg/lib/package.json": false, "app/node_modules/a/node_modules/b/package.json": true,
		"app/package.json": false, "package.json": false, "node_modules/package.json": false, "my_node_modules/a/package.json": false,
		"node_modules/@scope/package.json": true, // npm makes no such file; a package may have the name
	} {
		if _, ok := keeps(path); ok != want {
			t.Errorf("%q: %v", path, ok)
		}
	}
}

// keptFiles are what a test keeps, in the order of the tar.
var keptFiles = []struct{ path, content string }{
	{"etc/os-release", "ID=debian\n"},
	{"etc/passwd", ""},
	{"var/lib/dpkg/status", strings.Repeat("Package: x\n", 300_000)},
	{"etc/os-release", "ID=other\n"}, // the last one wins, by its offset
	{"etc/group", "root:x:0:\n"},
}

// keepAll writes keptFiles, by pieces of up to n bytes; the first begins at 512.
func keepAll(t testing.TB, n int) []byte {
	var b bytes.Buffer
	k := newKeptWriter(&b)
	for i, f := range keptFiles {
		if !k.begin(f.path, int64(i+1)*blockSize, int64(len(f.content))) {
			t.Fatalf("%s is not kept", f.path)
		}
		for rest := f.content; len(rest) > 0; {
			m := min(n, len(rest))
			if _, err := io.WriteString(k, rest[:m]); err != nil {
				t.Fatal(err)
			}
			rest = rest[m:]
		}
	}
	if err := k.close(someDiffID); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func checkKept(t testing.TB, k *Kept) {
	t.Helper()
	for i, f := range keptFiles {
		content, ok, err := k.Content(int64(i+1) * blockSize)
		if err != nil || !ok || string(content) != f.content {
			t.Errorf("%s: %d bytes, %v, %v", f.path, len(content), ok, err)
		}
	}
	for _, offset := range []int64{-1, 0, 511, 513, 1 << 40} {
		if _, ok, err := k.Content(offset); ok || err != nil {
			t.Errorf("there is something at %d: %v", offset, err)
		}
	}
}

func TestKept(t *testing.T) {
	data := keepAll(t, 1<<30)
	for _, n := range []int{700, 4096, keptPiece, keptPiece + 1} {
		if !bytes.Equal(keepAll(t, n), data) {
			t.Errorf("other bytes by pieces of %d", n)
		}
	}
	k, err := ReadKept(data)
	if err != nil {
		t.Fatal(err)
	}
	if k.DiffID() != someDiffID || k.Close() != nil {
		t.Errorf("DiffID %v", k.DiffID())
	}
	checkKept(t, k)
	path := filepath.Join(t.TempDir(), "kept")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if k, err = OpenKept(path); err != nil {
		t.Fatal(err)
	}
	checkKept(t, k)
	if err := k.Close(); err != nil {
		t.Error(err)
	}
	if _, _, err := k.Content(blockSize); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := OpenKept(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestKeptOfNothing(t *testing.T) {
	var b bytes.Buffer
	k := newKeptWriter(&b)
	for path, size := range map[string]int64{"bin/sh": 1, "etc/os-release": keptLine + 1} {
		if k.begin(path, 0, size) {
			t.Errorf("%s of %d bytes is kept", path, size)
		}
	}
	if err := k.close(someDiffID); err != nil {
		t.Fatal(err)
	}
	got, err := ReadKept(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := got.Content(0); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

// TestKeptTotal: a layer of nothing but kept files is not kept without end.
func TestKeptTotal(t *testing.T) {
	var k = newKeptWriter(io.Discard)
	piece := make([]byte, keptPiece)
	kept := 0
	for i := range int64(100) {
		if !k.begin("var/lib/dpkg/info/x.list", i*blockSize, keptList) {
			break
		}
		kept++
		for range keptList / keptPiece {
			if _, err := k.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
	}
	if kept != keptTotal/keptList {
		t.Errorf("%d files kept", kept)
	}
}

func TestKeptWriterRefuses(t *testing.T) {
	full := errors.New("disk full")
	for name, c := range map[string]struct {
		f    func(k *keptWriter)
		want error
	}{
		"too short":      {func(k *keptWriter) { k.begin("etc/passwd", 0, 2); io.WriteString(k, "x") }, errKeptShort},
		"next too early": {func(k *keptWriter) { k.begin("etc/passwd", 0, 2); k.begin("etc/group", 512, 2) }, errKeptShort},
		"too long":       {func(k *keptWriter) { k.begin("etc/passwd", 0, 2); io.WriteString(k, "xyz") }, io.ErrShortWrite},
		"not begun":      {func(k *keptWriter) { io.WriteString(k, "x") }, io.ErrShortWrite},
		"full disk":      {func(k *keptWriter) { k.w = writerFunc(func([]byte) (int, error) { return 0, full }) }, full},
	} {
		k := newKeptWriter(io.Discard)
		c.f(k)
		if err := k.close(someDiffID); err != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := newKeptWriter(io.Discard).close(DiffID{}); !errors.Is(err, errDiffID) {
		t.Errorf("no DiffID: %v", err)
	}
}

// TestKeptDamage flips every byte and cuts at every length: an error, or the
// right content.
func TestKeptDamage(t *testing.T) {
	data := keepAll(t, 1<<30)
	for i := range data {
		if _, err := ReadKept(data[:i]); err == nil {
			t.Errorf("cut at %d: taken", i)
		}
		damaged := bytes.Clone(data)
		damaged[i] ^= 0x10
		k, err := ReadKept(damaged)
		if err != nil {
			continue
		}
		for j, f := range keptFiles {
			content, ok, err := k.Content(int64(j+1) * blockSize)
			if !ok && err == nil || ok && string(content) != f.content {
				t.Errorf("byte %d flipped: %s has %d bytes, %v", i, f.path, len(content), err)
			}
		}
	}
}

func FuzzKept(f *testing.F) {
	for n := range 3 {
		var b bytes.Buffer
		k := newKeptWriter(&b)
		for i := range n {
			k.begin("etc/passwd", int64(i*blockSize), int64(100*i))
			io.WriteString(k, strings.Repeat("x", 100*i))
		}
		k.close(someDiffID)
		f.Add(b.Bytes(), int64(512))
	}
	f.Fuzz(func(t *testing.T, data []byte, offset int64) {
		if n := len(data); n >= keptTrailer { // the sum need not be found by chance
			data = append(bytes.Clone(data[:n-8]), keptMagic...)
			length := int64(binary.LittleEndian.Uint64(data[n-32:]))
			if length >= 0 && length <= int64(n-keptTrailer) {
				sum := crc32.Checksum(data[int64(n-keptTrailer)-length:n-12], castagnoli)
				binary.LittleEndian.PutUint32(data[n-12:], sum)
			}
		}
		k, err := ReadKept(data)
		if err != nil {
			return
		}
		for _, file := range k.files {
			content, ok, err := k.Content(file.offset)
			if ok && int64(len(content)) != file.size || ok != (err == nil) {
				t.Fatalf("%d bytes, %v, %v", len(content), ok, err)
			}
		}
		k.Content(offset)
	})
}

// BenchmarkKept keeps lists of files as dpkg has them.
func BenchmarkKept(b *testing.B) {
	var list bytes.Buffer
	random := rand.New(rand.NewPCG(1, 1))
	for list.Len() < 10_000 {
		list.WriteString([]string{"/usr/share/doc/", "/usr/lib/x86_64-linux-gnu/", "/usr/include/", "lib", "-dev\n", "locale/"}[random.IntN(6)])
	}
	b.SetBytes(1000 * int64(list.Len()))
	b.ReportAllocs()
	for b.Loop() {
		k := newKeptWriter(io.Discard)
		for i := range int64(1000) {
			k.begin("var/lib/dpkg/info/x.list", i*blockSize, int64(list.Len()))
			k.Write(list.Bytes())
		}
		if err := k.close(someDiffID); err != nil {
			b.Fatal(err)
		}
	}
}
