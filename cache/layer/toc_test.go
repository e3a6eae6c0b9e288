package layer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/layers/layers/fixtures"
)

// manyFiles is a tar of n small files, in directories of 100.
func manyFiles(n int) []byte {
	entries := make([]fixtures.Entry, 0, n)
	for i := range n {
		entries = append(entries, fixtures.Entry{Name: fmt.Sprintf("usr/lib/pkg%05d/file%02d.py", i/100, i%100), Body: fmt.Sprint(i)})
	}
	return fixtures.Tar(entries...)
}

func TestTOCOnDisk(t *testing.T) {
	var b bytes.Buffer
	if _, err := Index(context.Background(), bytes.NewReader(manyFiles(5000)), Outputs{TOC: &b}, IndexOptions{}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "toc")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	toc, err := OpenTOC(path)
	if err != nil {
		t.Fatal(err)
	}
	defer toc.Close()
	if err := toc.Verify(); err != nil {
		t.Fatal(err)
	}
	checkTotals(t, toc)
	var below []string
	for e, err := range toc.Entries("usr/lib/pkg00031") {
		if err != nil {
			t.Fatal(err)
		}
		below = append(below, e.Path)
	}
	if len(below) != 101 || below[0] != "usr/lib/pkg00031" || below[100] != "usr/lib/pkg00031/file99.py" {
		t.Errorf("below the prefix: %d %v", len(below), below)
	}
	var children []string
	for n, err := range Squash([]*TOC{toc, toc}).Children("usr/lib") {
		if err != nil {
			t.Fatal(err)
		}
		children = append(children, n.Path)
	}
	if len(children) != 50 || children[49] != "usr/lib/pkg00049" {
		t.Errorf("children: %v", children)
	}
	if _, err := toc.Lookup("usr/lib/pkg"); err != ErrNotExist {
		t.Error(err)
	}
}

// TestDamagedTOC flips every byte of a TOC and cuts it at every length: what it
// then says is an error or what it said before.
func TestDamagedTOC(t *testing.T) {
	var b bytes.Buffer
	if _, err := Index(context.Background(), bytes.NewReader(manyFiles(20)), Outputs{TOC: &b}, IndexOptions{}); err != nil {
		t.Fatal(err)
	}
	good := b.Bytes()
	for i := range good {
		flipped := slices.Clone(good)
		flipped[i] ^= 0x10
		for _, data := range [][]byte{flipped, good[:i]} {
			toc, err := ReadTOC(data)
			if err == nil {
				err = toc.Verify()
			}
			if !errors.Is(err, ErrFormat) && i >= len(tocMagic) {
				t.Fatalf("byte %d: %v", i, err)
			}
		}
	}
}

func FuzzRecord(f *testing.F) {
	for _, r := range []record{
		{kind: File, mode: 0o644, size: 12, sec: -5, nsec: 7, offset: 512, digest: make([]byte, 32)},
		{kind: Dir, implied: true, hides: HidesAll, offset: -1, digest: make([]byte, 32), times: make([]byte, 32)},
		{kind: Symlink, link: []byte("../x"), xattrs: appendXattrs(nil, []Xattr{{"user.a", "b"}}), group: 2, links: 3},
	} {
		f.Add(r.append(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r, again record
		rest, err := r.parse(data)
		if err != nil || r.offset < -1 {
			return
		}
		r.entry("path")
		encoded := r.append(nil)
		if _, err := again.parse(encoded); err != nil {
			t.Fatalf("%+v: %v", r, err)
		}
		if !bytes.Equal(encoded, again.append(nil)) {
			t.Fatalf("%x becomes %x", data[:len(data)-len(rest)], encoded)
		}
	})
}

func TestComparePaths(t *testing.T) {
	sorted := []string{"", "a", "a/b", "a/b/c", "a/b\x01", "a/c", "a\x01", "a b", "a-b", "a.b", "ab", "b"}
	for i, x := range sorted {
		for j, y := range sorted {
			got := ComparePaths(x, y)
			if (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%q against %q: %d", x, y, got)
			}
		}
	}
}

func BenchmarkOpenTOC(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		var toc bytes.Buffer
		if _, err := Index(context.Background(), bytes.NewReader(manyFiles(n)), Outputs{TOC: &toc}, IndexOptions{}); err != nil {
			b.Fatal(err)
		}
		path := filepath.Join(b.TempDir(), "toc")
		if err := os.WriteFile(path, toc.Bytes(), 0o600); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("open and look up/%d", n), func(b *testing.B) {
			for b.Loop() {
				c, err := OpenTOC(path)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := c.Lookup("usr/lib/pkg00003/file50.py"); err != nil {
					b.Fatal(err)
				}
				c.Close()
			}
		})
		b.Run(fmt.Sprintf("read all/%d", n), func(b *testing.B) {
			for b.Loop() {
				c, err := OpenTOC(path)
				if err != nil {
					b.Fatal(err)
				}
				if err := c.Verify(); err != nil {
					b.Fatal(err)
				}
				c.Close()
			}
		})
	}
}
