package source

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// detectLength is how many of a file's first bytes fileKind wants to see.
const detectLength = 64 << 10

// signatures are how files that are sometimes taken for images begin. The first
// that fits wins.
var signatures = []struct {
	at        int
	magic, is string
}{
	{0, "\x1f\x8b\x08", "gzip-compressed data"},
	{0, "\x28\xb5\x2f\xfd", "zstd-compressed data"},
	{0, "BZh", "compressed with bzip2, which is not read here: decompress it first (bzip2 -d)"},
	{0, "\xfd7zXZ\x00", "compressed with xz, which is not read here: decompress it first (xz -d)"},
	{0, "\x04\x22\x4d\x18", "compressed with lz4, which is not read here: decompress it first (lz4 -d)"},
	{0, "LZIP", "compressed with lzip, which is not read here: decompress it first (lzip -d)"},
	{0, "\x89PNG\r\n\x1a\n", "a PNG picture"},
	{0, "\xff\xd8\xff", "a JPEG picture"},
	{0, "GIF8", "a GIF picture"},
	{0, "%PDF-", "a PDF document"},
	{0, "\x7fELF", "an ELF program or library"},
	{0, "\xcf\xfa\xed\xfe", "a Mach-O program or library"},
	{0, "\xca\xfe\xba\xbe", "a Mach-O program or a Java class"},
	{0, "\x00asm", "a WebAssembly module"},
	{0, "PK\x03\x04", "a zip archive"},
	{0, "PK\x05\x06", "an empty zip archive"},
	{0, "7z\xbc\xaf\x27\x1c", "a 7-Zip archive"},
	{0, "Rar!\x1a\x07", "a RAR archive"},
	{0, "!<arch>\ndebian-binary", "a Debian package"},
	{0, "!<arch>\n", "an ar archive"},
	{0, "\xed\xab\xee\xdb", "an RPM package"},
	{0, "070701", "a cpio archive"},
	{0, "070707", "a cpio archive"},
	{0, "SQLite format 3\x00", "an SQLite database"},
	{0, "hsqs", "a squashfs file system"},
	{0, "QFI\xfb", "a qcow2 disk"},
	{0, "KDMV", "a VMDK disk"},
	{0, "conectix", "a VHD disk"},
	{32, "SIF_MAGIC", "a Singularity image (SIF)"},
	{32769, "CD001", "an ISO 9660 disk"},
	{1080, "\x53\xef", "an ext file system"},
	{1024, "\xe2\xe1\xf5\xe0", "an EROFS file system"},
	{0, "MZ", "a Windows program"},
	{510, "\x55\xaa", "a disk with a boot sector"},
}

// fileKind says what a file is that is not an image, by its first bytes.
func fileKind(head []byte) string {
	if len(head) == 0 {
		return "empty"
	}
	for _, s := range signatures {
		if s.at < len(head) && bytes.HasPrefix(head[s.at:], []byte(s.magic)) {
			return s.is
		}
	}
	if isText(head) {
		return textKind(head)
	}
	if len(bytes.Trim(head, "\x00")) == 0 {
		return "a file of zeros"
	}
	return "a file of an unknown kind"
}

func isText(head []byte) bool {
	if len(head) == detectLength { // the last character may be cut
		head = head[:len(head)-utf8.UTFMax]
		for len(head) > 0 && !utf8.Valid(head[max(0, len(head)-utf8.UTFMax):]) && !utf8.RuneStart(head[len(head)-1]) {
			head = head[:len(head)-1]
		}
	}
	control := func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\n\r\f\x1b", r) }
	return utf8.Valid(head) && !bytes.ContainsFunc(head, control)
}

func textKind(head []byte) string {
	text := strings.TrimSpace(string(head))
	lower := strings.ToLower(text[:min(len(text), 256)])
	switch {
	case text == "":
		return "a blank text file"
	case strings.HasPrefix(text, "{") || strings.HasPrefix(text, "["):
		return "a JSON document (an OCI layout is named by its directory)"
	case strings.HasPrefix(lower, "<!doctype html") || strings.HasPrefix(lower, "<html"):
		return "an HTML page"
	case strings.HasPrefix(text, "#!"):
		return "a script"
	case isDockerfile(text):
		return "a Dockerfile: build it first"
	case strings.HasPrefix(lower, "version https://git-lfs"):
		return "a Git LFS pointer: fetch the file first (git lfs pull)"
	}
	return "a text file"
}

func isDockerfile(text string) bool {
	for line := range strings.Lines(text) {
		word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case word == "" || strings.HasPrefix(word, "#") || strings.EqualFold(word, "ARG"):
			continue
		default:
			return strings.EqualFold(word, "FROM")
		}
	}
	return false
}

// directoryKind says what a directory is that is not an image.
func directoryKind(d container) string {
	switch {
	case d.has("index.json"):
		return "a directory with index.json, but without oci-layout"
	case d.has("Dockerfile") || d.has("Containerfile"):
		return "a directory to build an image from (it has a Dockerfile)"
	case d.has("etc/os-release") || d.has("etc/passwd") || d.has("usr/lib/os-release"):
		return "a directory with a root file system"
	}
	return "a directory without oci-layout"
}

// archiveKind says what a tar is that has neither oci-layout nor manifest.json.
func archiveKind(a *archive) string {
	for _, name := range a.names {
		name = inside(name)
		dir, base := path.Split(name)
		if dir != "" && (base == layoutFile || base == dockerManifestFile && a.has(dir+"repositories")) {
			return fmt.Sprintf("a tar with an image one directory down, in %s: make the tar in that directory", dir)
		}
	}
	switch {
	case a.cut:
		return fmt.Sprintf("a tar of more than %d files", maxMembers)
	case a.has("repositories"):
		return "an archive of a Docker before 1.10 (without manifest.json): load it and save it again"
	case len(a.names) == 0:
		return "an empty tar"
	case slices.ContainsFunc(a.names, isWhiteout):
		return "a tar of a single layer"
	}
	tops := topNames(a)
	if isRoot(tops) {
		return "a tar of a root file system, or of a single layer (" + list(tops) + ")"
	}
	return "a tar of files (" + list(tops) + ")"
}

func isWhiteout(name string) bool { return strings.HasPrefix(path.Base(name), ".wh.") }

func topNames(a *archive) []string {
	var tops []string
	seen := map[string]bool{"": true}
	for _, name := range a.names {
		top, _, _ := strings.Cut(inside(name), "/")
		if !seen[top] {
			seen[top] = true
			tops = append(tops, top)
		}
	}
	return tops
}

func isRoot(tops []string) bool {
	n := 0
	for _, d := range []string{"bin", "etc", "lib", "usr", "var", "sbin"} {
		if slices.Contains(tops, d) {
			n++
		}
	}
	return n >= 2
}

// list shows the first names of many.
func list(names []string) string {
	const most = 3
	short := make([]string, 0, most)
	for _, n := range names[:min(len(names), most)] {
		short = append(short, fmt.Sprintf("%.40s", n))
	}
	s := strings.ToValidUTF8(strings.Join(short, ", "), "\uFFFD")
	if len(names) > most {
		s += " …"
	}
	return s
}
