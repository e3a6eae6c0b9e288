package inspect

import (
	"strings"
	"time"

	"github.com/layers/layers/cache/layer"
)

// Named is a path in an image, as layer.Named says.
type Named = layer.Named

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
