package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/layers/layers/cache/layer"
)

// storedImage is an image whose blobs lie in the store. Manifest and config were
// held against their digests; layers are not read.
type storedImage struct {
	store     *Store
	digest    v1.Hash
	raw       []byte
	manifest  *v1.Manifest
	rawConfig []byte
	config    *v1.ConfigFile
}

// Image opens an image that the store holds. Its layers are read from the store.
// An image that it does not hold is a *NotStoredError, a damaged manifest or
// config a *BlobError.
func (s *Store) Image(ctx context.Context, digest v1.Hash) (v1.Image, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.image(digest)
}

func (s *Store) image(digest v1.Hash) (*storedImage, error) {
	raw, err := s.smallBlob(digest, manifestLimit)
	if err != nil {
		return nil, err
	}
	img := &storedImage{store: s, digest: digest, raw: raw}
	img.manifest, err = v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, &ImageError{Image: digest.String(), Err: fmt.Errorf("manifest: %w", err)}
	}
	img.rawConfig, err = s.smallBlob(img.manifest.Config.Digest, configLimit)
	if err != nil {
		return nil, fmt.Errorf("config of %s: %w", digest, err)
	}
	img.config, err = v1.ParseConfigFile(bytes.NewReader(img.rawConfig))
	if err != nil {
		return nil, &ImageError{Image: digest.String(), Err: fmt.Errorf("config: %w", err)}
	}
	if err := fits(img.manifest, img.config); err != nil {
		return nil, &ImageError{Image: digest.String(), Err: err}
	}
	return img, nil
}

// Whole returns nil if the store has all layers of an image, each in the size that
// the manifest says, else a *LayerError about the first that it lacks, with a
// *NotStoredError or a *BlobError in it. No layer is read.
func (s *Store) Whole(img v1.Image) error {
	m, err := img.Manifest()
	if err != nil {
		return err
	}
	for i, d := range m.Layers {
		if !usable(d.Digest) {
			return &LayerError{Number: i, Digest: d.Digest, Err: errors.New("not named by SHA-256")}
		}
		if s.hasBlob(d.Digest, d.Size) {
			continue
		}
		f, err := s.openBlob(d.Digest, d.Size)
		if err == nil {
			err = f.Close() // it came meanwhile
		}
		if err != nil {
			return &LayerError{Number: i, Digest: d.Digest, Err: err}
		}
	}
	return nil
}

// MediaType is OCI's for a manifest that does not say.
func (i *storedImage) MediaType() (types.MediaType, error) {
	if i.manifest.MediaType == "" {
		return types.OCIManifestSchema1, nil
	}
	return i.manifest.MediaType, nil
}

// Digest is the digest that the image was opened by.
func (i *storedImage) Digest() (v1.Hash, error) { return i.digest, nil }

// Size is that of the manifest, in bytes.
func (i *storedImage) Size() (int64, error) { return int64(len(i.raw)), nil }

// ConfigName is the config's digest.
func (i *storedImage) ConfigName() (v1.Hash, error) { return i.manifest.Config.Digest, nil }

// ConfigFile returns a copy, which the caller may change.
func (i *storedImage) ConfigFile() (*v1.ConfigFile, error) { return i.config.DeepCopy(), nil }

// RawConfigFile returns a copy of the bytes that have the config's digest.
func (i *storedImage) RawConfigFile() ([]byte, error) { return bytes.Clone(i.rawConfig), nil }

// Manifest returns a copy, which the caller may change.
func (i *storedImage) Manifest() (*v1.Manifest, error) { return i.manifest.DeepCopy(), nil }

// RawManifest returns a copy of the bytes that have the image's digest.
func (i *storedImage) RawManifest() ([]byte, error) { return bytes.Clone(i.raw), nil }

// Layers are bottom first. That they are listed does not say that their blobs are
// there.
func (i *storedImage) Layers() ([]v1.Layer, error) { return i.layers(), nil }

func (i *storedImage) descriptor(number int) v1.Descriptor { return i.manifest.Layers[number] }
func (i *storedImage) diffID(number int) layer.DiffID {
	return layer.DiffID(i.config.RootFS.DiffIDs[number])
}

func (i *storedImage) layers() []v1.Layer {
	all := make([]v1.Layer, len(i.manifest.Layers))
	for n := range all {
		all[n] = &storedLayer{image: i, number: n}
	}
	return all
}

// LayerByDigest also takes the config's digest, as the interface demands.
func (i *storedImage) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	if h == i.manifest.Config.Digest {
		return partial.ConfigLayer(i)
	}
	for n, d := range i.manifest.Layers {
		if d.Digest == h {
			return &storedLayer{image: i, number: n}, nil
		}
	}
	return nil, fmt.Errorf("%s has no layer %s", i.digest, h)
}

// LayerByDiffID returns the lowest layer with the DiffID.
func (i *storedImage) LayerByDiffID(h v1.Hash) (v1.Layer, error) {
	for n, id := range i.config.RootFS.DiffIDs {
		if id == h {
			return &storedLayer{image: i, number: n}, nil
		}
	}
	return nil, fmt.Errorf("%s has no layer with DiffID %s", i.digest, h)
}

// storedLayer is a layer of a stored image.
type storedLayer struct {
	image  *storedImage
	number int
}

// Digest is what the manifest says.
func (l *storedLayer) Digest() (v1.Hash, error) { return l.image.descriptor(l.number).Digest, nil }

// DiffID is what the config says; the layer is not read for it.
func (l *storedLayer) DiffID() (v1.Hash, error) { return v1.Hash(l.image.diffID(l.number)), nil }

// Size is that of the blob, in bytes, as the manifest says.
func (l *storedLayer) Size() (int64, error) { return l.image.descriptor(l.number).Size, nil }

// MediaType is what the manifest says, whatever the blob's bytes are.
func (l *storedLayer) MediaType() (types.MediaType, error) {
	return l.image.descriptor(l.number).MediaType, nil
}

// Descriptor lets the annotations and URLs of the layer survive a copy.
func (l *storedLayer) Descriptor() (*v1.Descriptor, error) {
	d := l.image.descriptor(l.number)
	return &d, nil
}

// Compressed opens the blob, whose size is checked and whose bytes are not. One that
// is gone is a *NotStoredError.
func (l *storedLayer) Compressed() (io.ReadCloser, error) {
	d := l.image.descriptor(l.number)
	return l.image.store.openBlob(d.Digest, d.Size)
}

// Uncompressed unpacks on the way; nothing is held against the DiffID. The error of
// the Decoder says if the stream is damaged.
func (l *storedLayer) Uncompressed() (io.ReadCloser, error) {
	blob, err := l.Compressed()
	if err != nil {
		return nil, err
	}
	d, err := layer.NewDecoder(blob)
	if err != nil {
		_ = blob.Close() // read only
		return nil, err
	}
	return &stacked{Reader: d, closers: []io.Closer{d, blob}}, nil
}

// stacked is a reader that closes what it reads from.
type stacked struct {
	io.Reader
	closers []io.Closer // outermost first
}

// Close closes all, whatever goes wrong, and returns the first error.
func (r *stacked) Close() error {
	var first error
	for _, c := range r.closers {
		if err := c.Close(); first == nil {
			first = err
		}
	}
	return first
}
