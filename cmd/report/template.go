package report

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/template"
	"time"

	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/inspect"
	"github.com/layers/layers/inspect/fleet"
)

// writeTemplate executes the template on the report, or, of reports that are
// lists, on each row. What it gives ends in a line end. Besides text/template's
// own functions there are bytes, count, json and age.
func writeTemplate(w io.Writer, value any, o Options) error {
	t, err := template.New("format").Funcs(template.FuncMap{
		"bytes": o.Units.templateBytes,
		"count": Count,
		"json":  func(v any) (string, error) { return marshal(v, "") },
		"age":   func(t *time.Time) string { return Age(t, o.Now) },
	}).Parse(o.Template)
	if err != nil {
		return &TemplateError{err}
	}
	out := newPrinter(w, o)
	if !isList(value) {
		if err := execute(out, t, value); err != nil {
			return err
		}
		return out.flush()
	}
	table, err := tableOf(value, o)
	if err != nil {
		return err
	}
	for row, err := range table.Rows {
		if err == nil {
			err = execute(out, t, row.Value)
		}
		if err = errors.Join(err, out.err); err != nil {
			return err
		}
	}
	return out.flush()
}

// TemplateError says that a template cannot be parsed, or does not fit the report.
type TemplateError struct{ Err error }

// Error has the place in the template, as text/template tells it.
func (e *TemplateError) Error() string { return fmt.Sprintf("the format's template: %v", e.Err) }

// Unwrap returns what text/template says.
func (e *TemplateError) Unwrap() error { return e.Err }

func isList(value any) bool {
	switch value.(type) {
	case *inspect.Listing, *fleet.ImagesReport:
		return true
	}
	return false
}

// execute writes what the template makes of a value, escaped but for its line ends
// and tabs.
func execute(out *printer, t *template.Template, value any) error {
	var b strings.Builder
	if err := t.Execute(&b, value); err != nil {
		return &TemplateError{err}
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(b.String(), "\n"), "\n") {
		fields := strings.Split(line, "\t")
		for i, f := range fields {
			fields[i] = term.Escape(f)
		}
		out.line(strings.Join(fields, "\t"), false)
	}
	return nil
}

func (u Units) templateBytes(v any) (string, error) {
	switch n := v.(type) {
	case int64:
		return u.Bytes(n), nil
	case int:
		return u.Bytes(int64(n)), nil
	case *int64:
		if n == nil {
			return "", nil
		}
		return u.Bytes(*n), nil
	}
	return "", fmt.Errorf("bytes of a %T", v)
}
