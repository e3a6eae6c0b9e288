package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/layers/layers/diff/budget"
)

// judge reports rules that contradict each other, or the budget that they are in.
func (r *reader) judge(b *budget.Budget, rules []rule, anchored bool) {
	for i := range rules {
		one := &rules[i]
		if one.Since == budget.Anchor && !anchored {
			r.at(one.At, "give the budget an anchor", "%s is since the anchor, and there is none", one.Called())
		}
		for _, p := range one.Platforms {
			if len(b.Platforms) > 0 && !slices.ContainsFunc(b.Platforms, func(o string) bool { return samePlatform(o, p) }) {
				r.at(one.At, "add it there, or take it away here", "%s is demanded, and the budget's platforms are %s", p, strings.Join(b.Platforms, ", "))
			}
		}
		r.named(one, rules[:i])
		for j := range i {
			if one.sound && rules[j].sound && r.mayCompare(one.At) && r.contradiction(&rules[j].Rule, &one.Rule) {
				break
			}
		}
	}
}

// mayCompare counts what is compared with each other, and refuses a file with more than
// that takes a second.
func (r *reader) mayCompare(at budget.Position) bool {
	const most = 1_000_000
	if r.compared++; r.compared == most {
		r.at(at, "", "the file has more rules and patterns than can be compared with each other")
	}
	return r.compared < most
}

// named reports names that say of two rules which one is meant.
func (r *reader) named(one *rule, before []rule) {
	if one.Name == "" {
		return
	}
	if kind := budget.Kind(one.Name); kind != one.Kind && slices.Contains(budget.Kinds, kind) {
		r.at(one.At, "", "a rule of %s is called as the rules of %s are", one.Kind, kind)
	}
	for i := range before {
		if before[i].Name == one.Name {
			r.at(one.At, "", "the name %s is taken on line %d", show(one.Name), before[i].At.Line)
			return
		}
	}
}

// contradiction reports what is wrong about a rule and one that stands before it, and says
// whether it found something.
func (r *reader) contradiction(first, second *budget.Rule) bool {
	before, line := len(r.mistakes), first.At.Line
	pair := [2]budget.Kind{first.Kind, second.Kind}
	switch {
	case pair == [2]budget.Kind{budget.Forbid, budget.Require}:
		r.forbidden(first, second, second.At, line)
	case pair == [2]budget.Kind{budget.Require, budget.Forbid}:
		r.forbidden(second, first, second.At, line)
	case first.Kind != second.Kind:
	case first.Kind == budget.Base && apart(first.BaseIs.Is, second.BaseIs.Is):
		r.at(second.At, "write one rule with a list: is: [one, other]", "no image is built on both this and what line %d demands", line)
	case first.Kind == budget.User && strangers(first.Users, second.Users):
		r.at(second.At, "write one rule with a list", "no image runs as both this and what line %d demands", line)
	case second.Within != first.Within || second.Of != first.Of || second.Since != first.Since:
	case idle(second, first):
		r.at(second.At, "take one of them away", "this never decides: what breaks it breaks %s on line %d", first.Called(), line)
	case idle(first, second):
		r.at(second.At, "take one of them away", "with this %s on line %d never decides: what breaks that breaks this", first.Called(), line)
	}
	return len(r.mistakes) > before
}

// idle says whether a rule is broken only where another one is that is as severe.
func idle(rule, other *budget.Rule) bool {
	if rule.Level == budget.Fail && other.Level == budget.Warn {
		return false
	}
	switch rule.Kind {
	case budget.Max, budget.Growth, budget.Reclaimable, budget.Fetch, budget.Duplicate:
		return implies(rule.Limit, other.Limit)
	case budget.Layers, budget.Rebuilt:
		return rule.Count >= other.Count
	}
	return false
}

// forbidden reports patterns of a rule that demands what another one forbids.
func (r *reader) forbidden(forbid, require *budget.Rule, at budget.Position, line int) {
	if forbid.Within != (budget.Scope{}) && forbid.Within != require.Within {
		return
	}
	for _, path := range require.Paths {
		for _, glob := range forbid.Paths {
			if r.mayCompare(at) && forbids(glob, path) {
				r.at(at, "", "%s", fmt.Sprintf("%s is required and forbidden, by %s: see line %d", show(path), show(glob), line))
				break
			}
		}
	}
}

// apart says whether no base is of both lists.
func apart(a, b []string) bool {
	for _, x := range a {
		if slices.ContainsFunc(b, func(y string) bool { return meet(x, y) }) {
			return false
		}
	}
	return len(a) > 0 && len(b) > 0
}

// strangers says whether no user is of both lists, as far as names and numbers tell: who
// has a number has a name, too.
func strangers(a, b []string) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a)+len(b) > 0 && !slices.ContainsFunc(slices.Concat(a, b), func(u string) bool { return !isRoot(u) })
	}
	numbers := 0
	for _, u := range slices.Concat(a, b) {
		if isNumber(u) {
			numbers++
		}
	}
	if numbers != 0 && numbers != len(a)+len(b) {
		return false
	}
	return !slices.ContainsFunc(a, func(u string) bool { return slices.Contains(b, u) })
}

func isRoot(user string) bool { return user == "root" || user == "0" }

func isNumber(user string) bool { return strings.Trim(user, "0123456789") == "" }
