package source

import (
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

const (
	hub        = "docker.io"
	hubLibrary = "library/"
)

// The grammar of the distribution specification.
var (
	repoPattern = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`)
	})
	tagPattern  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`) })
	hostPattern = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:[a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])(?:\.(?:[a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9]))*$`)
	})
	hexDigest = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{64}$`) })
	hexPrefix = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{7,64}$`) })
)

func isHexPrefix(s string) bool { return hexPrefix().MatchString(s) }

// imageName is a fully qualified name, by its parts.
type imageName struct {
	host   string // "docker.io" for all names of Docker Hub's registry
	repo   string // with "library/"
	tag    string // "" if there is a digest and no tag
	digest string // "sha256:…" or ""
}

// String is the name with all its parts, as index.json has it; it can be parsed
// again.
func (n imageName) String() string {
	s := n.host + "/" + n.repo
	if n.tag != "" {
		s += ":" + n.tag
	}
	if n.digest != "" {
		s += "@" + n.digest
	}
	return s
}

// identifier is what a manifest is asked for by.
func (n imageName) identifier() string {
	if n.digest != "" {
		return n.digest
	}
	return n.tag
}

func parseName(s string) (imageName, error) {
	var n imageName
	rest, digest, hasDigest := strings.Cut(s, "@")
	if hasDigest {
		if err := checkDigest(digest); err != nil {
			return n, err
		}
		n.digest = digest
	}
	n.host, rest = splitHost(rest)
	if err := checkHost(n.host); err != nil {
		return n, err
	}
	repo, tag, hasTag := strings.Cut(rest, ":")
	switch {
	case hasTag && !tagPattern().MatchString(tag):
		return n, fmt.Errorf("the tag %s", tagReason(tag))
	case !hasTag && !hasDigest:
		tag = "latest"
	}
	n.tag = tag
	if n.host == hub && repo != "" && !strings.Contains(repo, "/") {
		repo = hubLibrary + repo
	}
	n.repo = repo
	return n, checkRepo(n, s)
}

// splitHost cuts the registry off a name, by the rule that everybody has: the first
// part is a host if it has a dot or a colon or is localhost.
func splitHost(s string) (host, rest string) {
	first, rest, ok := strings.Cut(s, "/")
	if !ok || !strings.ContainsAny(first, ".:") && !strings.EqualFold(first, "localhost") {
		return hub, s
	}
	host = strings.ToLower(first)
	switch host {
	case "index.docker.io", "registry-1.docker.io":
		host = hub
	}
	return host, rest
}

func checkHost(s string) error {
	host := s
	if strings.HasPrefix(s, "[") || strings.Contains(s, ":") {
		h, port, err := net.SplitHostPort(s)
		if err != nil && strings.HasSuffix(s, "]") {
			h, port, err = s[1:len(s)-1], "1", nil
		}
		if n, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || n == 0 {
			return fmt.Errorf("%q is not a host with a port", s)
		}
		host = h
	}
	if strings.HasPrefix(s, "[") {
		if ip := net.ParseIP(host); ip == nil || ip.To4() != nil && !strings.Contains(host, ":") {
			return fmt.Errorf("%q is not an IPv6 address", host)
		}
		return nil
	}
	if !hostPattern().MatchString(host) || len(host) > 253 {
		return fmt.Errorf("%q is not the name of a host", host)
	}
	return nil
}

func checkRepo(n imageName, written string) error {
	short := strings.TrimPrefix(n.repo, hubLibrary)
	switch {
	case n.repo == "":
		return fmt.Errorf("it has no name")
	case len(n.host)+1+len(n.repo) > 255:
		return fmt.Errorf("the name is longer than 255 bytes")
	case repoPattern().MatchString(n.repo):
		return nil
	case strings.ToLower(n.repo) != n.repo:
		lower := strings.Replace(written, short, strings.ToLower(short), 1)
		return fmt.Errorf("names are lower case%s", suggest(lower))
	case strings.Contains(n.repo, "//") || strings.HasSuffix(n.repo, "/"):
		return fmt.Errorf("a part of the name is empty")
	case strings.Contains(n.repo, `\`):
		return fmt.Errorf(`paths are written with / and begin with ./ or /`)
	}
	return fmt.Errorf("%q is not a name: its parts are letters and digits, with single dots, underscores or dashes between them", short)
}

func checkDigest(s string) error {
	algorithm, hex, _ := strings.Cut(s, ":")
	switch {
	case algorithm != "sha256":
		return fmt.Errorf("only sha256 digests are known")
	case !hexDigest().MatchString(hex):
		return fmt.Errorf("a sha256 digest has 64 digits 0-9 and a-f")
	}
	return nil
}

func tagReason(tag string) string {
	switch {
	case tag == "":
		return "is empty"
	case len(tag) > 128:
		return "is longer than 128 bytes"
	}
	return fmt.Sprintf("%q has something else than letters, digits, dots, dashes and underscores, or begins with a dot or dash", tag)
}

// Short returns a fully qualified name as people write it: "python:3.10" for
// "docker.io/library/python:3.10". Parse of what it returns gives the name again.
// What is not a fully qualified name is returned as it is.
func Short(name string) string {
	n, err := parseName(name)
	if err != nil {
		return name
	}
	name = n.String()
	rest := strings.TrimPrefix(name, hub+"/")
	// "oci:1" would be a path and "store:1" a name in the store.
	for _, s := range []string{strings.TrimPrefix(rest, hubLibrary), rest, name} {
		if r, err := Parse(s); err == nil && r.Transport == Any && r.Name == name {
			return s
		}
	}
	return "docker://" + name
}
