package budget

import (
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// MatchesReference reports whether a reference of an image is one that a pattern is for. In
// a pattern * is anything within one part of a path, and ** crosses parts; [abc] and {a,b}
// are alternatives. A pattern without a slash is for the last name of any repository, one
// without a tag and a digest for all of them. A reference that has neither has the tag
// latest, and debian is docker.io/library/debian.
func MatchesReference(pattern, reference string) bool {
	p, r := splitReference(pattern), splitReference(reference)
	if r.tag == "" && r.digest == "" {
		r.tag = "latest"
	}
	return (p.tag == "" || match(p.tag, r.tag)) && (p.digest == "" || match(p.digest, r.digest)) && matchesRepository(p.repository, r.repository)
}

// IsReference reports whether a pattern is the name of one image.
func IsReference(pattern string) bool {
	p := splitReference(pattern)
	return p.repository != "" && (p.tag != "" || p.digest != "") && !strings.ContainsAny(pattern, `*?[{\`)
}

func matchesRepository(pattern, repository string) bool {
	if !strings.Contains(pattern, "/") {
		return match(pattern, repository[strings.LastIndexByte(repository, '/')+1:])
	}
	return match(pattern, repository) || match(pattern, fullRepository(repository))
}

// fullRepository is a repository with the registry and the owner that it has if it names
// none.
func fullRepository(repository string) string {
	host, _, slash := strings.Cut(repository, "/")
	switch {
	case host == "index.docker.io":
		return fullRepository(strings.TrimPrefix(repository, "index."))
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
	return ok && err == nil // whoever read the pattern has checked it
}

// reference is the parts of the name of an image, or of a pattern.
type reference struct{ repository, tag, digest string }

// splitReference cuts a name into its parts. A colon before the last slash is of a port.
func splitReference(name string) reference {
	var r reference
	r.repository, r.digest, _ = strings.Cut(name, "@")
	if i := strings.LastIndexByte(r.repository, ':'); i > strings.LastIndexByte(r.repository, '/') {
		r.repository, r.tag = r.repository[:i], r.repository[i+1:]
	}
	return r
}
