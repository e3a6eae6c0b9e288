package policy

import (
	"errors"
	"fmt"

	"github.com/layers/layers/diff/budget"
)

// Flags are rules as flags have them: each value is one rule, but for Forbid, whose
// values are patterns of one rule.
type Flags struct {
	Max, Growth, Reclaimable []string // limits; see ParseLimit
	Forbid                   []string // patterns of paths; see ParseGlob
}

// FromFlags is a policy of one budget, for all images. The error names every flag that is
// wrong.
func FromFlags(f Flags) (*budget.Policy, error) {
	var errs []error
	b := forAll()
	for _, limits := range []struct {
		kind  budget.Kind
		texts []string
	}{{budget.Max, f.Max}, {budget.Growth, f.Growth}, {budget.Reclaimable, f.Reclaimable}} {
		for _, text := range limits.texts {
			r, err := limitRule(limits.kind, text)
			if err != nil {
				errs = append(errs, fmt.Errorf("--%s: %w", limits.kind, err))
			}
			b.Rules = append(b.Rules, r)
		}
	}
	forbid := budget.Rule{Kind: budget.Forbid, Level: budget.Fail}
	for _, text := range f.Forbid {
		glob, err := ParseGlob(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("--forbid: %w", err))
		}
		forbid.Paths = append(forbid.Paths, glob)
	}
	if len(forbid.Paths) > 0 {
		b.Rules = append(b.Rules, forbid)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return &budget.Policy{Budgets: []budget.Budget{b}}, nil
}

func limitRule(kind budget.Kind, text string) (budget.Rule, error) {
	r := budget.Rule{Kind: kind, Level: budget.Fail}
	switch kind {
	case budget.Growth:
		r.Of, r.Since = budget.Content, budget.Baseline
	case budget.Max:
		r.Of = budget.Content
	}
	var err error
	if r.Limit, err = ParseLimit(text); err != nil {
		return r, err
	}
	if w := percent(&r, r.Limit); w != nil {
		return r, w
	}
	return r, nil
}

// forAll is a budget without rules, for all images.
func forAll() budget.Budget {
	return budget.Budget{Match: []string{"**"}, OnMissing: budget.MissingFails}
}

// Default is the policy where there is no rule anywhere: an image fails that grows by
// more than 1 MB and 1 % of its content, and so do directories of version control and
// private keys that it brings.
func Default() *budget.Policy {
	bytes, part := int64(1_000_000), 1.0
	b := forAll()
	b.Rules = []budget.Rule{
		{
			Kind: budget.Growth, Level: budget.Fail, Of: budget.Content, Since: budget.Baseline,
			Limit: budget.Limit{Bytes: &bytes, Percent: &part},
		},
		{Kind: budget.Forbid, Name: "version-control", Level: budget.Fail, Paths: versionControl()},
		{Kind: budget.Forbid, Name: "private-keys", Level: budget.Fail, Paths: privateKeys(), Secrets: true},
	}
	return &budget.Policy{Budgets: []budget.Budget{b}}
}

// versionControl are patterns of what version control leaves beside the files. CVS is a
// word that other things are called, so what is in its directories is looked for.
func versionControl() []string {
	return []string{"**/.git", "**/.hg", "**/.svn", "**/.bzr", "**/.jj", "**/_darcs", "**/CVS/Entries", "**/CVS/Root"}
}

// privateKeys are the names that ssh-keygen gives to private keys.
func privateKeys() []string {
	return []string{"**/id_rsa", "**/id_dsa", "**/id_ecdsa", "**/id_ecdsa_sk", "**/id_ed25519", "**/id_ed25519_sk"}
}
