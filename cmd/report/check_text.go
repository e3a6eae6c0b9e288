package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/diff/budget"
)

// checkLine is a line of a check's text, of which the mark has a colour.
type checkLine struct {
	indent string
	mark   string // padded
	text   string
	color  string
}

const (
	markWidth   = 7  // "skipped"
	ruleIndent  = 2  // of a mark
	moreIndent  = 8  // of what is below a rule
	amountWidth = 10 // "+19.4 MB" and more
)

var outcomeColors = map[budget.Outcome]string{budget.Failed: "31", budget.Warned: "33", budget.Waived: "33", budget.Passed: "32"}

// writeCheckText writes a check for people. A continuous integration shows it in a log,
// and some of those take lines for commands: see harmless.
func writeCheckText(w io.Writer, r *budget.Report, o Options) error {
	out := newPrinter(w, o)
	lines := o.checkTop(r)
	for i := range r.Images {
		if len(lines) > 0 {
			lines = append(lines, checkLine{})
		}
		lines = append(lines, o.imageLines(r, &r.Images[i])...)
	}
	lines = append(lines, o.waiverLines(r)...)
	lines = append(lines, checkLine{})
	lines = append(lines, proseLines("", o.checkVerdict(r), o)...)
	for _, l := range lines {
		mark := l.mark
		if o.Color && l.color != "" {
			mark = "\x1b[" + l.color + "m" + mark + "\x1b[0m"
		}
		plain := l.indent + l.mark + l.text
		line := harmless(plain)
		if Width(plain) <= o.width() {
			line = o.Truncate(line, o.width())
		}
		if rest, ok := strings.CutPrefix(line, l.indent+l.mark); ok {
			line = l.indent + mark + rest
		}
		out.line(line, false)
	}
	return out.flush()
}

// harmless breaks what GitHub's runner takes for a command in a log: "::" at the
// beginning of a line, white space before it or not, and "##[" anywhere; Azure's takes
// "##vso[". The characters are written as those that are not shown.
func harmless(line string) string {
	line = strings.NewReplacer("##[", `#\x23[`, "##vso[", `#\x23vso[`).Replace(line)
	if text := strings.TrimLeft(line, " "); strings.HasPrefix(text, "::") {
		return line[:len(line)-len(text)] + `:\x3a` + text[2:]
	}
	return line
}

// checkTop is a table of the images, where there are several.
func (o Options) checkTop(r *budget.Report) (lines []checkLine) {
	if len(r.Images) < 2 {
		return nil
	}
	for _, l := range o.checkImages(r).lines("", o) {
		lines = append(lines, checkLine{text: l})
	}
	return lines
}

// checkImages is a row for each image and platform.
func (o Options) checkImages(r *budget.Report) *grid {
	t := &grid{Columns: []column{
		{Title: "OUTCOME"}, {Title: "IMAGE", Narrow: true, Paths: true}, {Title: "PLATFORM", Narrow: true}, {Title: "BEFORE", Right: true},
		{Title: "AFTER", Right: true}, {Title: "CHANGE", Right: true},
	}}
	var rows []gridRow
	for i := range r.Images {
		of := &r.Images[i]
		before, change := o.symbol("–", "-"), ""
		if there(of.Baseline) {
			before = o.Units.Bytes(of.Content.Old)
			change = joined(" ", o.change(of.Content.Change), growth(of.Content))
		}
		rows = append(rows, gridRow{Cells: []cell{
			{Text: o.outcome(of.Outcome)}, {Text: o.foreign(of.Name)}, {Text: o.foreign(of.Platform)}, {Text: before},
			{Text: o.Units.Bytes(of.Content.New)}, {Text: change},
		}})
	}
	t.Rows = listRows(rows)
	return t
}

// imageLines are an image and its rules.
func (o Options) imageLines(r *budget.Report, i *budget.ImageReport) (lines []checkLine) {
	items := o.imageItems(r, i)
	if Width(items[0]) > o.width() {
		name, against, _ := strings.Cut(items[0], " against ")
		items = append([]string{name, joined(" ", "against", against)}, items[1:]...)
	}
	for _, l := range o.items(items...) {
		lines = append(lines, checkLine{text: o.Truncate(l, o.width())})
	}
	for _, l := range o.items(o.sizeItems(i)...) {
		lines = append(lines, checkLine{text: l})
	}
	for _, text := range o.missing(i) {
		lines = append(lines, proseLines("", text, o)...)
	}
	width := 0
	for k := range i.Results {
		width = min(max(width, Width(o.Escape(i.Results[k].Rule))), 20)
	}
	for _, result := range byOutcome(i.Results) {
		lines = append(lines, o.resultLines(r, result, width)...)
		for _, d := range o.details(result, o.mostDetails()) {
			lines = append(lines, o.detailLines(&d)...)
		}
	}
	return lines
}

// imageItems say which image it is, against what, and by which rules.
func (o Options) imageItems(r *budget.Report, i *budget.ImageReport) []string {
	name, against, how := o.foreign(i.Name), "", ""
	if there(i.Baseline) {
		against = "against " + o.foreign(i.Baseline.Name)
		if i.Baseline.How != "" {
			how = "of " + o.foreignLine(i.Baseline.How)
		}
	}
	since := ""
	if there(i.Anchor) {
		since = "since " + o.foreign(i.Anchor.Name)
	}
	return []string{joined(" ", name, against), how, since, o.foreign(i.Platform), o.rulesOf(r, i)}
}

func (o Options) sizeItems(i *budget.ImageReport) []string {
	if i.Digest == "" && i.Layers == 0 {
		return nil
	}
	layers := plural(int64(i.Layers), "layer")
	if !there(i.Baseline) {
		return []string{"content " + o.Units.Bytes(i.Content.New), layers}
	}
	if i.Shared > 0 {
		layers += fmt.Sprintf(", %d shared", i.Shared)
	}
	return []string{"content " + o.Units.Bytes(i.Content.Old) + o.arrow() + o.Units.Bytes(i.Content.New), o.grown(i), layers}
}

// resultLines are a rule, what was measured and what is allowed; what does not fit stands
// below.
func (o Options) resultLines(r *budget.Report, result *budget.Result, width int) (lines []checkLine) {
	const side = "  "
	name := o.Truncate(o.Escape(result.Rule), 20)
	name += strings.Repeat(" ", max(width-Width(name), 0))
	hang := strings.Repeat(" ", ruleIndent+markWidth+len(side)+width+len(side))
	narrow := o
	narrow.Width = max(o.width()-len(hang), 20)
	items := append(o.figures(result), o.facts(result)...)
	place := ""
	if result.Outcome != budget.Passed {
		place = o.place(r, result.At)
	}
	texts := narrow.items(append(items, place)...)
	if result.Why != "" {
		texts = append(texts, term.Wrap(o.foreignLine(result.Why), narrow.width())...)
	}
	first := checkLine{
		indent: strings.Repeat(" ", ruleIndent), mark: fmt.Sprintf("%-*s", markWidth, o.outcome(result.Outcome)),
		text: side + name, color: outcomeColors[result.Outcome],
	}
	for i, text := range texts {
		text = o.Truncate(text, narrow.width())
		if i == 0 {
			first.text += side + text
			continue
		}
		lines = append(lines, checkLine{indent: hang, text: text})
	}
	first.text = strings.TrimRight(first.text, " ")
	return append([]checkLine{first}, lines...)
}

// detailLines are a detail in columns. A path and a step are cut; words are not, and go
// on below.
func (o Options) detailLines(d *detail) (lines []checkLine) {
	indent := strings.Repeat(" ", moreIndent+2*(d.depth-1))
	head := d.words
	if d.amount != "" {
		head = joined("  ", fmt.Sprintf("%*s", amountWidth, d.amount), d.words)
	} else if !d.whole && (d.depth > 1 || d.name != "") {
		indent += strings.Repeat(" ", amountWidth+2)
	}
	room := o.width() - len(indent)
	switch {
	case d.whole:
		return []checkLine{{indent: indent, text: joined("  ", head, d.name)}}
	case d.name == "" && d.amount == "":
		for i, l := range term.Wrap(head, room-2) {
			if i > 0 {
				l = "  " + l
			}
			lines = append(lines, checkLine{indent: indent, text: o.Truncate(l, room)})
		}
		return lines
	}
	after := ""
	if d.after != "" {
		after = "  " + o.Truncate(d.after, 30)
	}
	name := ""
	if left := room - Width(head) - Width(after) - 2; d.path {
		name = o.truncateMiddle(d.name, left)
	} else {
		name = o.Truncate(d.name, left)
	}
	return []checkLine{{indent: indent, text: joined("  ", head, name) + after}}
}

func proseLines(indent, text string, o Options) (lines []checkLine) {
	for i, l := range term.Wrap(text, o.width()-len(indent)-2) {
		if i > 0 {
			l = "  " + l
		}
		lines = append(lines, checkLine{indent: indent, text: o.Truncate(l, o.width()-len(indent))})
	}
	return lines
}

// waiverLines are what became of the waivers.
func (o Options) waiverLines(r *budget.Report) (lines []checkLine) {
	if len(r.Waivers) == 0 {
		return nil
	}
	lines = []checkLine{{}, {text: "Waivers"}}
	for i := range r.Waivers {
		w := &r.Waivers[i]
		narrow := o
		narrow.Width = o.width() - ruleIndent - markWidth - 4
		for k, l := range narrow.items(o.waiverItems(r, w)...) {
			line := checkLine{indent: strings.Repeat(" ", ruleIndent+markWidth+4), text: o.Truncate(l, narrow.width())}
			if k == 0 {
				line.indent, line.mark = strings.Repeat(" ", ruleIndent), fmt.Sprintf("%-*s  ", markWidth+2, o.waiverState(w.State))
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// waiverState is a state in a word of nine columns at most.
func (o Options) waiverState(s budget.WaiverState) string {
	switch s {
	case budget.WaiverUsed, budget.WaiverUnused, budget.WaiverExpired, budget.WaiverSmall:
		return string(s)
	}
	return o.foreign(string(s))
}

// waiverItems are all that is known of a waiver.
func (o Options) waiverItems(r *budget.Report, w *budget.WaiverReport) []string {
	rule, until, from := o.foreign(w.Rule), "", ""
	if w.Budget != "" {
		rule = o.foreign(w.Budget) + ": " + rule
	}
	if w.Path != "" {
		rule += " for " + o.foreign(w.Path)
	}
	if w.Until != nil {
		until = "until " + w.Until.UTC().Format("2006-01-02")
	}
	if w.From != "" {
		from = "from " + o.foreignLine(w.From)
	}
	return []string{rule, until, o.foreignLine(w.Reason), o.foreignLine(w.Owner), joined(" ", from, o.place(r, w.At))}
}
