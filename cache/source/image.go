package source

import (
	"bytes"
	"context"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// blobs opens the layers of an image where they lie.
type blobs interface {
	// open returns the bytes as the source has them. Nothing is checked.
	open(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error)
}

// resumable blobs can be read from the middle. start is offset, or 0 if the source
// gives the whole blob whatever it is asked.
type resumable interface {
	openFrom(ctx context.Context, d v1.Descriptor, offset int64) (body io.ReadCloser, start int64, err error)
}

// image is an image whose manifest and config are here, and whose layers are not.
// It is immutable.
type image struct {
	rawManifest, rawConfig []byte
	mediaType              types.MediaType
	digest                 v1.Hash
	manifest               *v1.Manifest
	config                 *v1.ConfigFile
	layers                 []v1.Layer
}

var _ v1.Image = (*image)(nil)

// newImage returns the image of a manifest and a config, whose digests the caller
// has checked. If b is resumable, the layers have a method CompressedFrom.
func newImage(manifest, config []byte, mediaType types.MediaType, b blobs) (v1.Image, error) {
	m, err := parseManifest("image", manifest)
	if err != nil {
		return nil, err
	}
	c, err := parseConfig("image", config, m)
	if err != nil {
		return nil, err
	}
	digest, _, err := v1.SHA256(bytes.NewReader(manifest))
	if err != nil {
		return nil, err
	}
	i := &image{
		rawManifest: manifest, rawConfig: config, mediaType: mediaType,
		digest: digest, manifest: m, config: c,
	}
	for n, d := range m.Layers {
		i.layers = append(i.layers, newLayer(d, c.RootFS.DiffIDs[n], b))
	}
	return i, nil
}

// Layers are bottom first; the slice is the caller's.
func (i *image) Layers() ([]v1.Layer, error) { return append([]v1.Layer(nil), i.layers...), nil }

// MediaType is what the source says of the manifest.
func (i *image) MediaType() (types.MediaType, error) { return i.mediaType, nil }

// Size is that of the manifest, in bytes.
func (i *image) Size() (int64, error) { return int64(len(i.rawManifest)), nil }

// ConfigName is the config's digest.
func (i *image) ConfigName() (v1.Hash, error) { return i.manifest.Config.Digest, nil }

// ConfigFile returns a copy, which the caller may change.
func (i *image) ConfigFile() (*v1.ConfigFile, error) { return i.config.DeepCopy(), nil }

// RawConfigFile returns a copy of the bytes that have the config's digest.
func (i *image) RawConfigFile() ([]byte, error) { return bytes.Clone(i.rawConfig), nil }

// Digest is the SHA-256 of the manifest's bytes.
func (i *image) Digest() (v1.Hash, error) { return i.digest, nil }

// Manifest returns a copy, which the caller may change.
func (i *image) Manifest() (*v1.Manifest, error) { return i.manifest.DeepCopy(), nil }

// RawManifest returns a copy of the bytes that have the image's digest.
func (i *image) RawManifest() ([]byte, error) { return bytes.Clone(i.rawManifest), nil }

// LayerByDigest returns the lowest layer with the digest, or, as the interface
// demands, the config.
func (i *image) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	if h == i.manifest.Config.Digest {
		return partial.ConfigLayer(i)
	}
	for n, d := range i.manifest.Layers {
		if d.Digest == h {
			return i.layers[n], nil
		}
	}
	return nil, fmt.Errorf("no layer with the digest %s", h)
}

// LayerByDiffID returns the lowest layer with the DiffID.
func (i *image) LayerByDiffID(h v1.Hash) (v1.Layer, error) {
	for n, id := range i.config.RootFS.DiffIDs {
		if id == h {
			return i.layers[n], nil
		}
	}
	return nil, fmt.Errorf("no layer with the DiffID %s", h)
}

// layer is a layer of an image, read from where it lies.
type layer struct {
	descriptor v1.Descriptor
	diffID     v1.Hash
	blobs      blobs
}

func newLayer(d v1.Descriptor, diffID v1.Hash, b blobs) v1.Layer {
	l := layer{descriptor: d, diffID: diffID, blobs: b}
	if r, ok := b.(resumable); ok {
		return &resumableLayer{layer: l, from: r}
	}
	return &l
}

// Digest is what the manifest says.
func (l *layer) Digest() (v1.Hash, error) { return l.descriptor.Digest, nil }

// DiffID is what the config says; the layer is not read for it.
func (l *layer) DiffID() (v1.Hash, error) { return l.diffID, nil }

// Size is that of the blob, in bytes, as the manifest says.
func (l *layer) Size() (int64, error) { return l.descriptor.Size, nil }

// MediaType is what the manifest says, whatever the blob's bytes are.
func (l *layer) MediaType() (types.MediaType, error) { return l.descriptor.MediaType, nil }

// Descriptor returns the layer's descriptor as the manifest has it.
func (l *layer) Descriptor() (*v1.Descriptor, error) { return l.descriptor.DeepCopy(), nil }

// Compressed reads the blob as the source has it. Nothing is checked.
func (l *layer) Compressed() (io.ReadCloser, error) {
	return l.blobs.open(context.Background(), l.descriptor)
}

// Uncompressed reads the tar. Nothing is checked but what the decompressor checks.
func (l *layer) Uncompressed() (io.ReadCloser, error) {
	blob, err := l.Compressed()
	if err != nil {
		return nil, err
	}
	tar, err := decompress(blob)
	if err != nil {
		blob.Close()
		return nil, fmt.Errorf("layer %s: %w", l.descriptor.Digest, err)
	}
	return tar, nil
}

type resumableLayer struct {
	layer
	from resumable
}

// CompressedFrom reads the blob from start on, which is offset, or 0 if the source
// gives the whole blob whatever it is asked.
func (l *resumableLayer) CompressedFrom(ctx context.Context, offset int64) (body io.ReadCloser, start int64, err error) {
	return l.from.openFrom(ctx, l.descriptor, offset)
}
