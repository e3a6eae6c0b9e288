package policy

import (
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"go.yaml.in/yaml/v3"

	"github.com/layers/layers/diff/budget"
)

// ParseGlob reads a pattern of paths in an image, as budget.Rule has them: one that begins
// with a slash is from the root, another matches at any depth.
func ParseGlob(text string) (string, error) {
	const longest = 4096 // of a path
	whole := strings.TrimSuffix(text, "/")
	glob := strings.TrimPrefix(whole, "/")
	switch {
	case strings.Trim(text, "/") == "":
		return "", &wrong{show(text) + " names no path", "** is everything"}
	case strings.Trim(glob, `\`) == "":
		return "", &wrong{show(text) + " is nothing but backslashes", "names are parted by /"}
	case len(text) > longest:
		return "", &wrong{show(text) + " is longer than any path", ""}
	case strings.Contains(text, "\x00"):
		return "", &wrong{show(text) + " has a NUL, which no path has", ""}
	case escapesLetter(glob):
		return "", &wrong{show(text) + " has a backslash before a letter", "names are parted by /"}
	case !doublestar.ValidatePattern(glob):
		return "", &wrong{show(text) + " is no pattern", `close each [ and {, or write \ before it`}
	}
	for name := range strings.SplitSeq(glob, "/") {
		switch name {
		case "":
			return "", &wrong{show(text) + " matches nothing", "between two slashes is a name"}
		case ".", "..":
			return "", &wrong{show(text) + " matches nothing", "paths are from the image's root, without . and .."}
		}
	}
	return whole, nil
}

// escapesLetter finds what paths of Windows have, and no pattern needs.
func escapesLetter(glob string) bool {
	for i := 0; i+1 < len(glob); i++ {
		if glob[i] != '\\' {
			continue
		}
		i++
		if c := glob[i] | 0x20; c >= 'a' && c <= 'z' {
			return true
		}
	}
	return false
}

func (r *reader) glob(n *yaml.Node, what string) (string, bool) {
	s, ok := r.text(n, what)
	if !ok {
		return "", false
	}
	glob, err := ParseGlob(s)
	return glob, r.right(n, what, err)
}

func (r *reader) globs(n *yaml.Node, what string) []string {
	var out []string
	for _, item := range r.list(n, what) {
		if g, ok := r.glob(item, what); ok {
			out = append(out, g)
		}
	}
	return out
}

// forbids says whether a pattern takes every path that another one, which is no more than
// a path or a name, can find.
func forbids(glob, path string) bool {
	anywhere := !strings.HasPrefix(path, "/")
	path = strings.TrimPrefix(strings.TrimSuffix(path, "/**"), "/")
	if isWild(path) {
		return false
	}
	return budget.MatchesPath(glob, path) && (!anywhere || budget.MatchesPath(glob, "-/-/"+path))
}
