package inspect

import (
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

// BaseReport says what an image is built on. The sums of Bases and Own are the image's.
type BaseReport struct {
	Version string      `json:"version"`
	Image   ImageInfo   `json:"image"`
	Bases   []BaseLevel `json:"bases"` // the lowest first; the nearest base is the last
	Own     Part        `json:"own"`   // the layers above all bases
	// Same are other images of the very same layers, with another config or manifest:
	// they are no bases.
	Same  []BaseImage `json:"sameLayers"`
	Hints []Hint      `json:"hints"`
	Guess *Guess      `json:"guess,omitempty"` // only where no base is known
	// Now is what the names of the nearest base mean today.
	Now      []NameNow `json:"now"`
	Searched []Search  `json:"searched"`
}

// BaseInput is what a BaseReport is made from. Manifest and Config are needed, and must
// tell of as many layers.
type BaseInput struct {
	Name     string // as people write it
	Digest   v1.Hash
	Index    *v1.Hash
	Platform v1.Platform
	Manifest *v1.Manifest
	Config   *v1.ConfigFile
	// Unpacked is the unpacked bytes of each layer, nil where they are not known.
	Unpacked   []*int64
	Candidates []Candidate // the image itself, by its digest, is none
	Hints      []Hint      // checked
}

// DiffIDs are those of the layers, bottom first, as a config has them.
func DiffIDs(c *v1.ConfigFile) []layer.DiffID {
	ids := make([]layer.DiffID, len(c.RootFS.DiffIDs))
	for i, id := range c.RootFS.DiffIDs {
		ids[i] = layer.DiffID(id)
	}
	return ids
}

// FindBase reports what an image is built on, by what is known of the candidates. Now
// and Searched are left to those who ask registries.
func FindBase(in BaseInput) *BaseReport {
	about := Input{Name: in.Name, Digest: in.Digest, Index: in.Index, Platform: in.Platform, Manifest: in.Manifest, Config: in.Config}
	r := &BaseReport{
		Version: BaseVersion, Image: about.info(), Hints: in.Hints, Now: []NameNow{}, Searched: []Search{},
	}
	ids := DiffIDs(in.Config)
	if len(ids) > 0 {
		r.Image.ChainID = layer.Chain(ids).String()
	}
	others := slices.DeleteFunc(slices.Clone(in.Candidates), func(c Candidate) bool { return c.Digest == in.Digest })
	r.Bases, r.Same = Chain(ids, others, digestsOf(in.Hints)...)
	if r.Bases == nil {
		r.Bases = []BaseLevel{}
	}
	if r.Hints == nil {
		r.Hints = []Hint{}
	}
	n := min(len(in.Manifest.Layers), len(ids))
	bounds := make([]int, 0, len(r.Bases)+1)
	for _, b := range r.Bases {
		bounds = append(bounds, b.Layers)
	}
	parts := split(in.Manifest.Layers, in.Unpacked, append(bounds, n)...)
	for i := range r.Bases {
		r.Bases[i].Content, r.Bases[i].Unpacked = parts[i].Content, parts[i].Unpacked
	}
	r.Own = parts[len(r.Bases)]
	if len(r.Bases) == 0 {
		if r.Guess = GuessBase(in.Config.History, n); r.Guess != nil {
			r.Guess.Part = split(in.Manifest.Layers, in.Unpacked, r.Guess.Layers)[0]
		}
	}
	return r
}

// Nearest is the surest image of the nearest base; nil if none is known.
func (r *BaseReport) Nearest() *BaseImage {
	if len(r.Bases) == 0 {
		return nil
	}
	return &r.Bases[len(r.Bases)-1].Images[0]
}

// Search tells of a repository whose tags were candidates.
type Search struct {
	Name string `json:"name"`
	Tags int    `json:"tags"` // that were listed
	// Whole is false if the registry has more tags than were listed.
	Whole  bool   `json:"whole"`
	Asked  int    `json:"asked"`  // tags that were looked at
	Failed int    `json:"failed"` // of these, those that could not be read, or are not for the platform
	Error  string `json:"error,omitempty"`
}

// NameNow is what a name of a base means today.
type NameNow struct {
	Name   string   `json:"name"`
	Was    string   `json:"was"`           // digest of the base's manifest
	Now    string   `json:"now,omitempty"` // of the one that the name means today
	State  NowState `json:"state"`
	Reason string   `json:"reason,omitempty"` // why it was not checked
	Move   *Move    `json:"move,omitempty"`   // only if it moved
}

// NowState says whether a base is what its name means today.
type NowState string

// The states.
const (
	NowCurrent   NowState = "current"
	NowMoved     NowState = "moved"
	NowUnchecked NowState = "unchecked"
)

// Move is what it costs that a base's name means another image now, in compressed
// bytes, each blob once.
type Move struct {
	Layers  int   `json:"layers"`  // of the new base
	Content int64 `json:"content"` // of the new base
	// Fetch is what a host that has this image would fetch of the new base.
	Fetch       int64 `json:"fetch"`
	FetchLayers int   `json:"fetchLayers"`
	// Unused is what of the old base is not in the new one.
	Unused       int64 `json:"unused"`
	UnusedLayers int   `json:"unusedLayers"`
	SameLayers   bool  `json:"sameLayers"` // the DiffIDs are the same: nothing changed but the manifest
}

// MoveOf compares the layers of an image, of which the lowest are its base's, with
// those of the base's successor.
func MoveOf(image []v1.Descriptor, base int, successor []v1.Descriptor, sameLayers bool) *Move {
	m := &Move{Layers: len(successor), SameLayers: sameLayers}
	ours := map[v1.Hash]bool{}
	for _, d := range image {
		ours[d.Digest] = true
	}
	theirs := map[v1.Hash]bool{}
	for _, d := range successor {
		if theirs[d.Digest] {
			continue
		}
		theirs[d.Digest] = true
		m.Content = plus(m.Content, d.Size)
		if !ours[d.Digest] {
			m.Fetch, m.FetchLayers = plus(m.Fetch, d.Size), m.FetchLayers+1
		}
	}
	for _, d := range image[:min(base, len(image))] {
		if !theirs[d.Digest] {
			theirs[d.Digest] = true
			m.Unused, m.UnusedLayers = plus(m.Unused, d.Size), m.UnusedLayers+1
		}
	}
	return m
}
