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
	p, r := SplitReference(pattern), SplitReference(reference)
	if r.Tag == "" && r.Digest == "" {
		r.Tag = "latest"
	}
	return (p.Tag == "" || Matches(p.Tag, r.Tag)) && (p.Digest == "" || Matches(p.Digest, r.Digest)) && matchesRepository(p.Repository, r.Repository)
}

// IsReference reports whether a pattern is the name of one image.
func IsReference(pattern string) bool {
	p := SplitReference(pattern)
	return p.Repository != "" && (p.Tag != "" || p.Digest != "") && !strings.ContainsAny(pattern, `*?[{\`)
}

func matchesRepository(pattern, repository string) bool {
	if !strings.Contains(pattern, "/") {
		return Matches(pattern, repository[strings.LastIndexByte(repository, '/')+1:])
	}
	return Matches(pattern, repository) || Matches(pattern, Reference{Repository: repository}.Full())
}

// Matches reports whether a text is as a pattern has it, in which * is anything but a
// slash. A pattern that is none matches nothing.
func Matches(pattern, text string) bool {
	ok, err := doublestar.Match(pattern, text)
	return ok && err == nil
}

// Reference is the parts of the name of an image, or of a pattern of names.
type Reference struct{ Repository, Tag, Digest string }

// SplitReference cuts a name into its parts. A colon before the last slash is of a port.
func SplitReference(name string) Reference {
	var r Reference
	r.Repository, r.Digest, _ = strings.Cut(name, "@")
	if i := strings.LastIndexByte(r.Repository, ':'); i > strings.LastIndexByte(r.Repository, '/') {
		r.Repository, r.Tag = r.Repository[:i], r.Repository[i+1:]
	}
	return r
}

// Full is the repository with the registry and the owner that it has if it names none.
func (r Reference) Full() string {
	host, _, slash := strings.Cut(r.Repository, "/")
	switch {
	case host == "index.docker.io":
		return Reference{Repository: strings.TrimPrefix(r.Repository, "index.")}.Full()
	case host == "docker.io" && strings.Count(r.Repository, "/") == 1:
		return "docker.io/library" + strings.TrimPrefix(r.Repository, "docker.io")
	case !slash:
		return "docker.io/library/" + r.Repository
	case strings.ContainsAny(host, ".:") || host == "localhost":
		return r.Repository
	}
	return "docker.io/" + r.Repository
}
