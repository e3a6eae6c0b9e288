package inspect

import (
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Step is one entry of an image's history.
type Step struct {
	// Short is the step in one line, for people; see ShortStep.
	Short     string     `json:"short"`
	CreatedBy string     `json:"createdBy,omitempty"` // whole, as in the config
	Comment   string     `json:"comment,omitempty"`
	Author    string     `json:"author,omitempty"`
	Created   *time.Time `json:"created,omitempty"`
}

// EmptyStep is a step that made no layer. After is the layer below it, 0 if none.
type EmptyStep struct {
	After int `json:"after"`
	Step
}

// History is what an image's config says of how its layers came to be.
type History struct {
	Layers []*Step     // of each layer; nil where the history does not tell
	Empty  []EmptyStep // in order
	// Steps is the number of steps that made a layer. If there is a history and
	// it is not the number of layers, no step is attributed to a layer.
	Steps int
}

// Matches reports whether the history tells of as many layers as there are.
func (h *History) Matches() bool { return h.Steps == len(h.Layers) }

// ReadHistory attributes the steps of the history to a number of layers.
func ReadHistory(history []v1.History, layers int) *History {
	h := &History{Layers: make([]*Step, layers), Empty: []EmptyStep{}}
	for _, entry := range history {
		if !entry.EmptyLayer {
			h.Steps++
		}
	}
	n := 0
	for _, entry := range history {
		step := newStep(entry)
		switch {
		case entry.EmptyLayer && h.Matches():
			h.Empty = append(h.Empty, EmptyStep{After: n, Step: step})
		case entry.EmptyLayer:
			h.Empty = append(h.Empty, EmptyStep{Step: step})
		case h.Matches():
			h.Layers[n] = &step
			n++
		}
	}
	return h
}

func newStep(entry v1.History) Step {
	return Step{
		Short:     ShortStep(entry.CreatedBy, entry.Comment),
		CreatedBy: entry.CreatedBy,
		Comment:   entry.Comment,
		Author:    entry.Author,
		Created:   known(entry.Created.Time),
	}
}
