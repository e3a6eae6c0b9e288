package cmd

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/layers/layers/cmd/policy"
	"github.com/layers/layers/cmd/report"
	"github.com/layers/layers/diff/budget"
)

type checkFlags struct {
	settings
	config    string
	rules     policy.Flags
	baseline  string
	file      string // of saved baselines
	anchor    string
	base      string
	onMissing string
	git       gitFlags
	outputs   []string
	save      string
	init      bool
	explain   bool
	validate  bool
	now       string
}

func newCheck(p *program) *cobra.Command {
	var f checkFlags
	c := &cobra.Command{
		Use:               "check [IMAGE...] [flags]",
		Short:             "size budgets, against a baseline",
		ValidArgsFunction: p.completeImages(0, &f.store),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.check(cmd.Context(), args, f)
		},
	}
	f.add(c)
	f.git.add(c)
	f.out.checkFormats(c)
	f.out.noTrunc(c)
	f.out.color(c)
	f.out.quiet(c, "write nothing: the exit code is 1 if a budget is broken")
	f.addImage(c)
	f.fetch.Pull = pullNewer // a baseline of yesterday is none
	c.Flags().Lookup("pull").DefValue = pullNewer
	return describe(c, manual{
		long: `Check whether images keep to their budgets: how large they may be, by how
much they may grow, what must be in them and what must not. What is broken is
told with the layer, the build step, the package and the files that did it.

The rules are those of .layers.yaml, or of flags. Where there are none, growth
of the content above 1 MB and 1 % fails, and so do version-control directories
and private keys.

A SIZE is as 5MB or 5MiB, a PERCENT as 3%; above 5MB,3% is what is above both.
Layers that the baseline has, too, are neither fetched nor read, unless a rule
is about every layer: layers check --explain tells. Of an image for several
platforms each is checked, unless --platform names one.`,
		examples: []string{
			"layers check app:pr --baseline app:main",
			"layers check app:pr --baseline app:main --growth 5MB,3% --forbid '.git/**'",
			"layers check --init app:main",
			"layers check --output markdown=comment.md --output junit=layers.xml",
			"layers check app:main --save baseline.json",
			"layers check app:pr --baseline-file baseline.json",
			"layers check app:pr --baseline-git --waivers-git",
		},
		exits: append([]int{exitNo}, imageExits...),
	})
}

func (f *checkFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.config, "config", "", "the `FILE` with the rules (default .layers.yaml); dive's .dive-ci is read, too")
	flags.StringArrayVar(&f.rules.Max, "max", nil, "the content may be `SIZE` at most")
	flags.StringArrayVar(&f.rules.Growth, "growth", nil, "the content may grow by `SIZE|PERCENT[,…]` over the baseline's")
	flags.StringArrayVar(&f.rules.Reclaimable, "reclaimable", nil, "overwritten and deleted files may be `SIZE|PERCENT[,…]`")
	flags.StringArrayVar(&f.rules.Forbid, "forbid", nil, "no layer may have what matches `GLOB`")
	flags.StringVar(&f.baseline, "baseline", "", "compare with image `REF`")
	flags.StringVar(&f.file, "baseline-file", "", "compare with what --save has written to `FILE`")
	flags.StringVar(&f.anchor, "anchor", "", "measure growth from image `REF`, too, that does not move")
	flags.StringVar(&f.base, "base", "", "image `REF` that the image is built on, where it does not say so itself")
	flags.StringVar(&f.onMissing, "on-missing", "", "what a missing baseline is: fail|warn|pass (default fail)")
	flags.StringArrayVarP(&f.outputs, "output", "o", nil, "write to `[FORM=]FILE`, as markdown=comment.md; several at once")
	flags.StringVar(&f.save, "save", "", "write what the images are now to `FILE`, for --baseline-file")
	flags.BoolVar(&f.init, "init", false, "write .layers.yaml from what the images are now, with room to grow")
	flags.BoolVar(&f.explain, "explain", false, "tell which rules are for which image and why, and check nothing")
	flags.BoolVar(&f.validate, "validate", false, "tell whether the file of rules is right, and check nothing")
	flags.StringVar(&f.now, "now", "", "take `DATE` for today, as 2026-12-31")
	complete(c, "on-missing", func() []string { return []string{"fail", "warn", "pass"} })
}

// checkFormats are the formats of a check, of which a few are no others'.
func (o *outputFlags) checkFormats(c *cobra.Command) {
	var names []string
	for _, f := range report.CheckFormats {
		names = append(names, string(f))
	}
	o.format(c, names)
	c.Flags().Lookup("format").Usage = strings.Join(names, ", ") + " or a template (layers help formats)"
}

// today is what waivers and ages are counted to.
func (f *checkFlags) today(now func() time.Time) (time.Time, error) {
	if f.now == "" {
		return now(), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, f.now); err == nil {
			return t, nil
		}
	}
	return time.Time{}, &usageError{text: "--now " + f.now + ": that is no date, as 2026-12-31"}
}

func (f *checkFlags) check() error {
	switch {
	case f.baseline != "" && f.file != "", f.git.baseline && (f.baseline != "" || f.file != ""):
		return &usageError{text: "--baseline, --baseline-file and --baseline-git exclude each other"}
	case f.onMissing != "" && f.onMissing != "fail" && f.onMissing != "warn" && f.onMissing != "pass":
		return &usageError{text: "--on-missing is one of fail, warn and pass"}
	case f.init && f.explain || f.init && f.validate || f.explain && f.validate:
		return &usageError{text: "--init, --explain and --validate exclude each other"}
	}
	return nil
}

// target is an image that is to be checked.
type target struct {
	name   string
	budget *budget.Budget
	why    string // the pattern by which the budget is for it
}

func (p *program) check(ctx context.Context, args []string, f checkFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	now, err := f.today(p.now)
	if err != nil {
		return err
	}
	outputs, err := f.parseOutputs()
	if err != nil {
		return err
	}
	if f.init {
		return p.inStore(f.settings, func(s *session) error { return s.initPolicy(ctx, args, f) })
	}
	rules, err := p.checkPolicy(f)
	if err != nil {
		return err
	}
	if f.validate {
		return rules.validated(p)
	}
	if f.git.allow {
		if err := rules.addWaivers(ctx, &f.git); err != nil {
			return err
		}
	}
	targets, err := rules.targets(ctx, args, f)
	if err != nil {
		return err
	}
	if f.explain {
		return p.explainCheck(f, rules, targets)
	}
	return p.inStore(f.settings, func(s *session) error {
		s.peeking = true
		run := &checkRun{session: s, flags: f, checker: budget.New(rules.Policy, rules.usual, now), platform: s.fetch.Platform.Platform}
		for _, t := range targets {
			if err := run.image(ctx, t); err != nil {
				return err
			}
		}
		return run.finish(ctx, outputs)
	})
}
