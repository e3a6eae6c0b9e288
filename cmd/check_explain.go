package cmd

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/diff/budget"
)

// explainCheck tells which rules are for which image, why, and what each needs to know.
func (p *program) explainCheck(f checkFlags, rules *checkPolicy, targets []target) error {
	r := &budget.ExplainReport{Version: budget.ExplainVersion, Policy: rules.File, Default: rules.usual, Images: []budget.Explained{}}
	for _, t := range targets {
		e := t.budget.Explain(t.name, t.why, f.baseline != "" || f.file != "" || f.git.baseline || t.budget.Baseline != "")
		e.Baseline, e.Anchor = cmp.Or(f.baseline, f.file, t.budget.Baseline), cmp.Or(f.anchor, t.budget.Anchor)
		if f.git.baseline {
			e.Baseline = "the image of the commit where this branch left the main one"
		}
		r.Images = append(r.Images, e)
	}
	out := f.out
	if len(f.outputs) == 1 {
		out.Output = f.outputs[0]
	}
	return render(p, out, r, func(w io.Writer, r *budget.ExplainReport) error { return writeExplained(w, r, f.out.Units) })
}

func writeExplained(w io.Writer, r *budget.ExplainReport, units string) error {
	line, written := liner(w)
	for i, e := range r.Images {
		if i > 0 {
			line("")
		}
		switch {
		case r.Default:
			line("%s: the usual rules, since there is no file of rules and no flag with one", term.Escape(e.Image))
		case r.Policy == "":
			line("%s: the rules of flags", term.Escape(e.Image))
		default:
			line("%s: budget %s of %s:%d, by %s", term.Escape(e.Image), term.Escape(e.Budget), term.Escape(r.Policy), e.At.Line, term.Escape(e.Why))
		}
		line("  baseline %s, anchor %s; %s if one is missing", term.Escape(cmp.Or(e.Baseline, "none")), term.Escape(cmp.Or(e.Anchor, "none")), e.OnMissing)
		for _, rule := range e.Rules {
			at := "flag"
			if rule.At.Line > 0 {
				at = fmt.Sprintf("line %d", rule.At.Line)
			} else if r.Default {
				at = ""
			}
			line("  %-8s %-20s %s", at, term.Escape(rule.Rule), term.Escape(strings.TrimSpace(rule.Text(units, bytesText))))
			line("  %-8s %-20s needs %s", "", "", rule.Needs)
		}
		for _, waiver := range e.Waivers {
			line("  waived   %-20s %s", term.Escape(waiver.Rule), term.Escape(waiver.Reason))
		}
	}
	return written()
}
