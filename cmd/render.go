package cmd

import (
	"fmt"
	"io"
	"slices"

	"github.com/layers/layers/cmd/report"
	"github.com/layers/layers/cmd/term"
)

// reportOptions says how a report is written: by the flags, and by what the output
// can do.
func (p *program) reportOptions(out outputFlags) (report.Options, error) {
	o := report.Options{Units: report.Units(out.Units), NoTrunc: out.NoTrunc, Limit: out.rows(), Long: out.long, Unpacked: out.unpacked, Now: p.now()}
	if err := out.check(); err != nil {
		return o, err
	}
	var err error
	parse := report.ParseFormat
	if slices.Contains(out.formats, string(report.SARIF)) {
		parse = report.ParseCheckFormat
	}
	if o.Format, o.Template, err = parse(out.Format); err != nil {
		return o, &usageError{text: err.Error(), hint: "layers help formats"}
	}
	target := io.Writer(io.Discard) // a file is no terminal
	if out.Output == "" || out.Output == "-" {
		target = p.stdout
	}
	can := term.Probe(target, p.getenv, out.Color)
	o.Width, o.Color, o.ASCII = can.Width, can.Color, !can.UTF8
	return o, nil
}

// render writes a small report, which table writes for people.
func render[T any](p *program, out outputFlags, v T, table func(io.Writer, T) error) error {
	o, err := p.reportOptions(out)
	if err != nil {
		return err
	}
	return p.answer(out.Output, func(w io.Writer) error {
		if o.Format == report.Text {
			return table(w, v)
		}
		return report.Write(w, v, o)
	})
}

// severalReports holds the reports on several images in one document.
type severalReports struct {
	Version string `json:"version"`
	Reports []any  `json:"reports"`
}

// report writes the reports one after the other; as JSON they are one document.
func (p *program) report(out outputFlags, reports ...any) error {
	o, err := p.reportOptions(out)
	if err != nil {
		return err
	}
	if o.Format == report.JSON && len(reports) > 1 {
		reports = []any{severalReports{Version: "layers.reports/v1", Reports: reports}}
	}
	return p.answer(out.Output, func(w io.Writer) error {
		for i, r := range reports {
			if i > 0 && (o.Format == report.Text || o.Format == report.Markdown) {
				if _, err := io.WriteString(w, "\n"); err != nil {
					return err
				}
			}
			if err := report.Write(w, r, o); err != nil {
				return err
			}
		}
		return nil
	})
}

// lines writes what a quiet command has to say: a value a line.
func (p *program) lines(out outputFlags, values []string) error {
	return p.answer(out.Output, func(w io.Writer) error {
		line, written := liner(w)
		for _, v := range values {
			line("%s", v)
		}
		return written()
	})
}

// liner returns a function that writes a line, and one that returns the first error
// of those that were written.
func liner(w io.Writer) (line func(format string, a ...any), written func() error) {
	var first error
	line = func(format string, a ...any) {
		if first == nil {
			_, first = fmt.Fprintf(w, format+"\n", a...)
		}
	}
	return line, func() error { return first }
}

func bytesText(n int64, units string) string { return report.Units(units).Bytes(n) }
func sizeText(n int64) string                { return report.SI.Bytes(n) }

// count writes a number and its noun.
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return report.Count(int64(n)) + " " + noun
}
