package diff

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Filter chooses among the paths that differ. The zero value takes all.
type Filter struct {
	// Only are the kinds that are taken; none is all.
	Only []Kind
	// Path and Ignore are patterns as doublestar has them: what is taken matches one of
	// Path, if there is any, and none of Ignore. One without a slash matches the last
	// name of a path. What matches takes all that is below it along.
	Path, Ignore []string
}

// Check reports the first pattern that is none.
func (f *Filter) Check() error {
	for _, p := range slices.Concat(f.Path, f.Ignore) {
		if !doublestar.ValidatePattern(p) {
			return fmt.Errorf("%q is no pattern", p)
		}
	}
	return nil
}

// Takes reports whether a change is one that was asked for.
func (f *Filter) Takes(c *Change) bool {
	return (len(f.Only) == 0 || slices.Contains(f.Only, c.Kind)) &&
		(len(f.Path) == 0 || matchesAny(f.Path, c.Path)) && !matchesAny(f.Ignore, c.Path)
}

func matchesAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(strings.Trim(p, "/"), path) })
}

// matches reports whether a pattern matches the path or a directory that it is in.
func matches(pattern, path string) bool {
	anywhere := !strings.Contains(pattern, "/")
	for end := 0; end < len(path); end++ {
		end = endOfName(path, end)
		at := path[:end]
		if anywhere {
			at = at[strings.LastIndexByte(at, '/')+1:]
		}
		if ok, err := doublestar.Match(pattern, at); ok && err == nil {
			return true
		}
	}
	return false
}

// endOfName is where the name ends that goes on at an index of a path.
func endOfName(path string, from int) int {
	if i := strings.IndexByte(path[from:], '/'); i >= 0 {
		return from + i
	}
	return len(path)
}
