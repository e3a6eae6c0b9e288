package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const (
	layoutFile = "oci-layout"
	indexFile  = "index.json"
)

// errMissing is in the error of a blob that a layout names and does not have.
var errMissing = errors.New("it is not there")

// layout is an OCI image layout, or skopeo's "dir:", which differs in where blobs lie.
type layout struct {
	name     string // for people
	files    container
	blob     func(v1.Hash) string // where a blob lies
	manifest func(v1.Hash) string // where a manifest lies that an index names
}

var _ blobs = (*layout)(nil)

func ociLayout(name string, files container) *layout {
	blob := func(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }
	return &layout{name: name, files: files, blob: blob, manifest: blob}
}

func skopeoDir(name string, files container) *layout {
	return &layout{
		name: name, files: files,
		blob:     func(h v1.Hash) string { return h.Hex },
		manifest: func(h v1.Hash) string { return h.Hex + ".manifest.json" },
	}
}

func (l *layout) open(_ context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	f, _, err := l.files.open(l.blob(d.Digest))
	if err != nil {
		return nil, l.blobError("layer "+d.Digest.String(), err)
	}
	return f, nil
}

func (l *layout) blobError(what string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		err = errMissing
	}
	return &MalformedError{Name: l.name, What: what, Err: err}
}

// index reads index.json of a layout whose version is known.
func (l *layout) index() (*v1.IndexManifest, error) {
	raw, err := readAll(l.files, layoutFile, maxManifest)
	if err != nil {
		return nil, l.fileError(layoutFile, err)
	}
	var version struct {
		ImageLayoutVersion string `json:"imageLayoutVersion"`
	}
	if err := json.Unmarshal(raw, &version); err != nil {
		return nil, &MalformedError{Name: l.name, What: layoutFile, Err: err}
	}
	if v := version.ImageLayoutVersion; v != "1" && !strings.HasPrefix(v, "1.") {
		return nil, &MalformedError{Name: l.name, What: layoutFile, Err: fmt.Errorf("version %.20q, not 1.0.0", v)}
	}
	raw, err = readAll(l.files, indexFile, maxManifest)
	if err != nil {
		return nil, l.fileError(indexFile, err)
	}
	return parseIndex(l.name, raw)
}

func (l *layout) fileError(file string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return &UnavailableError{Name: l.name, Err: err}
	}
	return l.blobError(file, err)
}

// document reads a manifest, an index or a config and compares its digest, and its
// size unless that is not known (-1).
func (l *layout) document(what, path string, d v1.Descriptor, limit int64) ([]byte, error) {
	raw, err := readAll(l.files, path, limit)
	if err != nil {
		return nil, l.fileError(what, err)
	}
	if d.Size >= 0 && d.Size != int64(len(raw)) {
		return nil, &DigestError{
			Name: l.name, What: what,
			Want: fmt.Sprintf("%d bytes", d.Size), Got: fmt.Sprintf("%d bytes", len(raw)),
		}
	}
	got, _, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	if got != d.Digest {
		return nil, &DigestError{Name: l.name, What: what, Want: d.Digest.String(), Got: got.String()}
	}
	return raw, nil
}

// image opens the image of a manifest that was read.
func (l *layout) image(f resolved, ref Reference) (*Image, error) {
	m, err := parseManifest(l.name, f.raw)
	if err != nil {
		return nil, err
	}
	rawConfig, err := l.document("config", l.blob(m.Config.Digest), m.Config, maxConfig)
	if err != nil {
		return nil, err
	}
	config, err := parseConfig(l.name, rawConfig, m)
	if err != nil {
		return nil, err
	}
	img, err := newImage(f.raw, rawConfig, f.mediaType(m), l)
	if err != nil {
		return nil, err
	}
	names := asked(ref, f.names)
	return &Image{
		Image: img, Ref: ref,
		Name:  displayName(ref, names),
		Names: names, Tags: f.names, Platform: imagePlatform(config, f.d.Platform),
		Digest: f.d.Digest, Index: f.index, From: ociTransport(l.files),
	}, nil
}

// whole says that all that an image consists of is there.
func (l *layout) whole(img *Image) bool {
	m, err := img.Manifest()
	if err != nil {
		return false
	}
	for _, d := range m.Layers {
		if !l.files.has(l.blob(d.Digest)) {
			return false
		}
	}
	return true
}
