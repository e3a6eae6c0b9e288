package policy

import (
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"go.yaml.in/yaml/v3"

	"github.com/layers/layers/diff/budget"
)

// checkPattern says what is wrong with a pattern of references.
func checkPattern(text string) error {
	p := budget.SplitReference(text)
	valid := strings.TrimSpace(p.Repository) != "" && !strings.HasSuffix(text, ":") && !strings.HasSuffix(text, "@")
	for _, part := range []string{p.Repository, p.Tag, p.Digest} {
		valid = valid && doublestar.ValidatePattern(part)
	}
	if !valid {
		return &wrong{show(text) + " is no pattern of references", "as in app, ghcr.io/acme/* or app:pr-*"}
	}
	return nil
}

// meet says whether there can be a reference that both patterns are for. It may say so
// of two that have wildcards where there is none.
func meet(a, b string) bool {
	x, y := budget.SplitReference(a), budget.SplitReference(b)
	return meetParts(x.Tag, y.Tag) && meetParts(x.Digest, y.Digest) && meetRepositories(x.Repository, y.Repository)
}

func meetParts(a, b string) bool {
	return a == "" || b == "" || budget.Matches(a, b) || budget.Matches(b, a) || isWild(a) && isWild(b)
}

func meetRepositories(a, b string) bool {
	if strings.Contains(a, "/") && !strings.Contains(b, "/") {
		a, b = b, a
	}
	if isWild(a) && isWild(b) {
		return true
	}
	if strings.Contains(a, "/") {
		return budget.SplitReference(a).Full() == budget.SplitReference(b).Full() || budget.Matches(a, b) || budget.Matches(b, a)
	}
	last := b[strings.LastIndexByte(b, '/')+1:]
	return meetParts(a, last) || isWild(b) && strings.Contains(last, "**")
}

func isWild(pattern string) bool { return strings.ContainsAny(pattern, `*?[{\`) }

// pattern is a pattern of a budget, and where it is.
type pattern struct {
	text string
	at   *yaml.Node
}

// reachable reports patterns for whose images an earlier budget is.
func (r *reader) reachable(before map[string]*yaml.Node, patterns []pattern) {
	for _, p := range patterns {
		for _, wide := range []string{p.text, "*", "**"} {
			if at := before[wide]; at != nil {
				r.add(p.at, "an image has the first budget that matches: put narrow ones first",
					"%s is never reached: %s on line %d takes its images", show(p.text), show(wide), at.Line)
				break
			}
		}
	}
}
