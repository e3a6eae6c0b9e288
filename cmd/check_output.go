package cmd

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/layers/layers/cmd/report"
	"github.com/layers/layers/diff/budget"
)

// checkOutput is a file that the answer is written to, in a form of its own.
type checkOutput struct {
	form report.Format
	path string
}

// parseOutputs reads the values of --output: FORM=FILE, or FILE for the form of --format.
func (f *checkFlags) parseOutputs() ([]checkOutput, error) {
	var all []checkOutput
	for _, text := range f.outputs {
		form, path, ok := strings.Cut(text, "=")
		if !ok {
			form, path = "", text
		}
		if path == "" {
			return nil, &usageError{text: "--output " + text + ": a file is missing"}
		}
		o := checkOutput{path: path}
		if ok {
			format, template, err := report.ParseCheckFormat(form)
			if err != nil || template != "" {
				e := &usageError{text: fmt.Sprintf("--output %s: there is no form %q; there are %s", text, form, joinWords(report.CheckFormats))}
				if near := closest(form, strings.Split(joinWords(report.CheckFormats), ", ")); len(near) > 0 {
					e.hint = "did you mean " + near[0] + "?"
				}
				return nil, e
			}
			o.form = format
		}
		if slices.ContainsFunc(all, func(other checkOutput) bool { return other.path == o.path && o.path != "-" }) {
			return nil, &usageError{text: "--output: " + path + " would be written twice"}
		}
		all = append(all, o)
	}
	return all, nil
}

// writeCheck writes what came of a check: to the files that were named, and to stdout
// unless one of them has the form of --format.
func (p *program) writeCheck(f checkFlags, outputs []checkOutput, r *budget.Report) error {
	plain := false
	for _, o := range outputs {
		out := f.out
		out.Output = o.path
		plain = plain || o.form == "" || o.path == "-"
		if err := p.writeCheckTo(out, o.form, r); err != nil {
			return err
		}
	}
	if plain || f.out.Quiet {
		return nil
	}
	return p.writeCheckTo(f.out, "", r)
}

func (p *program) writeCheckTo(out outputFlags, form report.Format, r *budget.Report) error {
	if form != "" {
		out.Format = string(form)
	}
	o, err := p.reportOptions(out)
	if err != nil {
		return err
	}
	return p.answer(out.Output, func(w io.Writer) error { return report.Write(w, r, o) })
}
