package fleet

import (
	"cmp"
	"slices"
)

// SuggestVersion is the version of SuggestReport.
const SuggestVersion = "layers.suggest/v1"

// SuggestReport says which small changes of images would save what.
type SuggestReport struct {
	Version string `json:"version"`
	Images  int    `json:"images"` // of the set
	Held    Bytes  `json:"held"`   // what all of them take now
	// Saved is what all suggestions together save: the sum of what each adds.
	Saved Bytes `json:"saved"`
	// Suggestions are those that save anything, the most alone first. Where unpacked bytes
	// are known, both kinds of bytes count together.
	Suggestions []Suggestion `json:"suggestions"`
}

// Suggestion is a change of some images, and what it saves.
type Suggestion struct {
	Rank int         `json:"rank"` // from 1
	Kind SuggestKind `json:"kind"`
	// Saves is what goes by this change alone, Adds what goes by it when those before it
	// are done: less, where they free some of the same bytes.
	Saves Bytes  `json:"saves"`
	Adds  Bytes  `json:"adds"`
	How   string `json:"how"` // Saves was computed, in a line
	// Images are those that are to be built in another way, by their first names or their
	// digests, in the order of names.
	Images []string `json:"images"`
	// Bases are, of PinBase, the versions of the base: first the one to pin to.
	Bases []SuggestedBase `json:"bases,omitempty"`
	// Groups are layers of which each group is to become one: the first of them.
	Groups [][]SuggestedLayer `json:"groups,omitempty"`
	// Packages are those that are to be installed once, of Packages, by kind and name.
	Packages []Package `json:"packages,omitempty"`
	Files    int64     `json:"files,omitempty"` // that several layers carry, each once
	Layers   []Place   `json:"layers,omitempty"`
}

// SuggestKind is what is to be done.
type SuggestKind string

// The kinds of suggestions.
const (
	PinBase     SuggestKind = "pin-base"    // build on one version of a base
	BuildOnce   SuggestKind = "order"       // build a layer once, below what differs
	BuiltAgain  SuggestKind = "rebuilt"     // do not build a layer again for nothing
	Recompress  SuggestKind = "compression" // compress one tar in one way
	PackageSets SuggestKind = "packages"    // install packages in one layer
)

// SuggestedBase is a version of a base: a stack of layers on which images are built.
type SuggestedBase struct {
	Names  []string `json:"names,omitempty"`  // of the images that consist of it; they go unless it is the one to pin to
	Digest string   `json:"digest,omitempty"` // of the first of them; absent if the stack is no image of the set
	Layers int      `json:"layers"`
	Chain  string   `json:"chain"`  // ChainID of these layers, which makes two stacks one (image-spec, config.md)
	Images int      `json:"images"` // that are built on it
}

// SuggestedLayer is a layer of which another is a copy in all but its bytes.
type SuggestedLayer struct {
	Place
	Digest  string `json:"digest"`
	Content int64  `json:"content"`
}

// change is a suggestion that can be tried.
type change struct {
	Suggestion
	apply func(*trial)
	moved map[int]bool // images whose base is one of several, of PinBase
}

// Suggest says what would save bytes, exactly: each change is tried on a copy of who has
// what. Which base an image has is told by its lowest layers alone. What Learn and Install
// were told of is made use of; without, pinning by name and compression are suggested.
// Of an image's base one pinning is suggested, that which saves most.
func (s *Set) Suggest() *SuggestReport {
	p := &proposing{s: s, order: s.counts().order, trial: newTrial(s)}
	p.at = placesOf(s, p.order, len(s.blobs.keys), func(l stacked) uint32 { return l.blob })
	all := slices.DeleteFunc(slices.Concat(p.pins(), p.sames(), p.packages()), func(c *change) bool {
		c.Saves = p.trial.alone(c.apply)
		return c.Saves.both() <= 0
	})
	slices.SortStableFunc(all, func(a, b *change) int {
		return cmp.Or(cmp.Compare(b.Saves.both(), a.Saves.both()), cmp.Compare(b.Saves.Content, a.Saves.Content), cmp.Compare(a.Kind, b.Kind), slices.Compare(a.Images, b.Images))
	})
	r := &SuggestReport{Version: SuggestVersion, Images: len(s.images), Held: s.After(), Suggestions: []Suggestion{}}
	r.Saved = Bytes{Unpacked: new(int64)}
	for _, c := range onePinEach(all) {
		c.Adds = p.trial.try(c.apply)
		c.Rank = len(r.Suggestions) + 1
		r.Saved = r.Saved.plus(c.Adds)
		r.Suggestions = append(r.Suggestions, c.Suggestion)
	}
	return r
}

// onePinEach leaves out what would pin an image whose base is in question already.
func onePinEach(all []*change) (left []*change) {
	taken := map[int]bool{}
	for _, c := range all {
		twice := false
		for image := range c.moved {
			twice = twice || taken[image]
		}
		if twice {
			continue
		}
		for image := range c.moved {
			taken[image] = true
		}
		left = append(left, c)
	}
	return left
}

// proposing looks for changes.
type proposing struct {
	s     *Set
	order []int
	at    *places // of blobs
	trial *trial
}

// called are images by their first names, or digests, in the order of reports.
func (p *proposing) called(images map[int]bool) (names []string) {
	var list []int
	for image, is := range images {
		if is {
			list = append(list, image)
		}
	}
	rank := p.s.counts().rank
	slices.SortFunc(list, func(a, b int) int { return cmp.Compare(rank[a], rank[b]) })
	for _, image := range list {
		names = append(names, p.s.firstName(image))
	}
	return names
}

// firstName is an image's first name, or its digest.
func (s *Set) firstName(image int) string {
	if names := s.Names(image); len(names) > 0 {
		return names[0]
	}
	return s.Digest(image).String()
}
