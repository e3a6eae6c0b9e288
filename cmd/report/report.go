// Package report writes reports: as tables for people, as JSON, JSON lines,
// Markdown and CSV for programs, and by templates.
//
// [Write] does all of it. Whatever comes from an image is escaped on its way out,
// so that no name can move the cursor, forge a line or break a format.
package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/layers/layers/diff"
	"github.com/layers/layers/diff/budget"
	"github.com/layers/layers/inspect"
	"github.com/layers/layers/inspect/fleet"
)

// Format is a form in which a report can be written.
type Format string

// The formats.
const (
	Text     Format = "table"    // for people; may change at any time
	JSON     Format = "json"     // one document, indented
	JSONL    Format = "jsonl"    // one value a line for each row
	Markdown Format = "markdown" // what a table shows, with the lines around it
	CSV      Format = "csv"      // with a head; all columns, bytes as integers, nothing cut
	Dot      Format = "dot"      // Graphviz's language, of trees of images
	SVG      Format = "svg"      // a picture of trees of images
	HTML     Format = "html"     // the picture, with a table
	Template Format = "template" // see Options.Template
)

// ParseFormat reads the value of a --format flag: a format's name, or a template,
// which is known by its "{{".
func ParseFormat(s string) (f Format, template string, err error) {
	switch f := Format(s); f {
	case "":
		return Text, "", nil
	case Text, JSON, JSONL, Markdown, CSV, Dot, SVG, HTML:
		return f, "", nil
	case "md":
		return Markdown, "", nil
	}
	if strings.Contains(s, "{{") {
		return Template, s, nil
	}
	return "", "", fmt.Errorf("%q is no format: there are table, json, jsonl, markdown, csv, and Go templates", s)
}

// Options guides Write. The zero value writes a table of 80 columns.
type Options struct {
	Format   Format
	Template string // of Format Template: text/template, on the report's Go fields
	Units    Units
	Width    int // columns of the terminal; 0 is 80
	NoTrunc  bool
	Color    bool
	ASCII    bool      // nothing but ASCII in tables
	Now      time.Time // what ages are counted to; the zero time shows dates instead
	Unpacked bool      // areas of pictures are unpacked bytes, if those are known, not content
	Long     bool      // of listings: mode, owner, size and time, too
	// Limit is how many rows of a list beside the main table are shown, such as the
	// hidden paths of an image; 0 is a few, negative all that the report has.
	Limit int
	// Continued says that the report follows another of its kind: CSV has its head
	// but once.
	Continued bool
	// Marker tells comments with what a check found from each other, so that the next
	// one finds the one to replace; "" is what the budgets are called.
	Marker string

	quote func(escaped string) string // marks off what is not ours; nil leaves it as it is
}

const defaultWidth = 80

func (o Options) width() int {
	switch {
	case o.NoTrunc:
		return 1 << 30
	case o.Width <= 0:
		return defaultWidth
	}
	return o.Width
}

// listLimit is Limit with its default.
func (o Options) listLimit(def int) int {
	switch {
	case o.Limit < 0:
		return 1 << 30
	case o.Limit == 0:
		return def
	}
	return o.Limit
}

// Write writes a report. JSON and templates take any value; the formats that consist
// of rows take the reports of packages inspect and diff.
func Write(w io.Writer, value any, o Options) error {
	switch o.Format {
	case JSON:
		return writeJSON(w, value)
	case Template:
		return writeTemplate(w, value, o)
	}
	if r, ok := value.(*fleet.Report); ok && drawings[o.Format] != nil {
		return drawings[o.Format](w, r, o)
	}
	if r, ok := value.(*diff.Report); ok && o.Format == Markdown {
		return writeDiffMarkdown(w, r, o)
	}
	if r, ok := value.(*budget.Report); ok && checkForms[o.Format] != nil {
		return checkForms[o.Format](w, r, o)
	}
	t, err := tableOf(value, o)
	if err != nil {
		return err
	}
	switch o.Format {
	case "", Text:
		return t.write(w, o)
	case JSONL:
		return t.writeJSONL(w)
	case Markdown:
		return t.writeMarkdown(w)
	case CSV:
		return t.writeCSV(w, o)
	}
	return fmt.Errorf("%q is no format", o.Format)
}

// drawings are the formats of trees alone.
var drawings = map[Format]func(io.Writer, *fleet.Report, Options) error{Dot: writeDot, SVG: writeSVG, HTML: writeHTML}

func tableOf(value any, o Options) (*grid, error) {
	switch v := value.(type) {
	case *inspect.Report:
		return imageTable(v, o), nil
	case *inspect.ReclaimableReport:
		return reclaimableTable(v, o), nil
	case *inspect.LayerReport:
		return layerTable(v, o), nil
	case *inspect.DirsReport:
		return dirsTable(v, o), nil
	case *inspect.Listing:
		return listTable(v, o), nil
	case *inspect.WhyReport:
		return whyTable(v, o), nil
	case *fleet.ImagesReport:
		return imagesTable(v, o), nil
	case *fleet.Report:
		return sharingTable(v, o), nil
	case *fleet.SuggestReport:
		return suggestTable(v, o), nil
	case *fleet.UsageReport:
		return usageTable(v, o), nil
	case *fleet.PlanReport:
		return planTable(v, o), nil
	case *fleet.BumpReport:
		return bumpTable(v, o), nil
	case *inspect.BaseReport:
		return baseTable(v, o), nil
	case *inspect.PullPlan:
		return pullPlanTable(v, o), nil
	case *diff.Report:
		return diffTable(v, o), nil
	case *diff.LayersReport:
		return diffLayersTable(v, o), nil
	case *diff.PackagesReport:
		return diffPackagesTable(v, o), nil
	case *diff.ConfigReport:
		return diffConfigTable(v, o), nil
	case *diff.Listing:
		return diffFilesTable(v, o), nil
	case *diff.DirsReport:
		return diffDirsTable(v, o), nil
	case *diff.Verdict:
		return verdictTable(v, o), nil
	case *diff.TrendReport:
		return trendTable(v, o), nil
	case *budget.Report:
		return checkTable(v, o), nil
	}
	return nil, fmt.Errorf("a %T cannot be written as %s", value, o.Format)
}
