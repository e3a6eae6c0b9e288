package budget

import (
	"fmt"
	"strings"
)

// ExplainVersion is the version of ExplainReport.
const ExplainVersion = "layers.check-explain/v1"

// ExplainReport says which rules are for which images, and why.
type ExplainReport struct {
	Version string      `json:"version"`
	Policy  string      `json:"policy,omitempty"`
	Default bool        `json:"default,omitempty"`
	Images  []Explained `json:"images"`
}

// Explained is the rules for one image.
type Explained struct {
	Image     string          `json:"image"`
	Budget    string          `json:"budget,omitempty"`
	At        Position        `json:"at,omitzero"`
	Why       string          `json:"why,omitempty"` // the pattern by which the budget is for it
	Baseline  string          `json:"baseline,omitempty"`
	Anchor    string          `json:"anchor,omitempty"`
	OnMissing OnMissing       `json:"onMissing"`
	Rules     []ExplainedRule `json:"rules"`
	Waivers   []WaiverReport  `json:"waivers,omitempty"`
}

// ExplainedRule is one rule, and what must be known to check it.
type ExplainedRule struct {
	Rule    string   `json:"rule"`
	Kind    Kind     `json:"kind"`
	At      Position `json:"at,omitzero"`
	Level   Level    `json:"level"`
	Scope   string   `json:"scope,omitempty"`
	Of      Measure  `json:"of,omitempty"`
	Since   Against  `json:"since,omitempty"`
	Allowed *Allowed `json:"allowed,omitempty"`
	Needs   Need     `json:"needs"`
}

// Need is what must be known of an image to check a rule.
type Need string

// The needs, the cheapest first.
const (
	NeedManifest Need = "the manifest and the config"
	NeedUnshared Need = "the layers that the baseline has not"
	NeedAll      Need = "every layer"
)

// Explain says what a budget demands of an image; compared says that there is a baseline.
func (b *Budget) Explain(image, why string, compared bool) Explained {
	e := Explained{Image: image, Budget: b.Name, At: b.At, Why: why, OnMissing: b.OnMissing, Rules: []ExplainedRule{}}
	if e.OnMissing == "" {
		e.OnMissing = MissingFails
	}
	for i := range b.Rules {
		e.Rules = append(e.Rules, b.Rules[i].explain(compared))
	}
	for i := range b.Waivers {
		w := waiver{Waiver: &b.Waivers[i], budget: b.Name, state: WaiverUnused}
		e.Waivers = append(e.Waivers, w.report())
	}
	return e
}

func (r *Rule) explain(compared bool) ExplainedRule {
	e := ExplainedRule{Rule: r.Called(), Kind: r.Kind, At: r.At, Level: r.Level, Scope: r.Within.String(), Needs: r.needs(compared), Allowed: r.allowed()}
	if e.Level == "" {
		e.Level = Fail
	}
	switch r.Kind {
	case Max:
		e.Of = measureOf(r)
	case Growth:
		e.Of, e.Since = measureOf(r), r.Since
	case Fetch:
		e.Of, e.Since = Content, r.Since
	case Rebuilt:
		e.Since = r.Since
	case Reclaimable, Duplicate:
		e.Of = Unpacked
	}
	if e.Since == "" && (r.Kind == Growth || r.Kind == Fetch || r.Kind == Rebuilt) {
		e.Since = Baseline
	}
	return e
}

// needs is what must be known if the rule holds; to say why one is broken can take more,
// but never a layer that the baseline has.
func (r *Rule) needs(compared bool) Need {
	unshared := NeedAll
	if compared {
		unshared = NeedUnshared
	}
	switch r.Kind {
	case Reclaimable, Require, Duplicate:
		return NeedAll
	case Forbid:
		if r.Everywhere {
			return NeedAll
		}
		return unshared
	case Rebuilt:
		return unshared
	case Max, Growth:
		switch {
		case r.Within.files(), measureOf(r) == Unpacked && (r.Kind == Max || r.Within != (Scope{})):
			return NeedAll
		case measureOf(r) == Unpacked:
			return unshared
		}
	}
	return NeedManifest
}

// Text says what is demanded in one line; bytes writes a size in some units.
func (e *ExplainedRule) Text(units string, bytes func(int64, string) string) string {
	var words []string
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	if e.Level == Warn {
		add("(warns)")
	}
	if limit := e.Allowed.text(units, bytes); limit != "" {
		add("at most %s", limit)
	}
	if e.Of != "" {
		add("of %s bytes", e.Of)
	}
	if e.Scope != "" {
		add("within %s", e.Scope)
	}
	if e.Since != "" {
		add("since the %s", e.Since)
	}
	if len(e.Allowed.Values) > 0 {
		add("%s", strings.Join(e.Allowed.Values, ", "))
	}
	return strings.Join(words, " ")
}

func (a *Allowed) text(units string, bytes func(int64, string) string) string {
	var parts []string
	if a.Count != nil {
		parts = append(parts, fmt.Sprint(*a.Count))
	}
	if a.Bytes != nil {
		parts = append(parts, bytes(*a.Bytes, units))
	}
	if a.Percent != nil {
		parts = append(parts, fmt.Sprintf("%g %%", *a.Percent))
	}
	word := " and "
	if a.Either {
		word = " or "
	}
	return strings.Join(parts, word)
}

// ShortName is the last name of a reference's repository.
func ShortName(reference string) string {
	repository := SplitReference(reference).Repository
	return repository[strings.LastIndexByte(repository, '/')+1:]
}
