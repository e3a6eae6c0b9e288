package cache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/layers/layers/cache/layer"
)

// mark finds out what the names need.
func (s *Store) mark(entries []entry) (needs, error) {
	n := newNeeds()
	for _, e := range entries {
		if e.digest == (v1.Hash{}) {
			continue
		}
		if err := s.reach(n, map[v1.Hash]bool{}, e.digest, e.mediaType); err != nil {
			return needs{}, fmt.Errorf("what %s needs cannot be told: %w", e.title(), err)
		}
	}
	return n, nil
}

// title names an entry for people.
func (e entry) title() string {
	if e.name != "" {
		return e.name
	}
	return e.digest.String()
}

// reach marks what a manifest or an image index needs. It follows whatever the
// content mentions, so that no trick with media types gets a blob swept.
func (s *Store) reach(n needs, seen map[v1.Hash]bool, h v1.Hash, mt types.MediaType) error {
	if seen[h] {
		return nil
	}
	seen[h] = true
	n.blob(h)
	if mt != "" && !mt.IsImage() && !mt.IsIndex() {
		return nil // something else that another program keeps here
	}
	data, err := s.smallBlob(h, manifestLimit)
	if err != nil {
		return err
	}
	var m struct {
		Manifests []child `json:"manifests"`
		Config    child   `json:"config"`
		Layers    []child `json:"layers"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	for _, c := range append(m.Layers, m.Config) {
		if h, ok := c.hash(); ok {
			n.blob(h)
		}
	}
	if h, ok := m.Config.hash(); ok {
		s.markDiffs(n, h)
	}
	return s.reachChildren(n, seen, m.Manifests)
}

// reachChildren goes through an image index, of which the store may hold a part.
func (s *Store) reachChildren(n needs, seen map[v1.Hash]bool, children []child) error {
	for _, c := range children {
		h, ok := c.hash()
		if !ok {
			continue
		}
		if err := s.reach(n, seen, h, c.MediaType); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// markDiffs marks the layers that a config names. If it cannot be read, what was
// derived from them is made again when it is needed.
func (s *Store) markDiffs(n needs, config v1.Hash) {
	data, err := s.smallBlob(config, configLimit)
	if err != nil {
		return
	}
	var c struct {
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if json.Unmarshal(data, &c) != nil {
		return
	}
	for _, id := range c.RootFS.DiffIDs {
		if h, err := v1.NewHash(id); err == nil && usable(h) {
			n.layer(layer.DiffID(h))
		}
	}
}

// child is a descriptor, read without faith in its digest.
type child struct {
	MediaType types.MediaType `json:"mediaType"`
	Digest    string          `json:"digest"`
}

func (c child) hash() (v1.Hash, bool) {
	h, err := v1.NewHash(c.Digest)
	return h, err == nil && usable(h)
}
