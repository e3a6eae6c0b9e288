package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/layers/layers/cache/layer"
)

// Resumer is what a v1.Layer can be besides, so that a download that was cut goes
// on where it stopped: CompressedFrom returns the blob from start on, which is
// offset, or 0 where the source can only send the whole.
type Resumer interface {
	CompressedFrom(ctx context.Context, offset int64) (body io.ReadCloser, start int64, err error)
}

// plan is what an image consists of.
type plan struct {
	display   string
	digest    v1.Hash
	raw       []byte
	manifest  *v1.Manifest
	rawConfig []byte
	config    *v1.ConfigFile
	parts     []*part // one for each layer, bottom first
}

// part is one layer of an image.
type part struct {
	image  string // for people
	number int    // from 0; negative if not known
	digest v1.Hash
	size   int64
	diffID layer.DiffID
	source v1.Layer
	// staging takes the contents of its files, when it is read, for its snapshot; nil
	// if none is to be made.
	staging *staging
}

// newPlan takes an image apart. What it returns is held together by digests: the
// manifest's own, and that of the config in the manifest.
func newPlan(img v1.Image, display string) (*plan, error) {
	p := &plan{display: display}
	if err := p.read(img); err != nil {
		if display == "" {
			display = p.digest.String()
		}
		return nil, &ImageError{Image: display, Err: err}
	}
	layers, err := img.Layers()
	if err != nil {
		return nil, &ImageError{Image: display, Err: err}
	}
	if len(layers) != len(p.manifest.Layers) {
		return nil, &ImageError{Image: display, Err: fmt.Errorf("%d layers, and %d in the manifest", len(layers), len(p.manifest.Layers))}
	}
	for i, d := range p.manifest.Layers {
		p.parts = append(p.parts, &part{
			image: display, number: i, digest: d.Digest, size: d.Size,
			diffID: layer.DiffID(p.config.RootFS.DiffIDs[i]), source: layers[i],
		})
	}
	return p, nil
}

func (p *plan) read(img v1.Image) error {
	var err error
	if p.digest, err = img.Digest(); err != nil {
		return err
	}
	if p.raw, err = img.RawManifest(); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	if got := digestOf(p.raw); got != p.digest {
		return fmt.Errorf("manifest: %w", wrongDigest(p.digest, got))
	}
	if len(p.raw) > manifestLimit {
		return fmt.Errorf("manifest: %w", &layer.LimitError{What: "manifest", Limit: manifestLimit})
	}
	if p.manifest, err = v1.ParseManifest(bytes.NewReader(p.raw)); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	if p.rawConfig, err = img.RawConfigFile(); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	if got := digestOf(p.rawConfig); got != p.manifest.Config.Digest {
		return fmt.Errorf("config: %w", wrongDigest(p.manifest.Config.Digest, got))
	}
	if len(p.rawConfig) > configLimit {
		return fmt.Errorf("config: %w", &layer.LimitError{What: "config", Limit: configLimit})
	}
	if p.config, err = v1.ParseConfigFile(bytes.NewReader(p.rawConfig)); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	return fits(p.manifest, p.config)
}

// fits says whether manifest and config can belong together and be stored.
func fits(m *v1.Manifest, c *v1.ConfigFile) error {
	if m == nil || c == nil {
		return errors.New("manifest or config is null")
	}
	if len(m.Layers) != len(c.RootFS.DiffIDs) {
		return fmt.Errorf("the manifest has %d layers, and the config %d DiffIDs", len(m.Layers), len(c.RootFS.DiffIDs))
	}
	ids := map[v1.Hash]int{}
	for i, d := range m.Layers {
		id := c.RootFS.DiffIDs[i]
		switch first, again := ids[d.Digest]; {
		case !usable(d.Digest) || !usable(id):
			return fmt.Errorf("layer %d: %s with DiffID %s is not named by SHA-256", i+1, d.Digest, id)
		case d.Size < 0:
			return fmt.Errorf("layer %d: a size of %d", i+1, d.Size)
		case again && (c.RootFS.DiffIDs[first] != id || m.Layers[first].Size != d.Size):
			return fmt.Errorf("layers %d and %d are one blob and have different DiffIDs or sizes", first+1, i+1)
		case !again:
			ids[d.Digest] = i
		}
	}
	return nil
}

// mediaType is the manifest's own, or that of OCI, which may leave it out.
func (p *plan) mediaType() types.MediaType {
	if p.manifest.MediaType == "" {
		return types.OCIManifestSchema1
	}
	return p.manifest.MediaType
}

// upTo returns the plan of an image's lowest layers; 0, and more than there are, is all.
func (p *plan) upTo(layers int) *plan {
	if layers <= 0 || layers >= len(p.parts) {
		return p
	}
	low := *p
	low.parts = p.parts[:layers]
	return &low
}

// distinct returns each layer once that occurs several times.
func (p *plan) distinct() []*part {
	var parts []*part
	seen := map[v1.Hash]bool{}
	for _, l := range p.parts {
		if !seen[l.digest] {
			seen[l.digest] = true
			parts = append(parts, l)
		}
	}
	return parts
}

func (p *plan) needs() needs {
	n := newNeeds()
	n.blob(p.digest)
	n.blob(p.manifest.Config.Digest)
	for _, l := range p.parts {
		n.blob(l.digest)
		n.layer(l.diffID)
	}
	return n
}

// fail says which layer an error is about.
func (l *part) fail(err error) error {
	var already *LayerError
	if err == nil || errors.As(err, &already) {
		return err
	}
	return &LayerError{Image: l.image, Number: l.number, Digest: l.digest, Err: err}
}

// read is the event of a layer that was read to its end: its snapshot comes after.
func (l *part) read() Event {
	if l.staging != nil {
		return l.event(Unpacking, l.size)
	}
	return l.event(Done, l.size)
}

func (l *part) event(step Step, bytes int64) Event {
	return Event{Image: l.image, Layer: max(l.number, 0), Digest: l.digest, Step: step, Bytes: bytes, Size: l.size}
}
