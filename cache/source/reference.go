package source

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Transport says where a reference leads.
type Transport string

// The transports. Any stands for the store if it has the name, else the registry.
const (
	Any           Transport = ""
	Registry      Transport = "registry"
	Store         Transport = "store"
	Docker        Transport = "docker-daemon"
	Podman        Transport = "podman"
	OCI           Transport = "oci"
	OCIArchive    Transport = "oci-archive"
	DockerArchive Transport = "docker-archive"
	Directory     Transport = "dir"  // a directory of files, which is no image: Open refuses it
	Path          Transport = "path" // detect the kind; "-" is standard input
)

// Reference is a parsed reference. The zero value is not valid.
type Reference struct {
	Text      string // as written
	Transport Transport
	// Path is the file, the directory or "-", for the transports that read one. A
	// leading "~/" is replaced by the home directory.
	Path string
	// Name is what follows: a fully qualified name ("docker.io/library/python:3.10",
	// "ghcr.io/a/b@sha256:…") for registries, engines and the store, a tag or name
	// as written for layouts and archives; "" if none was given.
	Name string
	// Digest is the digest in the name, "sha256:…"; or, for the store and the
	// engines where no name was given, a prefix of an image's digest without
	// "sha256:"; "" if none.
	Digest string
}

// Parse reads a reference, as the table of the manual defines them. It looks at no
// file. What it cannot read is a *ReferenceError.
//
// "oci:", "oci-archive:" and "docker-archive:" are followed by a path that ends at
// its first colon, as for skopeo and podman, because what follows may have colons
// itself; an empty end ("oci:a:b:") takes all before it as the path, and a path that
// stands alone ("./a:b") or behind "dir:" may have any. "registry:2" is an image of that name and not
// the transport, as is "registry:" with any tag that begins with a digit; "docker:X"
// is always the image called docker; and "registry:5000/app" begins with a host.
func Parse(text string) (Reference, error) {
	ref := Reference{Text: text}
	err := ref.parse(text)
	if err != nil {
		return Reference{}, &ReferenceError{Text: text, Reason: err.Error()}
	}
	return ref, nil
}

func (r *Reference) parse(s string) error {
	if err := checkText(s); err != nil {
		return err
	}
	if isPath(s) {
		r.Transport = Path
		return r.setPath(s)
	}
	if rest, ok := strings.CutPrefix(s, "docker://"); ok {
		r.Transport = Registry
		return r.setName(rest)
	}
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		return fmt.Errorf("%s:// is not a transport%s", scheme, suggest(strings.TrimRight(rest, "/")))
	}
	prefix, rest, ok := strings.Cut(s, ":")
	if !ok {
		return r.setStoreOrName(s)
	}
	if isTagOf(prefix, rest) || isPortOf(prefix, rest) {
		return r.setName(s)
	}
	return r.parseTransport(prefix, rest, s)
}

func (r *Reference) parseTransport(prefix, rest, whole string) error {
	switch t := Transport(prefix); t {
	case Registry:
		r.Transport = t
		return r.setName(rest)
	case Docker, Podman, Store:
		r.Transport = t
		return r.setDigestOrName(rest)
	case OCI, OCIArchive, DockerArchive:
		r.Transport = t
		return r.setPathAndName(rest)
	case Directory:
		r.Transport = t
		return r.setWholePath(rest)
	}
	switch {
	case prefix == "sha256":
		r.Transport = Store
		return r.setDigest(rest)
	case prefix == "docker" && strings.ContainsAny(rest, ":/"):
		return fmt.Errorf("the transport is written docker://%s", suggest("docker://"+rest))
	case prefix == "containers-storage":
		return fmt.Errorf("podman's images are written podman:NAME")
	}
	return r.setName(whole)
}

// isTagOf says that "registry:2" and "registry:latest" are the image called
// registry: it is well known, and nothing in a registry is called "2".
func isTagOf(name, rest string) bool {
	if name != string(Registry) || !tagPattern().MatchString(rest) {
		return false
	}
	return rest == "latest" || rest[0] >= '0' && rest[0] <= '9'
}

// isPortOf says that "registry:5000/app" begins with a host, as it is called in many
// a compose file. Paths can begin like that too, so it holds for names only.
func isPortOf(prefix, rest string) bool {
	switch Transport(prefix) {
	case OCI, OCIArchive, DockerArchive, Directory:
		return false
	}
	port, _, ok := strings.Cut(rest, "/")
	return ok && port != "" && strings.Trim(port, "0123456789") == ""
}

func (r *Reference) setStoreOrName(s string) error {
	if isHexPrefix(s) {
		r.Transport = Store
		return r.setDigest(s)
	}
	return r.setName(s)
}

func (r *Reference) setDigestOrName(s string) error {
	if hex, ok := strings.CutPrefix(s, "sha256:"); ok {
		return r.setDigest(hex)
	}
	if isHexPrefix(s) {
		return r.setDigest(s)
	}
	return r.setName(s)
}

func (r *Reference) setDigest(hex string) error {
	if !isHexPrefix(hex) {
		return fmt.Errorf("a digest is written with 7 to 64 of its digits 0-9 and a-f")
	}
	r.Digest = hex
	return nil
}

func (r *Reference) setName(s string) error {
	n, err := parseName(s)
	if err != nil {
		return err
	}
	r.Name, r.Digest = n.String(), n.digest
	return nil
}

func (r *Reference) setPathAndName(s string) error {
	path, name := s, ""
	if whole, ok := strings.CutSuffix(s, ":"); ok {
		path = whole
	} else if before, after, ok := strings.Cut(s, ":"); ok {
		path, name = before, after
	}
	r.Name = name
	return r.setWholePath(path)
}

func (r *Reference) setWholePath(s string) error {
	if s == "" {
		return fmt.Errorf("%s: is followed by a path", r.Transport)
	}
	return r.setPath(s)
}

func (r *Reference) setPath(s string) error {
	rest, ok := strings.CutPrefix(s, "~")
	if !ok || rest != "" && rest[0] != '/' {
		r.Path = s
		return nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return fmt.Errorf("~ cannot be replaced: %w", err)
	}
	r.Path = filepath.Join(home, rest)
	return nil
}

func isPath(s string) bool {
	switch s {
	case "-", ".", "..", "~":
		return true
	}
	for _, p := range []string{"/", "./", "../", "~/"} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

func checkText(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("it is empty")
	case !utf8.ValidString(s) && !isPath(s) && !hasPath(s):
		return fmt.Errorf("it is not UTF-8")
	case strings.ContainsRune(s, 0):
		return fmt.Errorf("it has a zero byte")
	case isPath(s) || hasPath(s):
		return nil
	case strings.TrimSpace(s) == "":
		return fmt.Errorf("it is blank")
	case strings.ContainsFunc(s, unicode.IsSpace):
		return fmt.Errorf("it has a space%s", suggest(strings.Join(strings.Fields(s), "")))
	}
	return nil
}

// hasPath says that s begins with a transport whose path may hold anything.
func hasPath(s string) bool {
	prefix, _, ok := strings.Cut(s, ":")
	t := Transport(prefix)
	return ok && (t == OCI || t == OCIArchive || t == DockerArchive || t == Directory)
}

// suggest returns a question for a text that would be understood, else nothing.
func suggest(s string) string {
	if s == "" {
		return ""
	}
	if _, err := Parse(s); err != nil {
		return ""
	}
	return fmt.Sprintf(", did you mean %s", s)
}
