package budget

import (
	"slices"
	"strings"
	"time"
)

// waiver is a waiver, and what became of it up to now.
type waiver struct {
	*Waiver
	budget string
	state  WaiverState
	match  *matcher // of paths; nil is all
}

func (c *Checker) waiversOf(b *Budget) []*waiver {
	if known, ok := c.budgets[b]; ok {
		return known
	}
	list := []*waiver{}
	for i := range b.Waivers {
		w := &waiver{Waiver: &b.Waivers[i], budget: b.Name, state: WaiverUnused}
		if w.Path != "" {
			w.match = newMatcher([]string{w.Path})
		}
		list = append(list, w)
	}
	c.budgets[b] = list
	c.waivers = append(c.waivers, list...)
	return list
}

func (w *waiver) report() WaiverReport {
	r := WaiverReport{
		State: w.state, Budget: w.budget, Rule: w.Rule, Path: w.Path, At: w.At, From: w.From, Reason: w.Reason, Owner: w.Owner,
	}
	if !w.Until.IsZero() {
		r.Until = &w.Until
	}
	return r
}

// expired reports whether the last moment of a waiver is over.
func (w *waiver) expired(now time.Time) bool { return !w.Until.IsZero() && now.After(w.Until) }

// came notes what became of a waiver: of several things the first of these.
func (w *waiver) came(state WaiverState) {
	order := []WaiverState{WaiverUsed, WaiverSmall, WaiverExpired, WaiverUnused}
	if slices.Index(order, state) < slices.Index(order, w.state) {
		w.state = state
	}
}

// waive lets a broken rule be, where a waiver says so.
func (k *checking) waive(r *Rule, out *Result) {
	for _, w := range k.waivers {
		if out.Outcome != Failed || w.Rule != r.Name && w.Rule != string(r.Kind) {
			continue
		}
		left := out.Matches
		if w.match != nil {
			left = slices.DeleteFunc(slices.Clone(left), func(m Match) bool { return m.Named != nil && w.match.takes(m.Path) })
			if len(left) == len(out.Matches) {
				continue // nothing that it is for
			}
		}
		switch {
		case w.expired(k.now):
			w.came(WaiverExpired)
			out.Waiver = "the waiver of " + w.Owner + " ended on " + w.Until.Format(time.DateOnly)
		case w.Limit != nil && w.Limit.exceeded(out.Measured, out.Whole):
			w.came(WaiverSmall)
			out.Waiver = "the waiver does not go so far"
		case w.match != nil && (len(left) > 0 || out.Matched > len(out.Matches)):
			w.came(WaiverUsed)
			out.Matched -= len(out.Matches) - len(left)
			out.Measured, out.Matches = int64(out.Matched), left
		default:
			w.came(WaiverUsed)
			out.Outcome, out.Waiver = Waived, w.text()
		}
	}
}

// text says why a rule is waived.
func (w *waiver) text() string {
	parts := []string{w.Reason}
	if w.Owner != "" {
		parts = append(parts, w.Owner)
	}
	if !w.Until.IsZero() {
		parts = append(parts, "until "+w.Until.Format(time.DateOnly))
	}
	if w.From != "" {
		parts = append(parts, w.From)
	}
	return strings.Join(parts, ", ")
}
