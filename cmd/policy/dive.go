package policy

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/layers/layers/cmd/report"
	"github.com/layers/layers/diff/budget"
)

// The rules of dive, by which ours are called, and what dive takes where its file does
// not say.
const (
	diveEfficiency = "lowestEfficiency"
	diveBytes      = "highestWastedBytes"
	diveUser       = "highestUserWastedPercent"
)

var diveDefaults = map[string]string{diveEfficiency: "0.9", diveBytes: "disabled", diveUser: "0.1"}

var diveRules = []string{diveEfficiency, diveBytes, diveUser}

// ParseDiveCI reads the CI file of dive, .dive-ci, into one budget for all images. Its
// rules become reclaimable ones, which are called as dive calls its own; those that the
// file does not have hold as in dive. Dive counts otherwise: the notes say what the
// translation misses, a sentence each. The error is an *Error.
func ParseDiveCI(file string, data []byte) (*budget.Policy, []string, error) {
	r := &reader{}
	d := &dive{reader: r, values: map[string]pair{}}
	if root := r.document(data); root != nil {
		d.read(root)
	}
	b := forAll()
	for _, name := range diveRules {
		if rule, ok := d.rule(name); ok {
			b.Rules = append(b.Rules, rule)
		}
	}
	if err := r.err(file); err != nil {
		return nil, nil, err
	}
	d.misses(b.Rules)
	return &budget.Policy{File: file, Budgets: []budget.Budget{b}}, d.notes, nil
}

type dive struct {
	*reader
	values map[string]pair
	notes  []string
}

func (d *dive) note(format string, args ...any) {
	d.notes = append(d.notes, fmt.Sprintf(format, args...))
}

// read finds the values of the rules. What else there is dive passes over in silence.
func (d *dive) read(root *yaml.Node) {
	pairs, _ := d.pairs(root, "the file")
	for _, p := range d.some(pairs) {
		if p.key.Value == "rules" {
			d.readRules(p.value)
		} else {
			d.note("%s on line %d: dive does not read it, and neither does this.", show(p.key.Value), p.key.Line)
		}
	}
}

func (d *dive) readRules(n *yaml.Node) {
	pairs, _ := d.pairs(n, "rules")
	for _, p := range d.some(pairs) {
		if slices.Contains(diveRules, p.key.Value) {
			d.values[p.key.Value] = p
			continue
		}
		hint := ""
		if near := closest(p.key.Value, diveRules); near != "" {
			hint = " Did you mean " + near + "?"
		}
		d.note("%s on line %d is no rule of dive, which passes over it.%s", show(p.key.Value), p.key.Line, hint)
	}
}

// rule translates one; it is not ok if dive does not check it.
func (d *dive) rule(name string) (budget.Rule, bool) {
	p, ok := d.values[name]
	if usual := diveDefaults[name]; !ok {
		p = pair{&yaml.Node{}, &yaml.Node{Kind: yaml.ScalarNode, Value: usual}}
		if usual != "disabled" {
			d.note("The file does not say %s: dive takes %s, and so does this.", name, usual)
		}
	}
	n := p.value
	if n.Kind != yaml.ScalarNode {
		d.add(n, "", "%s is %s", name, typeOf(n))
		return budget.Rule{}, false
	}
	switch strings.ToLower(strings.TrimSpace(n.Value)) {
	case "", "disabled", "off", "false":
		return budget.Rule{}, false
	}
	rule := budget.Rule{Kind: budget.Reclaimable, Name: name, At: place(p.key), Level: budget.Fail}
	if name == diveBytes {
		rule.Limit.Bytes = d.bytes(n)
		return rule, true
	}
	rule.Limit.Percent = d.ratio(n, name, name == diveEfficiency)
	return rule, true
}

// bytes reads a size as dive does, which takes a number without a unit for bytes.
func (d *dive) bytes(n *yaml.Node) *int64 {
	b, err := report.ParseBytes(n.Value)
	if err != nil || b < 0 {
		d.add(n, "dive has sizes such as 20MB", "%s is %s", diveBytes, show(n.Value))
	}
	return &b
}

// ratio reads a number from 0 to 1, or what is left of it to 1, in percent.
func (d *dive) ratio(n *yaml.Node, name string, rest bool) *float64 {
	f, err := strconv.ParseFloat(n.Value, 64)
	if err != nil || !(f >= 0 && f <= 1) {
		d.add(n, "dive has numbers from 0 to 1, as 0.95", "%s is %s", name, show(n.Value))
		return nil
	}
	if rest {
		f = 1 - f
	}
	const digits = 1e8 // which leaves nothing of 1-0.95 not being 0.05
	percent := math.Round(f*100*digits) / digits
	return &percent
}

// misses says how dive counts where that is not how reclaimable bytes are counted.
func (d *dive) misses(rules []budget.Rule) {
	for _, r := range rules {
		switch r.Name {
		case diveEfficiency:
			d.note("%s is translated to reclaimable: %v%%. Dive's efficiency counts of every path that several layers have all copies but the smallest, and all copies of one that a later layer deletes; reclaimable counts the copies that no container sees, so that a file that grew from layer to layer counts less here.", r.Name, *r.Limit.Percent)
		case diveBytes:
			d.note("%s is translated to reclaimable: %dB. Dive's wasted bytes are all copies of every path that several layers have, the one that a container sees included; reclaimable leaves that one out, so that the same limit allows more here.", r.Name, *r.Limit.Bytes)
		case diveUser:
			d.note("%s is translated to reclaimable: %v%%. Dive's part is all wasted bytes, those of the first layer included, of the bytes in the layers above the first; here it is reclaimable bytes of those in all layers, so that the same limit allows more here. An image of one layer passes in both.", r.Name, *r.Limit.Percent)
		}
	}
	if len(rules) > 0 {
		d.note("Dive does not count files in a directory that a layer deletes as a whole, or makes opaque; reclaimable does, so that an image may fail here that passed there.")
	}
}
