// Package policy reads what a team allows from what people write: .layers.yaml, the CI
// file of dive, and flags. All of it becomes a budget.Policy.
//
// It opens no files and knows no clock. What is wrong in a file is told all at once, each
// mistake with its place; see Error.
package policy

import (
	_ "embed"

	"go.yaml.in/yaml/v3"

	"github.com/layers/layers/diff/budget"
)

// Schema is the JSON Schema of .layers.yaml, for editors. What it refuses, Parse refuses,
// too, with better words; Parse sees more.
//
//go:embed schema.json
var Schema []byte

// version is the form of the file that is read.
const version = "1"

// Parse reads a .layers.yaml. The file's name is for messages and for Policy.File. What
// the file leaves out is filled in: a rule's level, since and of, a budget's match and
// on-missing. The error is an *Error.
func Parse(file string, data []byte) (*budget.Policy, error) {
	r := &reader{}
	p := &budget.Policy{File: file}
	if root := r.document(data); root != nil {
		p.Budgets = r.policy(root)
	}
	if err := r.err(file); err != nil {
		return nil, err
	}
	return p, nil
}

func (r *reader) policy(root *yaml.Node) []budget.Budget {
	f, ok := r.fields(root, "the file", []string{"version", "on-missing", "images"})
	if !ok {
		return nil
	}
	r.version(root, f)
	missing := budget.MissingFails
	if p, ok := f.get("on-missing"); ok {
		missing = r.onMissing(p.value, missing)
	}
	images, ok := f.get("images")
	if !ok {
		if !f.has(root, "images") {
			r.add(root, "images has a budget for each image, under a name of your choice", "images is missing: nothing would be checked")
		}
		return nil
	}
	pairs, ok := r.pairs(images.value, "images")
	if ok && len(images.value.Content) == 0 {
		r.add(images.value, "", "there are no images: nothing would be checked")
	}
	var out []budget.Budget
	before := map[string]*yaml.Node{}
	for _, p := range r.some(pairs) {
		b, patterns := r.budget(p, missing)
		r.reachable(before, patterns)
		for _, p := range patterns {
			if before[p.text] == nil {
				before[p.text] = p.at
			}
		}
		out = append(out, b)
	}
	return out
}

func (r *reader) version(root *yaml.Node, f fields) {
	p, ok := f.get("version")
	switch {
	case !ok && f.has(root, "version"):
	case !ok:
		r.add(root, "begin it with: version: "+version, "version is missing: this program reads version %s", version)
	case p.value.Kind != yaml.ScalarNode:
		r.add(p.value, "", "version is %s: this program reads version %s", typeOf(p.value), version)
	case p.value.Value != version:
		r.add(p.value, "", "version is %s: this program reads version %s", show(p.value.Value), version)
	case p.value.ShortTag() != "!!int":
		r.add(p.value, "write it without quotes", "version is text, not the number %s", version)
	}
}

func (r *reader) onMissing(n *yaml.Node, usual budget.OnMissing) budget.OnMissing {
	known := []string{string(budget.MissingFails), string(budget.MissingWarns), string(budget.MissingPass)}
	if s, ok := r.oneOf(n, "on-missing", known); ok {
		return budget.OnMissing(s)
	}
	return usual
}
