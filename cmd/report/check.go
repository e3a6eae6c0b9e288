package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/diff/budget"
)

// The formats that only a check has.
const (
	GitHub      Format = "github"      // workflow commands, which annotate a change
	GitLab      Format = "gitlab"      // a code quality report
	JUnit       Format = "junit"       // a test case for each rule
	SARIF       Format = "sarif"       // version 2.1.0
	OpenMetrics Format = "openmetrics" // numbers, for trends
)

// CheckFormats are the formats that a check offers by name, beside templates.
var CheckFormats = []Format{Text, JSON, JSONL, Markdown, CSV, GitHub, GitLab, JUnit, SARIF, OpenMetrics}

// ParseCheckFormat is ParseFormat for what a check writes.
func ParseCheckFormat(s string) (f Format, template string, err error) {
	if f = Format(s); slices.Contains(CheckFormats, f) {
		return f, "", nil
	}
	if f, template, err = ParseFormat(s); err == nil && (f == Template || slices.Contains(CheckFormats, f)) {
		return f, template, nil
	}
	var names []string
	for _, f := range CheckFormats {
		names = append(names, string(f))
	}
	return "", "", fmt.Errorf("%q is no format of a check: there are %s, and Go templates", s, strings.Join(names, ", "))
}

// checkForms are the forms of a check that are no tables.
var checkForms = map[Format]func(io.Writer, *budget.Report, Options) error{
	"": writeCheckText, Text: writeCheckText, Markdown: writeCheckMarkdown,
	GitHub: WriteGitHub, GitLab: writeGitLab, JUnit: writeJUnit, SARIF: writeSARIF, OpenMetrics: writeOpenMetrics,
}

// checkRow is a result with what it is of: a line of JSON lines.
type checkRow struct {
	Image    string `json:"image"`
	Platform string `json:"platform,omitempty"`
	Budget   string `json:"budget,omitempty"`
	*budget.Result
}

// checkTable has a row for each result, in the report's order.
func checkTable(r *budget.Report, o Options) *grid {
	t := &grid{}
	for _, key := range strings.Fields("image platform budget baseline rule kind outcome scope of since unit measured percent " +
		"allowed_bytes allowed_percent allowed_either allowed_count allowed_values before after matched file line column why note waiver") {
		t.Columns = append(t.Columns, column{Key: key, Machine: true})
	}
	var rows []gridRow
	for i := range r.Images {
		for k := range r.Images[i].Results {
			of, result := &r.Images[i], &r.Images[i].Results[k]
			rows = append(rows, gridRow{Cells: checkCells(r, of, result), Value: checkRow{of.Name, of.Platform, of.Budget, result}})
		}
	}
	t.Rows = listRows(rows)
	return t
}

func checkCells(r *budget.Report, i *budget.ImageReport, result *budget.Result) (cells []cell) {
	text := func(list ...string) {
		for _, s := range list {
			cells = append(cells, cell{Raw: term.Escape(s)})
		}
	}
	baseline := ""
	if i.Baseline != nil {
		baseline = i.Baseline.Name
	}
	file := ""
	if result.At.Line > 0 {
		file = r.Policy
	}
	text(i.Name, i.Platform, i.Budget, baseline, result.Rule, string(result.Kind), string(result.Outcome), result.Scope, string(result.Of), string(result.Since), string(result.Unit))
	text(known(result.Unit != "" && result.Outcome != budget.Unknown, result.Measured), float(result.Percent))
	text(allowedCells(result.Allowed)...)
	ends := result.Before != 0 || result.After != 0
	text(known(ends, result.Before), known(ends, result.After), known(result.Matched > 0, result.Matched))
	text(file, known(result.At.Line > 0, result.At.Line), known(result.At.Column > 0, result.At.Column), result.Why, result.Note, result.Waiver)
	return cells
}

func allowedCells(a *budget.Allowed) []string {
	if a == nil {
		a = &budget.Allowed{}
	}
	either := ""
	if a.Bytes != nil && a.Percent != nil {
		either = strconv.FormatBool(a.Either)
	}
	return []string{integer(a.Bytes), float(a.Percent), either, integer(a.Count), strings.Join(a.Values, " ")}
}

// known writes a number that is there, else nothing.
func known[N int | int64](is bool, n N) string {
	if !is {
		return ""
	}
	return strconv.FormatInt(int64(n), 10)
}

func integer[N int | int64](n *N) string {
	if n == nil {
		return ""
	}
	return known(true, *n)
}

func float(f *float64) string {
	if f == nil {
		return ""
	}
	return strconv.FormatFloat(*f, 'f', -1, 64)
}

// worstFirst is the order in which people read outcomes.
var worstFirst = []budget.Outcome{budget.Failed, budget.Warned, budget.Waived, budget.Unknown, budget.Passed}

// byOutcome are the results, the worst first and else as they are.
func byOutcome(results []budget.Result) []*budget.Result {
	out := make([]*budget.Result, len(results))
	for i := range results {
		out[i] = &results[i]
	}
	slices.SortStableFunc(out, func(a, b *budget.Result) int {
		return cmp.Compare(slices.Index(worstFirst, a.Outcome), slices.Index(worstFirst, b.Outcome))
	})
	return out
}

// broken says whether a rule is broken, whatever follows from it.
func broken(r *budget.Result) bool {
	return r.Outcome == budget.Failed || r.Outcome == budget.Warned || r.Outcome == budget.Waived
}

// checkKeys gives each result of a report a name of its own that is the same in the
// next run: what tells it from others by what it is, and a number where that is not
// enough.
type checkKeys map[string]int

func (k checkKeys) next(parts ...string) string {
	key := strings.Join(parts, "\x00")
	k[key]++
	if n := k[key]; n > 1 {
		return key + "\x00#" + strconv.Itoa(n)
	}
	return key
}
