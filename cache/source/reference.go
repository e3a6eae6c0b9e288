package source

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
	Path          Transport = "path" // detect the kind; "-" is standard input
)

// Reference is a parsed reference. The zero value is not valid.
type Reference struct {
	Text      string // as written
	Transport Transport
	// Path is the file, the directory or "-", for the transports that read one.
	Path string
	// Name is what follows: a fully qualified name ("docker.io/library/python:3.10",
	// "ghcr.io/a/b@sha256:…") for registries, engines and the store, a tag or name
	// as written for layouts and archives; "" if none was given.
	Name string
	// Digest is the digest in the name, "sha256:…", or, for the store, a digest
	// prefix without "sha256:"; "" if none.
	Digest string
}

// Parse reads a reference, as CLI.md's table defines them.
func Parse(text string) (Reference, error) { panic("stub") }

// Short returns a fully qualified name as people write it: "python:3.10" for
// "docker.io/library/python:3.10".
func Short(name string) string { panic("stub") }
