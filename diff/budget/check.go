package budget

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/layers/layers/diff"
)

// Question is an image that is to be checked, for one platform.
type Question struct {
	Budget   *Budget
	Image    *Image
	Baseline Counterpart
	Anchor   Counterpart
	// Available are the platforms that the image is there for.
	Available []string
}

// Counterpart is what an image is compared with. The zero value is nothing, because
// nothing was asked for.
type Counterpart struct {
	Name    string
	Image   *Image
	Missing string // why there is no Image, though there should be one
}

// Checker checks images, and holds what came of it. It is for one goroutine.
type Checker struct {
	now     time.Time
	report  Report
	waivers []*waiver // of the budgets that were used, each once
	budgets map[*Budget][]*waiver
}

// New returns a Checker for a policy. Usual says that the policy is what holds where
// nobody has said anything; now is what waivers and ages are counted to.
func New(p *Policy, usual bool, now time.Time) *Checker {
	return &Checker{
		now: now, budgets: map[*Budget][]*waiver{},
		report: Report{Version: ReportVersion, Policy: p.File, Default: usual, Images: []ImageReport{}},
	}
}

// Check checks an image. Its errors are those of reading what a rule is about, and of the
// context: nothing is known of the image then.
func (c *Checker) Check(ctx context.Context, q Question) error {
	k := &checking{Question: q, now: c.now, waivers: c.waiversOf(q.Budget)}
	r := ImageReport{
		Budget: q.Budget.Name, Name: q.Image.Name, Digest: q.Image.Digest.String(), Platform: q.Image.Platform,
		Baseline: q.Baseline.other(), Anchor: q.Anchor.other(), Layers: len(q.Image.Layers), Outcome: Passed,
	}
	r.Content = k.contentAmount()
	if q.Baseline.Image != nil {
		r.Shared = len(q.Image.Layers) - len(q.Image.unshared(q.Baseline.Image))
	}
	for i := range q.Budget.Rules {
		result, err := k.rule(ctx, &q.Budget.Rules[i])
		if err != nil {
			return err
		}
		r.Results = append(r.Results, result)
		r.Outcome = worse(r.Outcome, result.Outcome)
	}
	slices.SortStableFunc(r.Results, func(a, b Result) int { return cmp.Compare(a.Outcome.rank(), b.Outcome.rank()) })
	c.report.Images = append(c.report.Images, r)
	return nil
}

// Missing notes that an image is not there for a platform that its baseline has, or that
// is to be checked, and what that is: Failed or Warned.
func (c *Checker) Missing(b *Budget, name, platform string, outcome Outcome, why string) {
	c.waiversOf(b)
	c.report.Images = append(c.report.Images, ImageReport{
		Outcome: outcome, Budget: b.Name, Name: name, Platform: platform,
		Results: []Result{{Rule: string(Platforms), Kind: Platforms, Outcome: outcome, Why: why}},
	})
}

// Broken reports whether a rule is broken by an image, and not only because what it is
// compared with is missing.
func (c *Checker) Broken() bool {
	for _, i := range c.report.Images {
		for _, r := range i.Results {
			if r.Outcome == Failed && !r.Lacking {
				return true
			}
		}
	}
	return false
}

// Report is what came of all checks.
func (c *Checker) Report() *Report {
	r := c.report
	r.Outcome = Passed
	for i := range r.Images {
		r.Outcome = worse(r.Outcome, r.Images[i].Outcome)
	}
	for _, w := range c.waivers {
		r.Waivers = append(r.Waivers, w.report())
	}
	return &r
}

func (p *Counterpart) other() *Other {
	switch {
	case p.Image != nil:
		return &Other{Name: p.Image.Name, Digest: digest(p.Image), How: p.Image.How}
	case p.Missing != "":
		return &Other{Name: p.Name, Missing: p.Missing}
	}
	return nil
}

func digest(i *Image) string {
	if i.Digest.Hex == "" {
		return ""
	}
	return i.Digest.String()
}

// rank orders outcomes, the worst first.
func (o Outcome) rank() int {
	return slices.Index([]Outcome{Failed, Warned, Waived, Unknown, Passed}, o)
}

// worse is what an image is of which a rule came out so: what was waived, or could not be
// checked, is no reason to fail.
func worse(a, b Outcome) Outcome {
	if b == Waived || b == Unknown {
		b = Passed
	}
	if b.rank() < a.rank() {
		return b
	}
	return a
}

// checking is the check of one image.
type checking struct {
	Question
	now     time.Time
	waivers []*waiver
}

func (k *checking) contentAmount() (a diff.Amount) {
	a.New = sum(k.Image.content())
	if old := k.Baseline.Image; old != nil {
		a.Old = sum(old.content())
		a.Change = a.New - a.Old
	}
	return a
}

func sum(list []int64) (all int64) {
	for _, n := range list {
		all = plus(all, n)
	}
	return all
}

// errUnreadable says that a rule needs what a saved baseline does not hold.
var errUnreadable = errors.New("what its layers hold is not in the saved baseline")

// rule checks one rule.
func (k *checking) rule(ctx context.Context, r *Rule) (Result, error) {
	out := Result{Rule: r.Called(), Kind: r.Kind, At: r.At, Outcome: Passed, Scope: r.Within.String(), Since: r.Since, Allowed: r.allowed()}
	err := rules[r.Kind](ctx, k, r, &out)
	if errors.Is(err, errUnreadable) {
		out.Outcome, out.Why = Unknown, err.Error()
		return out, nil
	}
	if err != nil {
		return out, err
	}
	if !out.Lacking { // nobody has allowed what nobody has measured
		k.waive(r, &out)
	}
	if out.Outcome == Failed {
		out.Note = r.Why
		if r.Level == Warn {
			out.Outcome = Warned
		}
	}
	return out, nil
}

// rules check a rule of each kind. What they leave Passed holds.
var rules = map[Kind]func(context.Context, *checking, *Rule, *Result) error{
	Max: checkMax, Growth: checkGrowth, Layers: checkLayers, Reclaimable: checkReclaimable,
	Forbid: checkForbid, Require: checkRequire, Base: checkBase, Rebuilt: checkRebuilt,
	Fetch: checkFetch, Duplicate: checkDuplicate, User: checkUser, Platforms: checkPlatforms,
}
