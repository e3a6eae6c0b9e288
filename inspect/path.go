package inspect

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/layers/layers/cache/layer"
)

// Named is a path in an image: clean, relative to the root, which is "". Path
// holds the exact bytes; in JSON, what is not UTF-8 in it becomes U+FFFD, and
// PathBase64 has the bytes.
type Named struct {
	Path       string `json:"path"`
	PathBase64 string `json:"pathBase64,omitempty"`
}

func named(path string) Named { return Named{Path: path, PathBase64: exact(path)} }

// restore undoes what JSON does to a path that is not UTF-8.
func (n *Named) restore() {
	if n.PathBase64 == "" {
		return
	}
	if path, err := base64.StdEncoding.DecodeString(n.PathBase64); err == nil {
		n.Path = string(path)
	}
}

// exact returns the base64 form of names that JSON cannot carry, else "".
func exact(name string) string {
	if utf8.ValidString(name) {
		return ""
	}
	return base64.StdEncoding.EncodeToString([]byte(name))
}

// stamp writes a time in RFC 3339, or, where its year has not four digits, as
// "@" and the seconds since 1970.
func stamp(t layer.Time) string {
	const first, last = -62167219200, 253402300799 // the years 0 to 9999
	if t.Sec < first || t.Sec > last {
		return fmt.Sprintf("@%d.%09d", t.Sec, t.Nsec)
	}
	return t.Time().Format(time.RFC3339Nano)
}

// known returns nil for the zero time, which stands for "not said".
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// Clean returns the path as tables of contents write it: relative to the root,
// without empty and dot components; ".." is taken by its text and stops at the
// root. Where symbolic links may be on the way, ask Tree.Resolve instead.
func Clean(path string) string {
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		switch part {
		case "", ".":
		case "..":
			parts = parts[:max(len(parts)-1, 0)]
		default:
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "/")
}

// MeansDir reports whether a path, as it is written, can only mean a directory: it
// ends in a slash or a dot.
func MeansDir(path string) bool {
	last := path[strings.LastIndexByte(path, '/')+1:]
	return path != "" && (last == "" || last == "." || last == "..")
}

// cut splits a path into its directory and its last component.
func cut(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

func join(dir, name string) string {
	switch {
	case dir == "":
		return name
	case name == "":
		return dir
	}
	return dir + "/" + name
}
