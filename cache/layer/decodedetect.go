package layer

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	gzipMagic      = "\x1f\x8b"
	zstdMagic      = "\x28\xb5\x2f\xfd"
	skippableMagic = "\x2a\x4d\x18" // of zstd, after a byte 0x50 to 0x5f
)

// detect says how the blob is compressed, from its first block.
func (in *input) detect() (Compression, error) {
	head, err := in.br.Peek(blockSize)
	if err != nil && err != io.EOF {
		return 0, err
	}
	switch {
	case startsWith(head, gzipMagic):
		return Gzip, nil
	case startsWith(head, zstdMagic), isSkippable(head):
		return Zstd, nil
	case allZero(head), len(head) == blockSize && (*block)(head).isHeader():
		return Uncompressed, nil
	}
	return 0, &CorruptError{Err: unlike(head)}
}

func startsWith(b []byte, magic string) bool {
	return len(b) >= len(magic) && string(b[:len(magic)]) == magic
}

func isSkippable(b []byte) bool {
	return len(b) > 0 && b[0]&0xf0 == 0x50 && startsWith(b[1:], skippableMagic)
}

// unlike explains why head is not the start of a layer.
func unlike(head []byte) error {
	if kind := lookLike(head); kind != "" {
		return fmt.Errorf("this looks like %s; a layer is a tar, as it is or with gzip or zstd", kind)
	}
	if len(head) < blockSize {
		return fmt.Errorf("this is no layer, or only %d bytes of one: %w", len(head), io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("this is neither gzip nor zstd nor a tar: it starts with %.16q", head)
}

var otherMagics = []struct{ magic, name string }{
	{"BZh", "bzip2"},
	{"\xfd7zXZ\x00", "xz"},
	{"]\x00\x00", "lzma"},
	{"LZIP", "lzip"},
	{"\x04\x22\x4d\x18", "lz4"},
	{"\x1f\x9d", "compress (.Z)"},
	{"PK\x03\x04", "a zip archive"},
	{"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"},
	{"07070", "a cpio archive"},
	{"!<arch>\n", "an ar archive or a Debian package"},
	{"\xed\xab\xee\xdb", "an RPM package"},
	{"hsqs", "a squashfs image"},
	{"\x7fELF", "a program"},
	{"\x00asm", "a WebAssembly module"},
	{"%PDF-", "a PDF"},
}

var textStarts = []struct{ start, name string }{
	{"<!doctype html", "an HTML page"},
	{"<html", "an HTML page"},
	{"<?xml", "XML"},
	{"{", "JSON"},
	{"[", "JSON"},
	{"", "text"},
}

// lookLike names what head is the start of, or returns "".
func lookLike(head []byte) string {
	for _, m := range otherMagics {
		if startsWith(head, m.magic) {
			return m.name
		}
	}
	if len(head) < 16 || !isText(head) {
		return ""
	}
	text := strings.ToLower(string(bytes.TrimSpace(head)))
	for _, t := range textStarts {
		if strings.HasPrefix(text, t.start) {
			return t.name
		}
	}
	return ""
}

// isText reports whether b is text; its last character may be cut.
func isText(b []byte) bool {
	for len(b) > 0 {
		c, n := utf8.DecodeRune(b)
		if c == utf8.RuneError && n == 1 && utf8.FullRune(b) {
			return false
		}
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
		b = b[n:]
	}
	return true
}
