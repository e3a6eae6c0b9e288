package cmd

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"os"

	"github.com/layers/layers/cmd/policy"
	"github.com/layers/layers/diff/budget"
	"github.com/layers/layers/inspect"
)

// saveAll writes what the images are now, for later checks to compare with.
func (r *checkRun) saveAll(ctx context.Context) error {
	saved, err := budget.Save(ctx, r.checked)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(saved, "", "  ")
	if err != nil {
		return err
	}
	return r.program.answer(r.flags.save, func(w io.Writer) error {
		_, err := w.Write(append(data, '\n'))
		return err
	})
}

// initPolicy writes a file of rules that images keep to as they are now.
func (s *session) initPolicy(ctx context.Context, names []string, f checkFlags) error {
	if len(names) == 0 {
		return &usageError{text: "--init: name the images that there are to be budgets for", hint: "layers check --init app:main"}
	}
	var all []policy.Facts
	for _, name := range names {
		facts, err := s.factsOf(ctx, name, f)
		if err != nil {
			return err
		}
		all = append(all, facts)
	}
	path := cmp.Or(f.config, policyFile)
	if len(f.outputs) == 1 {
		path = f.outputs[0]
	} else if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		return &usageError{text: path + " is there already, and is not overwritten", hint: "layers check --init -o FILE writes another; -o - shows it"}
	}
	err := s.program.answer(path, func(w io.Writer) error {
		_, err := io.WriteString(w, policy.Init(all))
		return err
	})
	if err == nil && path != "-" {
		s.program.say("%s: written; layers check reads it", path)
	}
	return err
}

// factsOf is what an image is now.
func (s *session) factsOf(ctx context.Context, name string, f checkFlags) (facts policy.Facts, err error) {
	img, err := s.find(ctx, name)
	if err != nil {
		return facts, err
	}
	in, free, err := s.input(ctx, img)
	if err != nil {
		return facts, err
	}
	defer free()
	r, err := inspect.Image(ctx, in, inspect.Options{})
	if err != nil {
		return facts, err
	}
	base, err := s.baseFacts(ctx, img, nil)
	if err != nil {
		return facts, err
	}
	facts = policy.Facts{
		Name: budget.ShortName(name), Ref: name, Layers: len(in.Manifest.Layers), User: in.Config.Config.User, Baseline: f.baseline,
		Content: r.Totals.Content, Unpacked: r.Totals.Unpacked, Reclaimable: r.Reclaimable.Bytes,
	}
	if len(base.Names) > 0 {
		facts.Base = base.Names[0]
	}
	return facts, nil
}
