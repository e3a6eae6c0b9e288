package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// What an image may carry besides its layers, in bytes.
const (
	maxManifest = 4 << 20 // a manifest or an index
	maxConfig   = 8 << 20
)

// shape holds the fields that tell the kinds of documents apart.
type shape struct {
	SchemaVersion *int64          `json:"schemaVersion"`
	MediaType     types.MediaType `json:"mediaType"`
	Manifests     json.RawMessage `json:"manifests"`
	Layers        json.RawMessage `json:"layers"`
	FSLayers      json.RawMessage `json:"fsLayers"`
	Config        json.RawMessage `json:"config"`
}

// parseManifest reads the manifest of an image and holds it against the
// specification, so that its users need not check digests, sizes and types again.
// An artifact that is not an image is a *KindError.
func parseManifest(name string, raw []byte) (*v1.Manifest, error) {
	m := new(v1.Manifest)
	s, err := parseDocument(raw, m)
	if err != nil {
		return nil, &MalformedError{Name: name, What: "manifest", Err: err}
	}
	if isSchema1(s) {
		return nil, schema1Error(name)
	}
	if err := checkManifest(s, m); err != nil {
		return nil, &MalformedError{Name: name, What: "manifest", Err: err}
	}
	if is := artifactKind(m); is != "" {
		return nil, &KindError{Name: name, Is: is}
	}
	if err := checkDescriptors(m); err != nil {
		return nil, &MalformedError{Name: name, What: "manifest", Err: err}
	}
	return m, nil
}

// parseIndex reads an image index, or a Docker manifest list, and holds it against
// the specification.
func parseIndex(name string, raw []byte) (*v1.IndexManifest, error) {
	idx := new(v1.IndexManifest)
	s, err := parseDocument(raw, idx)
	if err == nil {
		err = checkIndex(s, idx)
	}
	if err != nil {
		return nil, &MalformedError{Name: name, What: "index", Err: err}
	}
	return idx, nil
}

// parseConfig reads the config of the image whose manifest is m. A nil m is a
// manifest that is still to be made from it: then the layers are not compared.
func parseConfig(name string, raw []byte, m *v1.Manifest) (*v1.ConfigFile, error) {
	c := new(v1.ConfigFile)
	err := unmarshal(raw, maxConfig, c)
	if err == nil {
		err = checkConfig(c, m)
	}
	if err != nil {
		return nil, &MalformedError{Name: name, What: "config", Err: err}
	}
	return c, nil
}

func parseDocument(raw []byte, into any) (*shape, error) {
	s := new(shape)
	if err := unmarshal(raw, maxManifest, s); err != nil {
		return nil, err
	}
	// A document that is both would be taken for one thing by one program and for
	// the other by the next (CVE-2021-41190).
	if isSet(s.Manifests) && (isSet(s.Layers) || isSet(s.Config) || isSet(s.FSLayers)) {
		return nil, errors.New("it has the fields of a manifest and of an index: ambiguous")
	}
	if isSchema1(s) {
		return s, nil
	}
	if s.SchemaVersion == nil {
		return nil, errors.New("no schemaVersion: neither a manifest nor an index")
	}
	if *s.SchemaVersion != 2 {
		return nil, fmt.Errorf("schemaVersion is %d, not 2", *s.SchemaVersion)
	}
	return s, json.Unmarshal(raw, into)
}

// isIndex says whether a document whose media type nobody gave is an index.
func isIndex(raw []byte) bool {
	var s shape
	err := unmarshal(raw, maxManifest, &s)
	return err == nil && (s.MediaType.IsIndex() || s.MediaType == "" && isSet(s.Manifests))
}

func isSet(raw json.RawMessage) bool { return len(raw) > 0 && !bytes.Equal(raw, []byte("null")) }

func isSchema1(s *shape) bool {
	return s.MediaType.IsSchema1() || isSet(s.FSLayers) || s.SchemaVersion != nil && *s.SchemaVersion == 1
}

func schema1Error(name string) error {
	return &KindError{Name: name, Is: "a Docker schema 1 manifest (a format retired since 2017: push the image again)"}
}

func checkManifest(s *shape, m *v1.Manifest) error {
	switch {
	case m.MediaType.IsIndex() || isSet(s.Manifests):
		return errors.New("it is an index")
	case m.MediaType != "" && !m.MediaType.IsImage():
		return fmt.Errorf("its media type is %.100q", m.MediaType)
	case !isSet(s.Config):
		return errors.New("it has no config")
	case s.Layers == nil:
		return errors.New("it has no layers")
	}
	return nil
}

func checkDescriptors(m *v1.Manifest) error {
	if err := checkDescriptor(m.Config); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	if m.Config.Size > maxConfig {
		return fmt.Errorf("config: %d bytes are more than %d", m.Config.Size, maxConfig)
	}
	total := int64(0)
	for i, d := range m.Layers {
		if err := checkDescriptor(d); err != nil {
			return fmt.Errorf("layer %d: %w", i+1, err)
		}
		if total > math.MaxInt64-d.Size {
			return fmt.Errorf("layer %d: the sizes add up to more than 2^63", i+1)
		}
		total += d.Size
	}
	return nil
}

func checkIndex(s *shape, idx *v1.IndexManifest) error {
	switch {
	case idx.MediaType.IsImage() || isSet(s.Layers) || isSet(s.Config) || isSchema1(s):
		return errors.New("it is a manifest")
	case idx.MediaType != "" && !idx.MediaType.IsIndex():
		return fmt.Errorf("its media type is %.100q", idx.MediaType)
	case s.Manifests == nil:
		return errors.New("it has no manifests")
	}
	for i, d := range idx.Manifests {
		if err := checkDescriptor(d); err != nil {
			return fmt.Errorf("manifest %d: %w", i+1, err)
		}
	}
	return nil
}

func checkDescriptor(d v1.Descriptor) error {
	switch {
	case d.Digest == v1.Hash{}:
		return errors.New("no digest")
	case d.Digest.Algorithm != "sha256":
		return fmt.Errorf("%s: only sha256 digests are supported", d.Digest)
	case d.Size < 0:
		return fmt.Errorf("%s: its size is %d", d.Digest, d.Size)
	}
	return nil
}

func checkConfig(c *v1.ConfigFile, m *v1.Manifest) error {
	ids := c.RootFS.DiffIDs
	switch {
	case c.RootFS.Type != "" && c.RootFS.Type != "layers":
		return fmt.Errorf("rootfs has the type %.100q, not \"layers\"", c.RootFS.Type)
	case m != nil && len(ids) != len(m.Layers):
		return fmt.Errorf("it names %d layers (rootfs.diff_ids), the manifest %d", len(ids), len(m.Layers))
	}
	for i, id := range ids {
		if id.Algorithm != "sha256" {
			return fmt.Errorf("layer %d: its DiffID is %q, not a sha256 digest", i+1, id.String())
		}
	}
	return nil
}

// unmarshal reads one JSON document and nothing after it.
func unmarshal(raw []byte, limit int, into any) error {
	text := bytes.TrimSpace(raw)
	switch {
	case len(raw) > limit:
		return fmt.Errorf("more than %d bytes", limit)
	case len(text) == 0:
		return errors.New("it is empty")
	case text[0] == '<':
		return fmt.Errorf("it is HTML or XML, not JSON: %.60q", text)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("as JSON: %w", err)
	}
	return nil
}
