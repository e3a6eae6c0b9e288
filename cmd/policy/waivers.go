package policy

import (
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/layers/layers/diff/budget"
)

// waivable are the rules of a budget that were read, and whether they are all.
type waivable struct {
	rules []rule
	whole bool
}

// all are the rules, which are the usual ones for a budget that has none of its own.
func (w waivable) all() []rule {
	if len(w.rules) > 0 || !w.whole {
		return w.rules
	}
	var out []rule
	for _, usual := range Default().Budgets[0].Rules {
		out = append(out, rule{usual, true})
	}
	return out
}

// waiver reads what lets one of the rules be broken.
func (r *reader) waiver(n *yaml.Node, rules waivable) budget.Waiver {
	w := budget.Waiver{At: place(n)}
	f, ok := r.fields(n, "a waiver", []string{"rule", "path", "allow", "until", "reason", "owner"})
	if !ok {
		return w
	}
	for _, key := range []string{"rule", "until", "reason", "owner"} {
		if !f.has(n, key) {
			r.add(n, "", "a waiver without %s", key)
		}
	}
	var of []rule
	for _, p := range f {
		switch p.key.Value {
		case "rule":
			w.Rule, of = r.waived(p.value, rules)
		case "until":
			w.Until = r.until(p.value)
		case "reason":
			w.Reason, _ = r.text(p.value, "reason")
		case "owner":
			w.Owner, _ = r.text(p.value, "owner")
		}
	}
	if p, ok := f.get("path"); ok {
		w.Path, _ = r.glob(p.value, "path")
		if len(of) > 0 && !slices.ContainsFunc(of, func(o rule) bool { return slices.Contains(options["within"], o.Kind) }) {
			r.add(p.key, "", "the rule %s has no paths", show(w.Rule))
		}
	}
	if p, ok := f.get("allow"); ok {
		w.Limit = r.allow(p, w.Rule, of)
	}
	return w
}

// waived reads the name of a rule, or a kind, and finds the rules that are called so.
func (r *reader) waived(n *yaml.Node, rules waivable) (string, []rule) {
	name, ok := r.text(n, "rule")
	if !ok {
		return "", nil
	}
	var of []rule
	var known []string
	for _, rule := range rules.all() {
		if rule.Called() == name || string(rule.Kind) == name {
			of = append(of, rule)
		}
		known = append(known, rule.Called(), string(rule.Kind))
	}
	if len(of) == 0 && rules.whole {
		r.add(n, didYouMean(name, known, "write the name or the kind of a rule"), "the budget has no rule %s", show(name))
	}
	return name, of
}

// until reads a day: a waiver holds to the end of it, UTC.
func (r *reader) until(n *yaml.Node) time.Time {
	day, err := time.Parse(time.DateOnly, n.Value)
	if n.Kind != yaml.ScalarNode || !r.plain(n, "until") || err != nil {
		r.add(n, "write a day, as in 2026-12-31", "until is %s", shown(n))
		return time.Time{}
	}
	return day.AddDate(0, 0, 1).Add(-time.Nanosecond)
}

func (r *reader) allow(p pair, name string, of []rule) *budget.Limit {
	l, ok := r.limit(p.value, "allow")
	if !ok {
		return nil
	}
	limited := len(of) == 0
	for i := range of {
		switch of[i].Kind {
		case budget.Max, budget.Growth, budget.Reclaimable, budget.Fetch, budget.Duplicate:
			limited = true
			if w := percent(&of[i].Rule, l); w != nil {
				r.right(p.value, "allow", w)
				return nil
			}
		}
	}
	if !limited {
		r.add(p.key, "leave it out", "the rule %s has no limit in bytes or percent", show(name))
	}
	return &l
}
