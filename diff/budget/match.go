package budget

import "strings"

// matcher tells which paths some patterns are about. See Rule.Paths.
type matcher struct {
	names map[string]bool // literal, at any depth
	paths map[string]bool // literal, from the root
	globs []string        // of names, at any depth
	deep  []string        // of paths, from the root
}

func newMatcher(patterns []string) *matcher {
	m := &matcher{names: map[string]bool{}, paths: map[string]bool{}}
	for _, p := range patterns {
		p = trimBelow(p)
		rooted := strings.HasPrefix(p, "/")
		p = strings.Trim(p, "/")
		if rest, ok := strings.CutPrefix(p, "**/"); ok && !rooted {
			p = rest
		}
		literal := !strings.ContainsAny(p, `*?[{\`)
		switch {
		case rooted && literal:
			m.paths[p] = true
		case rooted:
			m.deep = append(m.deep, p)
		case !strings.Contains(p, "/") && literal:
			m.names[p] = true
		case !strings.Contains(p, "/"):
			m.globs = append(m.globs, p)
		default:
			m.deep = append(m.deep, "**/"+p)
		}
	}
	return m
}

// trimBelow takes the end off a pattern of all that is below a directory: what matches
// takes all below it along.
func trimBelow(p string) string {
	for strings.HasSuffix(p, "/**") && strings.Trim(p, "/*") != "" {
		p = strings.TrimSuffix(p, "/**")
	}
	return p
}

// at reports whether a pattern matches this path itself.
func (m *matcher) at(path string) bool {
	name := path[strings.LastIndexByte(path, '/')+1:]
	if m.names[name] || m.paths[path] {
		return true
	}
	return matchAny(m.globs, name) || matchAny(m.deep, path)
}

// takes reports whether a pattern matches a path, or a directory that it is in.
func (m *matcher) takes(path string) bool {
	for end := range len(path) {
		if path[end] == '/' && m.at(path[:end]) {
			return true
		}
	}
	return m.at(path)
}

func matchAny(patterns []string, s string) bool {
	for _, p := range patterns {
		if match(p, s) {
			return true
		}
	}
	return false
}

// walker is a matcher for paths that come in the order of a walk: each directory right
// before what is below it.
type walker struct {
	*matcher
	inside string // a directory that matched
	in     bool
}

func (w *walker) takes(path string) bool {
	if w.in && (path == w.inside || len(path) > len(w.inside) && strings.HasPrefix(path, w.inside) && path[len(w.inside)] == '/') {
		return true
	}
	if w.in = w.at(path); w.in {
		w.inside = path
	}
	return w.in
}
