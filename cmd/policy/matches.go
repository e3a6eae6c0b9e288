package policy

import (
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"go.yaml.in/yaml/v3"
)

// Matches reports whether a reference of an image is one that a pattern is for. In a
// pattern * is anything within one part of a path, and ** crosses parts; [abc] and {a,b}
// are alternatives. A pattern without a slash is for the last name of any repository,
// one without a tag and a digest for all of them. A reference that has neither has the
// tag latest, and debian is docker.io/library/debian.
func Matches(pattern, reference string) bool {
	p, r := split(pattern), split(reference)
	if r.tag == "" && r.digest == "" {
		r.tag = "latest"
	}
	return (p.tag == "" || match(p.tag, r.tag)) && (p.digest == "" || match(p.digest, r.digest)) && matchesRepository(p.repository, r.repository)
}

func matchesRepository(pattern, repository string) bool {
	if !strings.Contains(pattern, "/") {
		return match(pattern, repository[strings.LastIndexByte(repository, '/')+1:])
	}
	return match(pattern, repository) || match(pattern, full(repository))
}

// full is a repository with the registry and the owner that it has if it names none.
func full(repository string) string {
	host, _, slash := strings.Cut(repository, "/")
	switch {
	case host == "index.docker.io":
		return full(strings.TrimPrefix(repository, "index."))
	case host == "docker.io" && strings.Count(repository, "/") == 1:
		return "docker.io/library" + strings.TrimPrefix(repository, "docker.io")
	case !slash:
		return "docker.io/library/" + repository
	case strings.ContainsAny(host, ".:") || host == "localhost":
		return repository
	}
	return "docker.io/" + repository
}

func match(pattern, text string) bool {
	ok, err := doublestar.Match(pattern, text)
	return ok && err == nil
}

// reference is the parts of the name of an image, or of a pattern.
type reference struct{ repository, tag, digest string }

// split cuts a name into its parts. A colon before the last slash is of a port.
func split(name string) reference {
	var r reference
	r.repository, r.digest, _ = strings.Cut(name, "@")
	if i := strings.LastIndexByte(r.repository, ':'); i > strings.LastIndexByte(r.repository, '/') {
		r.repository, r.tag = r.repository[:i], r.repository[i+1:]
	}
	return r
}

// checkPattern says what is wrong with a pattern of references.
func checkPattern(text string) error {
	p := split(text)
	valid := strings.TrimSpace(p.repository) != "" && !strings.HasSuffix(text, ":") && !strings.HasSuffix(text, "@")
	for _, part := range []string{p.repository, p.tag, p.digest} {
		valid = valid && doublestar.ValidatePattern(part)
	}
	if !valid {
		return &wrong{show(text) + " is no pattern of references", "as in app, ghcr.io/acme/* or app:pr-*"}
	}
	return nil
}

// meet says whether there can be a reference that both patterns are for. It may say so
// of two that have wildcards where there is none.
func meet(a, b string) bool {
	x, y := split(a), split(b)
	return meetParts(x.tag, y.tag) && meetParts(x.digest, y.digest) && meetRepositories(x.repository, y.repository)
}

func meetParts(a, b string) bool {
	return a == "" || b == "" || match(a, b) || match(b, a) || isWild(a) && isWild(b)
}

func meetRepositories(a, b string) bool {
	if strings.Contains(a, "/") && !strings.Contains(b, "/") {
		a, b = b, a
	}
	if isWild(a) && isWild(b) {
		return true
	}
	if strings.Contains(a, "/") {
		return full(a) == full(b) || match(a, b) || match(b, a)
	}
	last := b[strings.LastIndexByte(b, '/')+1:]
	return meetParts(a, last) || isWild(b) && strings.Contains(last, "**")
}

func isWild(pattern string) bool { return strings.ContainsAny(pattern, `*?[{\`) }

// pattern is a pattern of a budget, and where it is.
type pattern struct {
	text string
	at   *yaml.Node
}

// reachable reports patterns for whose images an earlier budget is.
func (r *reader) reachable(before map[string]*yaml.Node, patterns []pattern) {
	for _, p := range patterns {
		for _, wide := range []string{p.text, "*", "**"} {
			if at := before[wide]; at != nil {
				r.add(p.at, "an image has the first budget that matches: put narrow ones first",
					"%s is never reached: %s on line %d takes its images", show(p.text), show(wide), at.Line)
				break
			}
		}
	}
}
