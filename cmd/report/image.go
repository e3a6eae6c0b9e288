package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/layers/layers/inspect"
)

// wide is the terminal's width from which on there is room for more than needed.
const wide = 100

// hiddenLines is how many hidden paths are shown below an image's layers.
const hiddenLines = 5

func imageTable(r *inspect.Report, o Options) *grid {
	t := &grid{Head: o.imageHead(r), Columns: []column{
		{Title: "#", Key: "layer", Right: true},
		{Title: "DIGEST"},
		{Title: "CONTENT", Right: true},
		{Title: "UNPACKED", Right: true},
		{Title: "SHARE"},
		{Title: "FILES", Right: true},
		{Title: "CREATED BY", Key: "created_by", Narrow: true},
		{Key: "base", Machine: o.width() < wide || r.Base == nil},
		{Key: "diff_id", Machine: true},
		{Key: "compression", Machine: true},
		{Key: "reclaimable", Machine: true},
	}}
	var rows []gridRow
	largest := 0.0
	for _, l := range r.Layers {
		largest = max(largest, l.Share)
	}
	for i := range r.Layers {
		rows = append(rows, gridRow{Cells: o.layerCells(&r.Layers[i], largest), Value: &r.Layers[i]})
	}
	t.Rows = listRows(rows)
	t.Foot = func() ([]string, error) { return o.imageFoot(r), nil }
	return t
}

func (o Options) layerCells(l *inspect.LayerInfo, largest float64) []cell {
	columns := 6
	if o.width() >= wide {
		columns = 10
	}
	base := cell{Raw: strconv.FormatBool(l.Base)}
	if l.Base {
		base.Text = "base"
	}
	return []cell{
		countCell(int64(l.Number)), o.digestCell(l.Digest), o.bytesCell(l.Content), o.bytesCell(l.Unpacked),
		{o.bar(l.Share, largest, columns) + fmt.Sprintf(" %5s", percent(l.Share)), strconv.FormatFloat(l.Share, 'f', -1, 64)},
		countCell(l.Files), o.stepCell(l.Step), base,
		o.textCell(l.DiffID), o.textCell(l.Compression), o.bytesCell(l.Reclaimable),
	}
}

func (o Options) imageHead(r *inspect.Report) []string {
	head := o.about(r.Image)
	reclaimable := o.Units.Bytes(r.Reclaimable.Bytes) + " reclaimable"
	if r.Totals.Unpacked > 0 {
		reclaimable += fmt.Sprintf(" (%.1f %%)", float64(r.Reclaimable.Bytes)/float64(r.Totals.Unpacked)*100)
	}
	base := ""
	if r.Base != nil {
		base = fmt.Sprintf("base %s (%d of %s)", o.Escape(r.Base.Name), r.Base.Layers, plural(int64(r.Totals.Layers), "layer"))
	}
	head = append(head, o.items(o.Units.Bytes(r.Totals.Content)+" content", o.Units.Bytes(r.Totals.Unpacked)+" unpacked",
		plural(int64(r.Totals.Layers), "layer"), reclaimable, base)...)
	if r.Base != nil && r.Own != nil {
		head = append(head, o.items("base "+o.weight(r.Base.Content, &r.Base.Unpacked), "own "+o.weight(r.Own.Content, r.Own.Unpacked))...)
	}
	return append(head, "")
}

// weight is what some layers weigh, in both ways.
func (o Options) weight(content int64, unpacked *int64) string {
	text := o.Units.Bytes(content) + " content"
	if unpacked != nil {
		text += ", " + o.Units.Bytes(*unpacked) + " unpacked"
	}
	return text
}

// about is the lines that say which image a report is about.
func (o Options) about(i inspect.ImageInfo) []string {
	distribution := ""
	if i.Distribution != nil {
		distribution = o.oneLine(i.Distribution.Name)
	}
	return o.items(o.Escape(i.Name), o.Escape(i.Platform), o.ends(i.Digest), Age(i.Created, o.Now), distribution)
}

func (o Options) imageFoot(r *inspect.Report) []string {
	var foot []string
	if r.Reclaimable.Paths > 0 {
		foot = append(foot, "", fmt.Sprintf("Reclaimable %s, which later layers hide (layer%shidden by):",
			o.Units.Bytes(r.Reclaimable.Bytes), o.hides()))
		foot = append(foot, o.hiddenList(&r.Reclaimable, o.listLimit(hiddenLines), r.Image.Name)...)
	}
	foot = append(foot, o.emptySteps(r.Empty)...)
	if notes := append(o.notes(r.Notes), o.lintNotes(r.Layers)...); len(notes) > 0 {
		foot = append(append(foot, ""), notes...)
	}
	return foot
}

// emptySteps are the steps that made no layer: in one line, or one a line if
// nothing may be cut.
func (o Options) emptySteps(steps []inspect.EmptyStep) []string {
	if len(steps) == 0 {
		return nil
	}
	title := plural(int64(len(steps)), "step") + " without a layer:"
	line := title
	lines := []string{"", title}
	for i := range steps {
		text := o.stepText(&steps[i].Step)
		if i > 0 {
			line += ";"
		}
		line += " " + text
		lines = append(lines, fmt.Sprintf("  after layer %d  %s", steps[i].After, text))
	}
	if o.NoTrunc {
		return lines
	}
	return []string{"", o.Truncate(line, o.width())}
}

func (o Options) notes(notes []inspect.Note) []string {
	var lines []string
	for _, n := range notes {
		where := "note: "
		if n.Layer > 0 {
			where = fmt.Sprintf("note: layer %d: ", n.Layer)
		}
		lines = append(lines, where+o.oneLine(n.Detail))
	}
	return lines
}

// lintNotes says which layers hold odd entries, and how many of which kind.
func (o Options) lintNotes(layers []inspect.LayerInfo) []string {
	var lines []string
	for _, l := range layers {
		if l.Lints == nil {
			continue
		}
		lines = append(lines, o.Truncate(fmt.Sprintf("odd: layer %d: %s", l.Number, lintText(l.Lints)), o.width()))
	}
	return lines
}

func lintText(s *inspect.LintSummary) string {
	text := ""
	counted := 0
	for _, code := range slices.Sorted(maps.Keys(s.Codes)) {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%d %s", s.Codes[code], code)
		counted += s.Codes[code]
	}
	if counted < s.Total {
		text += fmt.Sprintf(", and %d more", s.Total-counted)
	}
	return text
}

func reclaimableTable(r *inspect.ReclaimableReport, o Options) *grid {
	t := hiddenTable(&r.Reclaimable, r.Reclaimable.Top, o)
	content := ""
	if r.Reclaimable.Content != nil {
		content = "in " + o.Units.Bytes(*r.Reclaimable.Content) + " content"
	}
	head := o.about(r.Image)
	head = append(head, o.items(o.Units.Bytes(r.Reclaimable.Bytes)+" reclaimable of "+o.Units.Bytes(r.Totals.Unpacked)+" unpacked",
		content, plural(r.Reclaimable.Paths, "path"), copies(r.Reclaimable.Copies))...)
	t.Head = append(head, "", fmt.Sprintf("By %s bytes. HIDDEN: layer%sthe later one that hides it.",
		r.Reclaimable.By, o.hides()))
	t.Foot = func() ([]string, error) { return o.left(&r.Reclaimable, len(r.Reclaimable.Top), r.Image.Name), nil }
	return t
}

func copies(n int64) string {
	if n == 1 {
		return "1 hidden copy"
	}
	return Count(n) + " hidden copies"
}

// hides stands between a layer and the one that hides what it carries.
func (o Options) hides() string { return o.symbol(" → ", " -> ") }

// hiddenTable lists hidden paths, or what a layer hid. Content has a column where it
// is what they are ranked by.
func hiddenTable(r *inspect.Reclaimable, list []inspect.Hidden, o Options) *grid {
	byContent := r.By == inspect.ByContent
	t := &grid{Columns: []column{
		{Title: "COPIES", Right: true}, {Title: "UNPACKED", Right: true}, {Title: "CONTENT", Right: true, Machine: !byContent},
		{Title: "PATH", Narrow: true, Paths: true},
		{Title: "HIDDEN", Key: "layers"}, {Key: "hidden_by", Machine: true},
	}}
	var rows []gridRow
	for i := range list {
		rows = append(rows, gridRow{Cells: o.hiddenCells(&list[i], byContent), Value: &list[i]})
	}
	t.Rows = listRows(rows)
	return t
}

func (o Options) hiddenCells(h *inspect.Hidden, byContent bool) []cell {
	var carriers, hiders []int
	same := true
	for _, c := range h.Copies {
		carriers = append(carriers, c.Layer)
		hiders = append(hiders, c.HiddenBy)
		same = same && c.Bytes == h.Copies[0].Bytes && !byContent // no two copies have quite the same content
	}
	n := len(h.Copies)
	count := cell{"", strconv.Itoa(n)}
	size := o.bytesCell(h.Bytes)
	switch {
	case n > 1 && same:
		count.Text = fmt.Sprintf("%d %s", n, o.symbol("×", "x"))
		size.Text = o.Units.Bytes(h.Bytes / int64(n))
	case n > 1:
		count.Text = fmt.Sprintf("%d, sum", n)
	}
	where := numbers(carriers) + o.hides() + numbers(hiders)
	return []cell{count, size, o.maybeBytes(h.Content), o.pathCell(h.Path), {where, numbers(carriers)}, {"", numbers(hiders)}}
}

// hiddenList is the first hidden paths in lines, and how to see the rest.
func (o Options) hiddenList(r *inspect.Reclaimable, limit int, image string) []string {
	shown := r.Top[:min(limit, len(r.Top))]
	t := hiddenTable(r, shown, o)
	several := func(h inspect.Hidden) bool { return len(h.Copies) > 1 }
	t.Columns[0].Machine = !slices.ContainsFunc(shown, several)
	for i := range t.Columns {
		t.Columns[i].Title = ""
	}
	return append(t.lines("  ", o), o.left(r, len(shown), image)...)
}

// left says how many hidden paths are not shown.
func (o Options) left(r *inspect.Reclaimable, shown int, image string) []string {
	n := r.Paths - int64(shown)
	if n <= 0 {
		return nil
	}
	line := "  " + o.ellipsis() + " " + plural(n, "path")
	if image != "" {
		by := ""
		if r.By == inspect.ByContent {
			by = "--by content "
		}
		line += ": layers inspect --reclaimable " + by + "--limit 0 " + o.Escape(image)
	}
	return []string{line}
}
