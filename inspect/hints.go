package inspect

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

// The annotations of the OCI image spec, also used as labels, by which an image says
// what it is built on.
const (
	baseNameKey   = "org.opencontainers.image.base.name"
	baseDigestKey = "org.opencontainers.image.base.digest"
)

// Hint is what an image says of its base, and what came of checking it.
type Hint struct {
	Source HintSource `json:"source"`
	Name   string     `json:"name,omitempty"`   // as the image has it; it may be no name at all
	Digest string     `json:"digest,omitempty"` // as the image has it
	// Below is how many layers lie below the build step that says so; 0 if it is none.
	Below   int     `json:"below,omitempty"`
	Verdict Verdict `json:"verdict"`
	// Layers is how many of ours it has; 0 unless it is a base.
	Layers int       `json:"layers,omitempty"`
	Sure   Certainty `json:"sure,omitempty"` // absent of what is wrong
	// Reason says why it is wrong, or why it could not be checked.
	Reason string `json:"reason,omitempty"`
}

// HintSource is the part of an image that names its base.
type HintSource string

// The sources of hints.
const (
	HintAnnotation HintSource = "annotation" // of the manifest
	HintLabel      HintSource = "label"      // of the config
	HintHistory    HintSource = "history"    // the comment of a build step, as buildah writes it
)

// Verdict is what came of checking a hint.
type Verdict string

// The verdicts.
const (
	VerdictBase      Verdict = "base"        // its layers are our lowest ones
	VerdictSame      Verdict = "same-layers" // it has all our layers and no others
	VerdictWrong     Verdict = "wrong"       // its layers are not our lowest ones
	VerdictUnchecked Verdict = "unchecked"   // its layers are not known
)

// mostHints bounds how many hints of an image are looked at: each may cost a request.
const mostHints = 10

// Hints returns what an image says of its base, not checked yet: its annotations, its
// labels, and the steps of its history, the latest first. What is said twice is there
// once, and there are ten at most.
func Hints(m *v1.Manifest, c *v1.ConfigFile) []Hint {
	hints := []Hint{}
	add := func(h Hint) {
		h.Verdict, h.Sure = VerdictUnchecked, Likely
		twice := slices.ContainsFunc(hints, func(o Hint) bool { return o.Name == h.Name && (o.Digest == h.Digest || h.Digest == "") })
		if (h.Name != "" || h.Digest != "") && !twice && len(hints) < mostHints {
			hints = append(hints, h)
		}
	}
	add(Hint{Source: HintAnnotation, Name: m.Annotations[baseNameKey], Digest: m.Annotations[baseDigestKey]})
	add(Hint{Source: HintLabel, Name: c.Config.Labels[baseNameKey], Digest: c.Config.Labels[baseDigestKey]})
	below := 0
	var steps []Hint
	for _, h := range c.History {
		if name := fromName(h.Comment); name != "" && below > 0 {
			steps = append(steps, Hint{Source: HintHistory, Name: name, Below: below})
		}
		if !h.EmptyLayer {
			below++
		}
	}
	if below != len(m.Layers) { // the history is of other layers
		return hints
	}
	for _, h := range slices.Backward(steps) {
		add(h)
	}
	return hints
}

var imageID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(sha256:)?[0-9a-f]{12,64}$`) })

// fromName is the image that buildah notes in the first step of a build on it. Later
// steps have the identifier of the step before.
func fromName(comment string) string {
	name, ok := strings.CutPrefix(comment, "FROM ")
	if name = strings.TrimSpace(name); !ok || imageID().MatchString(name) || name == "scratch" {
		return ""
	}
	return name
}

// Judge holds a hint against the image that it was found to name, which has the name
// or the digest. An image that has only the name, where the hint gives a digest, and
// not our layers, proves nothing: names move.
func (h *Hint) Judge(ids []layer.DiffID, c Candidate) {
	n := len(c.DiffIDs)
	prefix := n <= len(ids) && slices.Equal(c.DiffIDs, ids[:min(n, len(ids))])
	exact := h.Digest != "" && (hash(c.Digest) == h.Digest || c.Index != nil && hash(*c.Index) == h.Digest)
	switch {
	case n == 0:
		h.Reason = "it has no layers"
	case prefix && n == len(ids):
		h.set(VerdictSame, SameLayers)
	case prefix:
		h.set(VerdictBase, SameLayers)
		h.Layers = n
	case h.Digest != "" && !exact:
		h.Reason = "the name means another image now"
		return
	default:
		h.set(VerdictWrong, "")
		h.Reason = "its layers are not our lowest ones"
		if h.Digest == "" {
			h.Reason += ", as the name is now"
		}
		return
	}
	if exact && prefix && n > 0 {
		h.Sure = SameDigest
	}
}

func (h *Hint) set(v Verdict, sure Certainty) { h.Verdict, h.Sure, h.Reason = v, sure, "" }

// Unchecked says why a hint could not be checked.
func (h *Hint) Unchecked(format string, args ...any) {
	h.Verdict, h.Sure, h.Reason = VerdictUnchecked, Likely, fmt.Sprintf(format, args...)
}

// digestsOf are the digests that hints give, those that are none left out.
func digestsOf(hints []Hint) []v1.Hash {
	var out []v1.Hash
	for _, h := range hints {
		if d, err := v1.NewHash(h.Digest); err == nil {
			out = append(out, d)
		}
	}
	return out
}
