package policy

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/layers/layers/diff/budget"
)

// options says which kinds of rules have a key; a key that is not here any may have.
var options = map[string][]budget.Kind{
	"of":         {budget.Max, budget.Growth},
	"within":     {budget.Max, budget.Growth, budget.Forbid, budget.Require},
	"since":      {budget.Growth, budget.Rebuilt, budget.Fetch},
	"everywhere": {budget.Forbid},
}

func kindNames() []string {
	var out []string
	for _, k := range budget.Kinds {
		out = append(out, string(k))
	}
	return out
}

// rule is a rule that was read. What is not sound has a mistake.
type rule struct {
	budget.Rule
	sound bool
}

// rule reads one item of the rules; it is not ok if it is of no kind.
func (r *reader) rule(n *yaml.Node) (rule, bool) {
	before := len(r.mistakes)
	kinds := kindNames()
	f, ok := r.fields(n, "a rule", slices.Concat(kinds, []string{"of", "within", "since", "everywhere", "name", "level", "why"}))
	if !ok {
		return rule{}, false
	}
	var own fields
	for _, p := range f {
		if slices.Contains(kinds, p.key.Value) {
			own = append(own, p)
		}
	}
	if len(own) == 0 {
		if len(r.mistakes) == before {
			r.add(n, "a rule is one of "+strings.Join(kinds, ", "), "no rule is here")
		}
		return rule{}, false
	}
	for _, p := range own[1:] {
		r.add(p.key, "write - before the second", "two rules in one: %s, and %s on line %d", p.key.Value, own[0].key.Value, own[0].key.Line)
	}
	out := rule{Rule: budget.Rule{Kind: budget.Kind(own[0].key.Value), At: place(own[0].key), Level: budget.Fail}}
	r.belong(&out.Rule, f)
	r.say(&out.Rule, f)
	scoped := r.part(&out.Rule, f)
	r.demand(&out.Rule, own[0].value)
	if w := percent(&out.Rule, out.Limit); w != nil && scoped {
		r.right(own[0].value, own[0].key.Value, w)
	}
	out.sound = len(r.mistakes) == before
	return out, true
}

// belong reports keys that are of other kinds of rules.
func (r *reader) belong(rule *budget.Rule, f fields) {
	for _, p := range f {
		kinds, bound := options[p.key.Value]
		if !bound || slices.Contains(kinds, rule.Kind) {
			continue
		}
		var names []string
		for _, k := range kinds {
			names = append(names, string(k))
		}
		r.add(p.key, "it is of "+strings.Join(names, ", "), "%s has no %s", rule.Kind, p.key.Value)
	}
}

// say reads what any rule may have.
func (r *reader) say(rule *budget.Rule, f fields) {
	if p, ok := f.get("name"); ok {
		rule.Name, _ = r.text(p.value, "name")
	}
	if p, ok := f.get("why"); ok {
		rule.Why, _ = r.text(p.value, "why")
	}
	if p, ok := f.get("level"); ok {
		if s, ok := r.oneOf(p.value, "level", []string{string(budget.Fail), string(budget.Warn)}); ok {
			rule.Level = budget.Level(s)
		}
	}
}

// part reads of what a rule is, and fills in what it does not say. It says whether the
// scope is right.
func (r *reader) part(rule *budget.Rule, f fields) bool {
	before := len(r.mistakes)
	if p, ok := f.get("within"); ok && slices.Contains(options["within"], rule.Kind) {
		rule.Within = r.scope(p.value)
		if files := rule.Within.Path + rule.Within.Package; files != "" && (rule.Kind == budget.Forbid || rule.Kind == budget.Require) {
			r.add(p.value, "write own, or one of {layer: 3} and {step: RUN pip *}", "%s says by its own patterns which files it is about", rule.Kind)
		}
	}
	scoped := len(r.mistakes) == before
	filesOnly := rule.Within.Path != "" || rule.Within.Package != ""
	if slices.Contains(options["of"], rule.Kind) {
		rule.Of = usualMeasure(rule.Within)
		if p, ok := f.get("of"); ok {
			s, ok := r.oneOf(p.value, "of", []string{string(budget.Content), string(budget.Unpacked)})
			if ok && filesOnly && s == string(budget.Content) {
				r.add(p.value, "leave it out, or write unpacked", "files have no content size of their own: layers have")
			} else if ok {
				rule.Of = budget.Measure(s)
			}
		}
	}
	if slices.Contains(options["since"], rule.Kind) {
		rule.Since = budget.Baseline
		if p, ok := f.get("since"); ok {
			if s, ok := r.oneOf(p.value, "since", []string{string(budget.Baseline), string(budget.Anchor)}); ok {
				rule.Since = budget.Against(s)
			}
		}
	}
	if p, ok := f.get("everywhere"); ok && rule.Kind == budget.Forbid {
		rule.Everywhere = r.boolean(p.value, "everywhere")
	}
	return scoped
}

func usualMeasure(s budget.Scope) budget.Measure {
	if s.Path != "" || s.Package != "" {
		return budget.Unpacked
	}
	return budget.Content
}

// demand reads the value of the rule's own key.
func (r *reader) demand(rule *budget.Rule, n *yaml.Node) {
	what := string(rule.Kind)
	switch rule.Kind {
	case budget.Max, budget.Growth, budget.Reclaimable, budget.Fetch, budget.Duplicate:
		rule.Limit, _ = r.limit(n, what)
	case budget.Layers:
		rule.Count, _ = r.count(n, what, 1)
	case budget.Rebuilt:
		rule.Count, _ = r.count(n, what, 0)
	case budget.Forbid:
		r.forbid(rule, n)
	case budget.Require:
		rule.Paths = r.globs(n, what)
	case budget.Base:
		rule.BaseIs = r.base(n)
	case budget.User:
		rule.Users = r.users(n)
	case budget.Platforms:
		rule.Platforms = r.platforms(n)
	}
}

func (r *reader) forbid(rule *budget.Rule, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		rule.Paths = r.globs(n, "forbid")
		return
	}
	before := len(r.mistakes)
	f, _ := r.fields(n, "forbid", []string{"paths", "setuid", "secrets"})
	for _, p := range f {
		switch p.key.Value {
		case "paths":
			rule.Paths = r.globs(p.value, "paths")
		case "setuid":
			rule.Setuid = r.boolean(p.value, "setuid")
		case "secrets":
			rule.Secrets = r.boolean(p.value, "secrets")
		}
	}
	if len(r.mistakes) == before && len(rule.Paths) == 0 && !rule.Setuid && !rule.Secrets {
		r.add(n, "give paths, setuid: true or secrets: true", "this forbids nothing")
	}
}
