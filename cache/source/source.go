// Package source finds images: in registries, OCI layouts, archives, container
// engines and on standard input. Whatever the source, it yields a v1.Image whose
// layers are read from where they lie.
package source

import (
	"context"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Options guides Open. The zero value works.
type Options struct {
	// Platform is what to take of an image for several; nil is
	// DOCKER_DEFAULT_PLATFORM, else linux on this host's architecture.
	Platform *v1.Platform
	// AuthFile is a containers-auth.json(5) file that is asked first.
	AuthFile string
	// PlainHTTP speaks HTTP to every registry; SkipTLSVerify trusts any certificate,
	// and speaks HTTP to a registry that has none. Registries on localhost need neither.
	PlainHTTP, SkipTLSVerify bool
	// Offline makes what would need a registry an *OfflineError.
	Offline bool
	// TempDir is where what must be seekable is spooled: standard input, compressed
	// archives, what an engine sends. "" is os.TempDir().
	TempDir string
	// Stdin is what "-" reads; nil is os.Stdin.
	Stdin io.Reader
	// Warn is told what a user should know and what was gone on without: a broken
	// credential helper, refused credentials, a mirror that failed. Reading layers
	// may call it, and Retry, from several goroutines at once. nil is silent.
	Warn func(message string)
	// Retry is told of each wait before a new attempt. nil is silent.
	Retry func(what string, err error)
	// Memo, if not nil, keeps manifests and configs of registries by their digests, so
	// that they are fetched once: it returns the bytes that were stored under key, else
	// those that fetch returns, which it may store. It is called from several
	// goroutines. What it returns is held against the digest. With it, a tag costs a
	// request for its digest only.
	Memo func(key string, fetch func() ([]byte, error)) ([]byte, error)

	timing      *timing // nil is realTiming
	onePlatform bool    // all of them, but each for one platform: OpenEach
}

func (o *Options) warn(format string, args ...any) {
	if o.Warn != nil {
		o.Warn(fmt.Sprintf(format, args...))
	}
}

func (o *Options) waits() *timing {
	if o.timing != nil {
		return o.timing
	}
	return &realTiming
}

// Image is an image and where it was found. Its layers' Compressed reads the blob
// as the source has it. Layers of registries also have
//
//	CompressedFrom(ctx context.Context, offset int64) (body io.ReadCloser, start int64, err error)
//
// which gives the blob from start on; start is offset, or 0 where the registry
// sends the whole blob whatever it is asked.
type Image struct {
	v1.Image
	// Ref is what was asked for.
	Ref Reference
	// Name is the image's name as people write it: "python:3.10", "app:pr (oci:dir)".
	Name string
	// Names are the names to store it under, fully qualified
	// ("docker.io/library/python:3.10"); none for a path without a tag.
	Names []string
	// Tags is what an OCI layout calls it, as written there: names, or tags alone. None
	// from elsewhere.
	Tags []string
	// Platform is what the image is for, from its config or its descriptor.
	Platform v1.Platform
	// Digest is that of the manifest. Sources that have none (docker-archive) get
	// one that is made from the config, the same on every run.
	Digest v1.Hash
	// Index is the digest of the image index that the image was chosen from; nil if none.
	Index *v1.Hash
	// From is where it was found: Registry, Docker, Podman, OCI, OCIArchive or
	// DockerArchive, also where Ref leaves that to be detected.
	From Transport
	// Remote says that reading a layer means a download.
	Remote bool
	close  func() error
}

// Close frees what Open holds: open files, spooled data.
func (i *Image) Close() error {
	if i.close == nil {
		return nil
	}
	return i.close()
}

// Open finds the image. The manifest and the config are read, no layers.
//
// The errors are of the types in this package: NotFoundError, PlatformError,
// AuthError, TemporaryError, KindError and so on; a cancelled context gives its error.
func Open(ctx context.Context, ref Reference, o Options) (*Image, error) {
	images, err := find(ctx, ref, o, false)
	if err != nil {
		return nil, err
	}
	return images[0], nil
}

// OpenAll finds the image for every platform that the source has it for, or, for
// an archive or layout with several images and no name given, all of them.
func OpenAll(ctx context.Context, ref Reference, o Options) ([]*Image, error) {
	return find(ctx, ref, o, true)
}

// OpenEach finds all the images of an archive or a layout if no name is given, each for
// the platform that is asked for: those that are for several and not for that one are
// left out, with a warning, unless there is no other. What has a name is what Open finds.
func OpenEach(ctx context.Context, ref Reference, o Options) ([]*Image, error) {
	if ref.Path == "" || ref.Name != "" {
		return find(ctx, ref, o, false)
	}
	o.onePlatform = true
	return find(ctx, ref, o, true)
}

func find(ctx context.Context, ref Reference, o Options, all bool) ([]*Image, error) {
	images, err := findIn(ctx, ref, o, all)
	if err == nil && len(images) == 0 {
		err = &NotFoundError{Name: ref.Text, Reason: "there is no image"}
	}
	return images, err
}

func findIn(ctx context.Context, ref Reference, o Options, all bool) ([]*Image, error) {
	switch ref.Transport {
	case Any, Registry:
		return openRegistry(ctx, ref, o, all)
	case OCI, OCIArchive, DockerArchive, Path:
		return openFiles(ctx, ref, o, all)
	case Docker, Podman:
		return openEngine(ctx, ref, o, all)
	case Directory:
		return nil, &DirectoryError{Name: ref.Text}
	}
	return nil, &UnavailableError{Name: ref.Text, Err: fmt.Errorf("images of transport %q are not opened here", ref.Transport)}
}
