package inspect

import v1 "github.com/google/go-containerregistry/pkg/v1"

// PullImage is an image that is to be pulled, and what of it is here already.
type PullImage struct {
	Name     string // as people write it
	Digest   v1.Hash
	Platform v1.Platform
	Origin   string      // what it would be pulled from: "registry", "docker-archive" …
	Layers   []PullLayer // bottom first
}

// PullLayer is a layer of a PullImage.
type PullLayer struct {
	Digest  v1.Hash
	Content int64 // compressed bytes of the blob
	Here    bool
	Partial int64 // compressed bytes that a download has left that was cut
}

// PullPlan says what pulling images, one after the other, would fetch of their layers.
// Manifests and configs, some kilobytes each, come on top; so does the beginning of a
// blob of which a part is here, where the source can only send the whole.
type PullPlan struct {
	Version string        `json:"version"`
	Images  []PlannedPull `json:"images"`
	Total   PullSums      `json:"total"`
}

// PlannedPull is the plan for one image.
type PlannedPull struct {
	Name     string         `json:"name"`
	Digest   string         `json:"digest"`
	Platform string         `json:"platform,omitempty"`
	Origin   string         `json:"origin"` // what it would be pulled from
	Layers   []PlannedLayer `json:"layers"`
	PullSums
}

// PullSums are compressed bytes of layers, each blob once. Content = Here + Shared + Fetch.
type PullSums struct {
	Content int64 `json:"content"`
	Here    int64 `json:"here"` // also of what a download left that was cut
	// Shared is what an earlier image of the list brings; in the total it is 0.
	Shared int64 `json:"shared"`
	Fetch  int64 `json:"fetch"`
	// Layers of which something is fetched.
	ToFetch int `json:"toFetch"`
}

// PlannedLayer is the plan for one layer.
type PlannedLayer struct {
	Digest  string    `json:"digest"`
	Content int64     `json:"content"`
	State   PullState `json:"state"`
	Partial int64     `json:"partial,omitempty"` // of PullPartly: what is here
	Fetch   int64     `json:"fetch"`
	With    string    `json:"with,omitempty"` // of PullShared: the image that brings it
}

// PullState says what a pull does about a layer.
type PullState string

// The states.
const (
	PullHere   PullState = "here"
	PullPartly PullState = "partly-here" // a download of it was cut, and goes on
	PullFetch  PullState = "fetch"
	PullShared PullState = "shared" // an earlier image of the list, or layer of the image, brings it
)

// pullBlob is a blob as a pull looks for it.
type pullBlob struct {
	digest v1.Hash
	size   int64
}

// PlanPull plans the pulls of images in their order.
func PlanPull(images []PullImage) *PullPlan {
	plan := &PullPlan{Version: PullPlanVersion, Images: []PlannedPull{}}
	brought := map[pullBlob]*string{}
	counted := map[pullBlob]bool{}
	for _, img := range images {
		one := PlannedPull{Name: img.Name, Digest: hash(img.Digest), Platform: img.Platform.String(), Origin: img.Origin, Layers: []PlannedLayer{}}
		own := map[pullBlob]bool{}
		for _, l := range img.Layers {
			blob := pullBlob{l.Digest, l.Content}
			p := planLayer(l, brought[blob])
			one.Layers = append(one.Layers, p)
			if !own[blob] {
				own[blob] = true
				one.count(p)
			}
			if !counted[blob] {
				counted[blob] = true
				plan.Total.count(p)
			}
			if p.State != PullHere && brought[blob] == nil {
				brought[blob] = &img.Name
			}
		}
		plan.Images = append(plan.Images, one)
	}
	return plan
}

func planLayer(l PullLayer, with *string) PlannedLayer {
	p := PlannedLayer{Digest: hash(l.Digest), Content: l.Content, State: PullFetch, Fetch: l.Content}
	switch {
	case l.Here:
		p.State, p.Fetch = PullHere, 0
	case with != nil:
		p.State, p.With, p.Fetch = PullShared, *with, 0
	case l.Partial > 0 && l.Partial <= l.Content:
		p.State, p.Partial, p.Fetch = PullPartly, l.Partial, l.Content-l.Partial
	}
	return p
}

func (s *PullSums) count(l PlannedLayer) {
	s.Content, s.Fetch = plus(s.Content, l.Content), plus(s.Fetch, l.Fetch)
	switch l.State {
	case PullHere:
		s.Here = plus(s.Here, l.Content)
	case PullShared:
		s.Shared = plus(s.Shared, l.Content)
	case PullPartly:
		s.Here = plus(s.Here, l.Partial)
	}
	if l.State == PullFetch || l.State == PullPartly {
		s.ToFetch++
	}
}
