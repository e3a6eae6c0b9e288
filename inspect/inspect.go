// Package inspect says what one container image is made of: its layers, the
// build steps that made them, what can be reclaimed, what lies where, and how
// each path came to be.
//
// It reads tables of contents and touches no disk. Everything it finds is a
// report: a plain struct whose JSON form is the output of the program. Reports
// hold numbers and names as they are, and no text made for people, but for the
// short form of build steps. In reports, layers are numbered from 1, bottom
// first; bytes are integers; what is not known is absent.
package inspect

import (
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

// Layer is what was derived from one layer. Extents and Kept may be nil: what
// depends on them is then left out of reports.
type Layer struct {
	TOC     *layer.TOC
	Extents *layer.Extents
	Kept    *layer.Kept
}

// Input is the image that a report is about. Layers, Manifest and Config are
// needed, and len(Manifest.Layers) must be len(Layers).
type Input struct {
	Name     string // as people write it
	Digest   v1.Hash
	Index    *v1.Hash // the image index that the image was chosen from; nil if none
	Platform v1.Platform
	Manifest *v1.Manifest
	Config   *v1.ConfigFile
	Layers   []Layer // bottom first
	// Bases are the images that this one may be built on.
	Bases []Candidate
	// Memo, if not nil, returns the bytes that were stored under key, else those
	// that compute returns, which it may store. Keys consist of letters, digits,
	// dots and dashes.
	Memo func(key string, compute func() ([]byte, error)) ([]byte, error)
}

// All, as a limit, means that there is none.
const All = -1

func (in *Input) check() error {
	switch {
	case in.Manifest == nil || in.Config == nil:
		return fmt.Errorf("inspecting %s: its manifest or config is missing", in.Name)
	case len(in.Manifest.Layers) != len(in.Layers):
		return fmt.Errorf("inspecting %s: its manifest names %d layers, and %d were read",
			in.Name, len(in.Manifest.Layers), len(in.Layers))
	}
	return nil
}

func (in *Input) tocs() []*layer.TOC {
	tocs := make([]*layer.TOC, len(in.Layers))
	for i, l := range in.Layers {
		tocs[i] = l.TOC
	}
	return tocs
}

func (in *Input) diffIDs() []layer.DiffID {
	ids := make([]layer.DiffID, len(in.Layers))
	for i, l := range in.Layers {
		ids[i] = l.TOC.DiffID()
	}
	return ids
}

// number checks a layer's number, counted from 1.
func (in *Input) number(n int) error {
	if n < 1 || n > len(in.Layers) {
		return &NoLayerError{Image: in.Name, Number: n, Layers: len(in.Layers)}
	}
	return nil
}

// NoLayerError says that an image has no layer of a number.
type NoLayerError struct {
	Image          string
	Number, Layers int
}

// Error says how many layers there are.
func (e *NoLayerError) Error() string {
	return fmt.Sprintf("%s has no layer %d: it has %d, numbered from 1", e.Image, e.Number, e.Layers)
}
