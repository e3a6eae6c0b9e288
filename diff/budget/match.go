package budget

import (
	"slices"
	"strings"
)

// MatchesPath reports whether a pattern of a rule takes a clean path: see Rule.Paths.
func MatchesPath(pattern, path string) bool { return newMatcher([]string{pattern}).takes(path) }

// matcher tells which paths some patterns are about. See Rule.Paths.
type matcher struct {
	self  patterns // of what is taken, with all below it
	below patterns // of directories of which only what is below is taken
}

// patterns are those of a matcher, by what is to be compared.
type patterns struct {
	names map[string]bool // literal, at any depth
	paths map[string]bool // literal, from the root
	globs []string        // of names, at any depth
	deep  []string        // of paths, from the root
}

func newMatcher(list []string) *matcher {
	m := &matcher{}
	for _, p := range list {
		if dir, ok := strings.CutSuffix(p, "/**"); ok && strings.Trim(dir, "/*") != "" {
			m.below.add(strings.TrimSuffix(dir, "/**"))
		} else {
			m.self.add(p)
		}
	}
	return m
}

func (s *patterns) add(p string) {
	rooted := strings.HasPrefix(p, "/")
	p = strings.Trim(p, "/")
	if rest, ok := strings.CutPrefix(p, "**/"); ok && !rooted {
		p = rest
	}
	literal := !strings.ContainsAny(p, `*?[{\`)
	switch {
	case rooted && literal:
		s.paths = with(s.paths, p)
	case rooted:
		s.deep = append(s.deep, p)
	case !strings.Contains(p, "/") && literal:
		s.names = with(s.names, p)
	case !strings.Contains(p, "/"):
		s.globs = append(s.globs, p)
	default:
		s.deep = append(s.deep, "**/"+p)
	}
}

func with(set map[string]bool, s string) map[string]bool {
	if set == nil {
		set = map[string]bool{}
	}
	set[s] = true
	return set
}

func (s *patterns) match(path string) bool {
	name := path[strings.LastIndexByte(path, '/')+1:]
	return s.names[name] || s.paths[path] || matchAny(s.globs, name) || matchAny(s.deep, path)
}

func matchAny(list []string, s string) bool {
	return slices.ContainsFunc(list, func(p string) bool { return Matches(p, s) })
}

// at reports whether a pattern takes this path itself.
func (m *matcher) at(path string) bool { return m.self.match(path) }

// over reports whether a pattern takes what is below this path.
func (m *matcher) over(path string) bool { return m.self.match(path) || m.below.match(path) }

// takes reports whether a pattern takes a path, by itself or by a directory that it is in.
func (m *matcher) takes(path string) bool {
	for end := range len(path) {
		if path[end] == '/' && m.over(path[:end]) {
			return true
		}
	}
	return m.at(path)
}

// walker is a matcher for paths that come in the order of a walk: each directory right
// before what is below it.
type walker struct {
	*matcher
	inside string // a directory of which all is taken
	in     bool
}

func (w *walker) takes(path string) bool {
	if w.in && len(path) > len(w.inside) && strings.HasPrefix(path, w.inside) && path[len(w.inside)] == '/' {
		return true
	}
	at := w.at(path)
	if w.in = at || w.below.match(path); w.in {
		w.inside = path
	}
	return at
}
