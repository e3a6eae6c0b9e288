package cache

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Stored is an image that the store holds under a name.
type Stored struct {
	Name     string // fully qualified; "" for an image that only its digest names
	Digest   v1.Hash
	Platform v1.Platform
	Index    *v1.Hash // the image index it was chosen from
	Pulled   time.Time
	Origin   string // what PullOptions.Origin said of the pull; "" if it is not known
}

// Images lists what the store holds, sorted by name, platform and digest. An image
// that other programs put there has the name that they gave it, and no time; of
// an image index of theirs the images that are here are listed.
func (s *Store) Images(ctx context.Context) ([]Stored, error) {
	n, err := s.readNames()
	if err != nil {
		return nil, err
	}
	var all []Stored
	for _, e := range n.entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		all = append(all, s.imagesOf(e)...)
	}
	slices.SortStableFunc(all, func(a, b Stored) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Platform.String(), b.Platform.String()),
			cmp.Compare(a.Digest.Hex, b.Digest.Hex))
	})
	return all, nil
}

// imagesOf returns the image that a descriptor names, or those of an image index.
func (s *Store) imagesOf(e entry) []Stored {
	switch {
	case e.digest == (v1.Hash{}):
		return nil
	case e.mediaType.IsImage():
		st := Stored{Name: e.name, Digest: e.digest, Index: e.index, Pulled: e.pulled, Origin: e.origin}
		st.Platform = s.platformOf(e.platform, e.digest)
		return []Stored{st}
	case e.mediaType.IsIndex():
		return s.childrenOf(e)
	}
	return nil
}

func (s *Store) childrenOf(e entry) []Stored {
	data, err := s.smallBlob(e.digest, manifestLimit)
	if err != nil {
		return nil // Verify says so
	}
	var index struct {
		Manifests []struct {
			MediaType types.MediaType `json:"mediaType"`
			Digest    string          `json:"digest"`
			Platform  *v1.Platform    `json:"platform"`
		} `json:"manifests"`
	}
	if json.Unmarshal(data, &index) != nil {
		return nil
	}
	var found []Stored
	for _, m := range index.Manifests {
		h, err := v1.NewHash(m.Digest)
		if err != nil || !usable(h) || !m.MediaType.IsImage() {
			continue
		}
		if _, err := s.smallBlob(h, manifestLimit); err == nil {
			found = append(found, Stored{Name: e.name, Digest: h, Index: &e.digest,
				Pulled: e.pulled, Origin: e.origin, Platform: s.platformOf(m.Platform, h)})
		}
	}
	return found
}

// platformOf fills in what a descriptor of another program may leave out.
func (s *Store) platformOf(p *v1.Platform, digest v1.Hash) v1.Platform {
	if p != nil {
		return *p
	}
	img, err := s.image(digest)
	if err != nil {
		return v1.Platform{}
	}
	config, err := img.ConfigFile()
	if err != nil || config.Platform() == nil {
		return v1.Platform{}
	}
	return *config.Platform()
}

// Find returns the images with a fully qualified name, or whose manifest digest
// (or config digest) starts with the hex digits, with or without "sha256:". A name
// with a digest also finds images that have the digest, or were chosen from the
// image index that has it, under another name. It returns none and no error where
// there is none.
func (s *Store) Find(ctx context.Context, nameOrHex string) ([]Stored, error) {
	all, err := s.Images(ctx)
	if err != nil {
		return nil, err
	}
	if named := pick(all, func(st Stored) bool { return st.Name == nameOrHex }); len(named) > 0 || nameOrHex == "" {
		return named, nil
	}
	if _, digest, ok := strings.Cut(nameOrHex, "@sha256:"); ok {
		return pick(all, func(st Stored) bool {
			return st.Digest.Hex == digest || st.Index != nil && st.Index.Hex == digest
		}), nil
	}
	digits := strings.TrimPrefix(nameOrHex, "sha256:")
	if digits == "" || !isHex(digits) {
		return nil, nil
	}
	return pick(all, func(st Stored) bool {
		return strings.HasPrefix(st.Digest.Hex, digits) || s.configStarts(st.Digest, digits)
	}), nil
}

func (s *Store) configStarts(manifest v1.Hash, digits string) bool {
	img, err := s.image(manifest)
	return err == nil && strings.HasPrefix(img.manifest.Config.Digest.Hex, digits)
}

// give puts the image under its names, each instead of another image that the name
// had for the platform; those it returns. An image that has a name needs no entry
// without one.
func (n *names) give(images []entry) (replaced []entry, changed bool) {
	for _, e := range images {
		if n.has(e) {
			continue
		}
		changed = true
		n.entries = slices.DeleteFunc(n.entries, func(old entry) bool {
			if old.name == "" {
				return old.digest == e.digest && old.mediaType.IsImage()
			}
			gone := old.name == e.name && old.mediaType.IsImage() && samePlatform(old.platform, e.platform)
			if gone && old.digest != e.digest {
				replaced = append(replaced, old)
			}
			return gone
		})
		n.entries = append(n.entries, e)
	}
	return replaced, changed
}

func (n *names) has(e entry) bool {
	return slices.ContainsFunc(n.entries, func(old entry) bool {
		if e.name == "" {
			return old.digest == e.digest
		}
		sameIndex := old.index == nil && e.index == nil ||
			old.index != nil && e.index != nil && *old.index == *e.index
		sameOrigin := e.origin == "" || old.origin == e.origin
		return old.name == e.name && old.digest == e.digest && sameIndex && sameOrigin && samePlatform(old.platform, e.platform)
	})
}

// samePlatform compares what a user can ask for. A descriptor without a platform
// has room for one image only.
func samePlatform(a, b *v1.Platform) bool {
	if a == nil || b == nil {
		return true
	}
	return a.OS == b.OS && a.Architecture == b.Architecture && a.Variant == b.Variant && a.OSVersion == b.OSVersion
}

func pick(all []Stored, want func(Stored) bool) []Stored {
	var found []Stored
	for _, st := range all {
		if want(st) {
			found = append(found, st)
		}
	}
	return found
}
