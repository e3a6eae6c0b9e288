package budget

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/diff"
)

// SavedVersion is the version of Saved. It changes when a field goes or changes its
// meaning, not when one is added.
const SavedVersion = "layers.baseline/v1"

// Saved is what images are at one time, for later checks to compare with, without a
// registry.
type Saved struct {
	Version string       `json:"version"`
	Images  []SavedImage `json:"images"`
}

// SavedImage is one image, for one platform.
type SavedImage struct {
	Name     string       `json:"name"`
	Digest   v1.Hash      `json:"digest"`
	Platform string       `json:"platform,omitempty"`
	Base     int          `json:"base,omitempty"` // how many of the layers are its base's
	Layers   []SavedLayer `json:"layers"`         // bottom first
}

// SavedLayer is one layer. Holds is the digest of what it holds but for times.
type SavedLayer struct {
	Digest   v1.Hash      `json:"digest"`
	DiffID   layer.DiffID `json:"diffId"`
	Content  int64        `json:"content"`
	Unpacked int64        `json:"unpacked"`
	Files    int64        `json:"files"`
	Holds    string       `json:"holds"`
	Step     *diff.Step   `json:"step,omitempty"`
}

// Save reads all layers of images.
func Save(ctx context.Context, images []*Image) (*Saved, error) {
	s := &Saved{Version: SavedVersion, Images: []SavedImage{}}
	for _, img := range images {
		held, err := img.layers(ctx, img.all())
		if err != nil {
			return nil, err
		}
		base, err := img.facts(ctx)
		if err != nil {
			return nil, err
		}
		one := SavedImage{Name: img.Name, Digest: img.Digest, Platform: img.Platform, Base: base.Layers, Layers: []SavedLayer{}}
		for n, l := range img.Layers {
			holds, err := held[n].TOC.Fingerprint()
			if err != nil {
				return nil, err
			}
			totals := held[n].TOC.Totals()
			one.Layers = append(one.Layers, SavedLayer{
				Digest: l.Digest, DiffID: l.DiffID, Content: l.Content, Step: l.Step,
				Unpacked: totals.Unpacked, Files: totals.Files, Holds: holds.Content.String(),
			})
		}
		s.Images = append(s.Images, one)
	}
	return s, nil
}

// ReadSaved reads the JSON of a Saved, and checks that it is one.
func ReadSaved(data []byte) (*Saved, error) {
	s := &Saved{}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("it is no saved baseline: %w", err)
	}
	if s.Version != SavedVersion {
		return nil, fmt.Errorf("it is no saved baseline of this version: %q, and not %s", s.Version, SavedVersion)
	}
	for _, img := range s.Images {
		for n, l := range img.Layers {
			if l.Content < 0 || l.Unpacked < 0 || l.Digest.Hex == "" || l.DiffID == (layer.DiffID{}) {
				return nil, fmt.Errorf("%s: layer %d is not whole", img.Name, n+1)
			}
		}
		if img.Base < 0 || img.Base > len(img.Layers) {
			return nil, fmt.Errorf("%s: it has no %d layers of a base", img.Name, img.Base)
		}
	}
	return s, nil
}

// ErrNotSaved says that a saved baseline has no such image.
var ErrNotSaved = errors.New("no such image was saved")

// For are the images, one for each platform, that an image is to be compared with: those
// of its repository, or, where the images of one repository only were saved, those.
func (s *Saved) For(name string) (all []*Image) {
	repositories := map[string]bool{}
	for _, img := range s.Images {
		repositories[SplitReference(img.Name).Repository] = true
	}
	for i := range s.Images {
		img := &s.Images[i]
		if SplitReference(img.Name).Repository == SplitReference(name).Repository || len(repositories) == 1 {
			all = append(all, img.image())
		}
	}
	return all
}

func (i *SavedImage) image() *Image {
	img := &Image{Name: i.Name, Digest: i.Digest, Platform: i.Platform, How: "saved"}
	img.base = &BaseFacts{Layers: i.Base}
	for _, l := range i.Layers {
		at := Layer{
			Digest: l.Digest, DiffID: l.DiffID, Content: l.Content, Step: l.Step,
			Totals: &layer.Totals{Unpacked: l.Unpacked, Files: l.Files}, Holds: l.Holds,
		}
		img.Layers = append(img.Layers, at)
	}
	return img
}
