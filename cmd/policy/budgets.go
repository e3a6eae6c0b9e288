package policy

import (
	"slices"
	"strings"
	"text/template"
	"text/template/parse"

	"go.yaml.in/yaml/v3"

	"github.com/layers/layers/diff/budget"
)

const longestReference = 4096

const templateForm = "templates have {{.SHA}}, {{.Branch}} and {{.Env.NAME}}"

var budgetKeys = []string{"image", "match", "baseline", "anchor", "base", "on-missing", "platforms", "rules", "waivers"}

// budget reads what is under one name of the images, and its patterns with their places.
func (r *reader) budget(p pair, missing budget.OnMissing) (budget.Budget, []pattern) {
	b := budget.Budget{Name: p.key.Value, At: place(p.key), OnMissing: missing}
	f, ok := r.fields(p.value, "a budget", budgetKeys)
	if !ok {
		return b, nil
	}
	if len(p.value.Content) == 0 {
		r.add(p.value, "known are image, rules and others", "the budget %s says nothing", show(b.Name))
	}
	b.Image, b.Baseline, b.Anchor, b.Base = r.reference(f, "image"), r.reference(f, "baseline"), r.reference(f, "anchor"), r.reference(f, "base")
	if p, ok := f.get("on-missing"); ok {
		b.OnMissing = r.onMissing(p.value, missing)
	}
	if p, ok := f.get("platforms"); ok {
		b.Platforms = r.platforms(p.value)
	}
	patterns := r.match(p.key, f)
	for _, p := range patterns {
		b.Match = append(b.Match, p.text)
	}
	rules, whole := r.rules(f)
	for _, rule := range rules {
		b.Rules = append(b.Rules, rule.Rule)
	}
	_, anchored := f.get("anchor")
	r.judge(&b, rules, anchored)
	if p, ok := f.get("waivers"); ok {
		for _, n := range r.items(p.value, "waivers") {
			b.Waivers = append(b.Waivers, r.waiver(n, waivable{rules, whole}))
		}
	}
	return b, patterns
}

func (r *reader) match(name *yaml.Node, f fields) []pattern {
	p, ok := f.get("match")
	if !ok {
		if checkPattern(name.Value) != nil {
			r.add(name, "give it a match", "%s is no pattern of references", show(name.Value))
		}
		return []pattern{{name.Value, name}}
	}
	var out []pattern
	for _, n := range r.list(p.value, "match") {
		s, ok := r.text(n, "match")
		switch {
		case !ok || !r.right(n, "match", checkPattern(s)):
		case slices.ContainsFunc(out, func(o pattern) bool { return o.text == s }):
			r.add(n, "", "match: %s is here twice", show(s))
		default:
			out = append(out, pattern{s, n})
		}
	}
	return out
}

// items reads a list that must be one.
func (r *reader) items(n *yaml.Node, what string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		r.add(n, "write - before each", "%s is %s, not a list", what, typeOf(n))
		return nil
	}
	return r.list(n, what)
}

// rules reads those of a budget, and says whether they are all.
func (r *reader) rules(f fields) (out []rule, whole bool) {
	p, ok := f.get("rules")
	if !ok {
		return nil, true
	}
	items := r.items(p.value, "rules")
	for _, n := range items {
		if rule, ok := r.rule(n); ok {
			out = append(out, rule)
		}
	}
	return out, len(out) == len(items)
}

// reference reads a reference, which may be a template.
func (r *reader) reference(f fields, key string) string {
	p, ok := f.get(key)
	if !ok {
		return ""
	}
	s, ok := r.text(p.value, key)
	if !ok {
		return ""
	}
	if len(s) > longestReference {
		r.add(p.value, "", "%s is longer than any reference", key)
		return ""
	}
	t, err := template.New(key).Parse(s)
	if err != nil {
		what := strings.SplitN(err.Error(), ": ", 3) // template: NAME:LINE: what
		r.add(p.value, templateForm, "%s: %s is no template: %s", key, show(s), what[len(what)-1])
		return s
	}
	known := []string{"SHA", "Branch", "Env"}
	for _, name := range templateFields(t) {
		if !slices.Contains(known, name) {
			r.add(p.value, didYouMean(name, known, templateForm), "%s: a template has no %s", key, show(name))
		}
	}
	return s
}

// templateFields are the names that a template asks for, but for those in its loops and
// conditions.
func templateFields(t *template.Template) []string {
	var out []string
	if t.Tree == nil {
		return nil
	}
	for _, n := range t.Root.Nodes {
		action, ok := n.(*parse.ActionNode)
		if !ok {
			continue
		}
		for _, c := range action.Pipe.Cmds {
			for _, a := range c.Args {
				if field, ok := a.(*parse.FieldNode); ok {
					out = append(out, field.Ident[0])
				}
			}
		}
	}
	return out
}
