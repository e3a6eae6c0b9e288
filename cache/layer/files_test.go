package layer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// Whatever is wrong with a blob, the error has one place in the tar, and it is the
// right one.
func TestFilesErrors(t *testing.T) {
	tar := tarOf(func(c *craft) {
		c.file("a", strings.Repeat("text ", 30000))
		c.file("b", "b")
	})
	second := int64(bytes.LastIndex(tar, []byte("b\x00\x00\x00")) / blockSize * blockSize)
	damaged := gzipped(string(tar[:1000]), string(tar[1000:]))
	damaged[len(gzipped(string(tar[:1000])))+10] = 7 // a block of a type that does not exist
	bad := bytes.Clone(tar)
	bad[second] ^= 1
	for name, c := range map[string]struct {
		blob   []byte
		offset int64
		says   string
	}{
		"damaged before it":  {damaged, second, "at byte 1000 of the tar: the gzip stream is damaged"},
		"a cut stream":       {gzipped(string(tar))[:40], second, "of the tar: the gzip stream is cut"},
		"a short tar":        {gzipped(string(tar[:1000])), second, "at byte 1000 of the tar: the tar ends before the file"},
		"a tar that ends":    {tar[:second], second, fmt.Sprintf("at byte %d of the tar: the tar ends where a file should be", second)},
		"a header cut":       {tar[:second+9], second, fmt.Sprintf("at byte %d of the tar: unexpected EOF", second)},
		"a damaged header":   {bad, second, fmt.Sprintf("at byte %d of the tar: %v", second, errChecksum)},
		"something else":     {[]byte(strings.Repeat("text ", 300)), 0, "at byte 0 of the tar: this looks like text"},
		"not a regular file": {tarOf(func(c *craft) { c.header("d", '5', 0, nil) }), 0, `reading "d": this is no regular file`},
	} {
		_, err := fileAt(bytes.NewReader(c.blob), c.offset)
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), c.says) || strings.Count(err.Error(), "at byte") > 1 {
			t.Errorf("%s: %v, want %s", name, err, c.says)
		}
	}
}

// An error of the blob's reader says nothing about the blob.
func TestFilesPassesErrors(t *testing.T) {
	tar := tarOf(func(c *craft) { c.file("a", "a"); c.file("b", "b") })
	broken := errors.New("the disk is gone")
	for n := range len(tar) {
		_, err := fileAt(io.MultiReader(bytes.NewReader(tar[:n]), iotest.ErrReader(broken)), 2*blockSize)
		if n < 3*blockSize && !errors.Is(err, broken) || isCorrupt(err) {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
}

// fileAt opens one file.
func fileAt(r io.Reader, offset int64) (io.Reader, error) {
	f, err := NewFiles(r)
	if err != nil {
		return nil, err
	}
	return f.Open(offset)
}

// collected are the contents of a layer that the one pass gives, by their offsets.
type collected struct {
	offsets []int64
	content map[int64]*bytes.Buffer
}

func (c *collected) Begin(offset int64) (io.Writer, error) {
	c.offsets = append(c.offsets, offset)
	c.content[offset] = &bytes.Buffer{}
	return c.content[offset], nil
}

func (c *collected) End() error { return nil }

// checkFiles says that some files of a blob that Index can read, whichever they are and
// however much is read of each, have the contents that the one pass gives.
func checkFiles(t *testing.T, blob []byte, choice uint64) {
	t.Helper()
	want := collected{content: map[int64]*bytes.Buffer{}}
	limits := Limits{Unpacked: 1 << 20, Entries: 1000}
	if _, err := Index(t.Context(), bytes.NewReader(blob), Outputs{Contents: &want}, IndexOptions{Limits: limits}); err != nil {
		return
	}
	files, err := NewFiles(bytes.NewReader(blob))
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	rng := rand.New(rand.NewPCG(choice, 1))
	for _, offset := range want.offsets {
		if rng.IntN(2) == 0 {
			continue
		}
		r, err := files.Open(offset)
		if err != nil {
			t.Fatalf("at %d: %v", offset, err)
		}
		whole := want.content[offset].Bytes()
		part := whole[:rng.IntN(len(whole)+1)]
		got := make([]byte, len(part))
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, part) {
			t.Fatalf("at %d: %q, %v, want %q", offset, got, err, part)
		}
		if rng.IntN(2) == 0 {
			continue
		}
		if rest, err := io.ReadAll(r); err != nil || !bytes.Equal(rest, whole[len(part):]) {
			t.Fatalf("at %d: %d bytes and then %d, of %d: %v", offset, len(part), len(rest), len(whole), err)
		}
	}
}

func TestFilesAreThoseOfThePass(t *testing.T) {
	for name, tar := range allTars(t) {
		t.Run(name, func(t *testing.T) {
			for choice := range uint64(20) {
				checkFiles(t, tar, choice)
			}
			checkFiles(t, gzipped(string(tar)), 0)
		})
	}
}

func FuzzFiles(f *testing.F) {
	for _, tar := range craftedTars() {
		f.Add(tar, uint64(1))
	}
	f.Fuzz(checkFiles)
}

// What is asked for in another order than the tar's, or lies inside of another file, is
// an error, and one that stays where the tar has ended.
func TestFilesOutOfOrder(t *testing.T) {
	tar := tarOf(func(c *craft) { c.file("a", strings.Repeat("x", 3*blockSize)); c.file("b", "b") })
	files, err := NewFiles(bytes.NewReader(tar))
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	for _, c := range []struct {
		offset int64
		says   string
	}{
		{0, ""}, {0, "the file before it"}, {2 * blockSize, "the file before it"}, {4 * blockSize, ""},
		{int64(len(tar)) - 2*blockSize, "the tar ends where a file should be"}, {int64(len(tar)) + 5, "the tar ends before the file"},
	} {
		_, err := files.Open(c.offset)
		if (err == nil) != (c.says == "") || err != nil && (!isCorrupt(err) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("at %d: %v, want %q", c.offset, err, c.says)
		}
	}
}

func isCorrupt(err error) bool {
	var corrupt *CorruptError
	return errors.As(err, &corrupt)
}
