package layer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// Whatever is wrong with a blob, the error has one place in the tar, and it is the
// right one.
func TestOpenEntryErrors(t *testing.T) {
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
		_, err := OpenEntry(bytes.NewReader(c.blob), c.offset)
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), c.says) || strings.Count(err.Error(), "at byte") > 1 {
			t.Errorf("%s: %v, want %s", name, err, c.says)
		}
	}
}

// An error of the blob's reader says nothing about the blob.
func TestOpenEntryPassesErrors(t *testing.T) {
	tar := tarOf(func(c *craft) { c.file("a", "a"); c.file("b", "b") })
	broken := errors.New("the disk is gone")
	for n := range len(tar) {
		_, err := OpenEntry(io.MultiReader(bytes.NewReader(tar[:n]), iotest.ErrReader(broken)), 2*blockSize)
		if n < 3*blockSize && !errors.Is(err, broken) || isCorrupt(err) {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
}

func isCorrupt(err error) bool {
	var corrupt *CorruptError
	return errors.As(err, &corrupt)
}
