package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/layers/layers/cache/source"
	"github.com/layers/layers/cmd/policy"
	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/diff/budget"
)

// The files that rules are read from, where none is named.
const (
	policyFile = ".layers.yaml"
	diveFile   = ".dive-ci"
)

// checkPolicy is what is allowed, and where it is from.
type checkPolicy struct {
	*budget.Policy
	usual bool // nobody has said anything
	read  bool // a file was read
}

// checkPolicy reads the rules: of a file, and of flags, which add to those; else the usual
// ones.
func (p *program) checkPolicy(f checkFlags) (*checkPolicy, error) {
	found, err := p.policyOfFile(f.config)
	if err != nil {
		return nil, err
	}
	added, err := policy.FromFlags(f.rules)
	if err != nil {
		return nil, &usageError{text: err.Error(), hint: "layers check --help"}
	}
	rules := added.Budgets[0].Rules
	c := &checkPolicy{Policy: found, read: found != nil}
	switch {
	case found == nil && len(rules) > 0:
		c.Policy = added
	case found == nil:
		c.Policy, c.usual = policy.Default(), true
	default:
		for i := range found.Budgets {
			b := &found.Budgets[i]
			if b.Rules = append(b.Rules, rules...); len(b.Rules) == 0 {
				b.Rules = policy.Default().Budgets[0].Rules
			}
		}
	}
	for i := range c.Budgets {
		if b := &c.Budgets[i]; f.onMissing != "" {
			b.OnMissing = budget.OnMissing(f.onMissing)
		}
	}
	return c, nil
}

// policyOfFile reads a file of rules; nil if none is named and there is none.
func (p *program) policyOfFile(name string) (*budget.Policy, error) {
	if name != "" {
		return p.readPolicy(name)
	}
	for _, usual := range []string{policyFile, diveFile} {
		found, err := p.readPolicy(usual)
		if !errors.Is(err, fs.ErrNotExist) {
			return found, err
		}
	}
	return nil, nil
}

func (p *program) readPolicy(name string) (*budget.Policy, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &fileError{name: name, err: err, hint: "layers check --init IMAGE writes one"}
	}
	if err != nil {
		return nil, &fileError{name: name, err: err}
	}
	if filepath.Base(name) != diveFile {
		return policy.Parse(name, data)
	}
	found, missed, err := policy.ParseDiveCI(name, data)
	for _, what := range missed {
		p.warn(what)
	}
	return found, err
}

// validated says that a file of rules is right, which it is when it could be read.
func (c *checkPolicy) validated(p *program) error {
	if !c.read {
		return &usageError{text: "there is no " + policyFile + " here", hint: "layers check --init IMAGE writes one; --config FILE names another"}
	}
	rules := 0
	for _, b := range c.Budgets {
		rules += len(b.Rules)
	}
	return p.answer("", func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s: %s, %s\n", term.Escape(c.File), count(len(c.Budgets), "budget"), count(rules, "rule"))
		return err
	})
}

// fileError says that a file of the user's cannot be read: exit code 2.
type fileError struct {
	name string
	err  error
	hint string
}

// Error names the file and the cause.
func (e *fileError) Error() string { return fmt.Sprintf("%s: %v", e.name, pathCause(e.err)) }

// Unwrap returns the system's error.
func (e *fileError) Unwrap() error { return e.err }

// budgetFor is the first budget that is for an image, and the pattern that says so. An
// image that is named with where it is, as docker://app:pr, is meant by its name, too.
func (c *checkPolicy) budgetFor(text string) (*budget.Budget, string) {
	names := []string{text}
	if ref, err := source.Parse(text); err == nil && ref.Name != "" {
		names = append(names, source.Short(ref.Name))
	}
	for i := range c.Budgets {
		b := &c.Budgets[i]
		for _, pattern := range b.Match {
			if slices.ContainsFunc(names, func(n string) bool { return budget.MatchesReference(pattern, n) }) {
				return b, pattern
			}
		}
	}
	return nil, ""
}

// addWaivers takes those of commits: whoever may commit may waive, which is asked for.
func (c *checkPolicy) addWaivers(ctx context.Context, f *gitFlags) error {
	waivers, err := f.waivers(ctx)
	for i := range c.Budgets {
		b := &c.Budgets[i]
		b.Waivers = append(b.Waivers, waivers...)
	}
	return err
}

// targets are the images that are to be checked: those that were named, else those that
// the file names.
func (c *checkPolicy) targets(ctx context.Context, names []string, f checkFlags) ([]target, error) {
	var all []target
	for _, name := range names {
		b, pattern := c.budgetFor(name)
		if b == nil {
			return nil, &usageError{
				text: fmt.Sprintf("%s: no budget of %s is for it", name, c.File),
				hint: "it has budgets for " + strings.Join(c.patterns(), ", ") + "; layers check --explain tells more",
			}
		}
		all = append(all, target{name: name, budget: b, why: pattern})
	}
	if len(names) > 0 {
		return all, nil
	}
	for i := range c.Budgets {
		b := &c.Budgets[i]
		if b.Image == "" {
			continue
		}
		name, err := f.git.expand(ctx, b.Image)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: image %s: %w", c.File, b.At.Line, b.Image, err)
		}
		all = append(all, target{name: name, budget: b, why: "its image"})
	}
	if len(all) == 0 {
		hint := "layers check IMAGE"
		if c.read {
			hint += "; or give the budgets of " + c.File + " an image"
		}
		return nil, &usageError{text: "check: name an image", hint: hint}
	}
	return all, nil
}

func (c *checkPolicy) patterns() (all []string) {
	for _, b := range c.Budgets {
		all = append(all, b.Match...)
	}
	return slices.Compact(all)
}
