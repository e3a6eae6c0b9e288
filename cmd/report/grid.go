package report

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// grid is a table: rows with lines of text before and after them. All its strings are
// escaped, but for cell.Raw.
type grid struct {
	Head    []string
	Columns []column
	Rows    iter.Seq2[gridRow, error]
	// Machine leaves the rows to CSV and JSON lines; people have Head and Foot.
	Machine bool
	// Foot returns the lines below the rows; it is asked after the last one. nil is
	// none. Markdown has Head and Foot too, CSV and JSON lines do not.
	Foot func() ([]string, error)
}

// column is a column of a grid.
type column struct {
	Title string // as people see it
	Key   string // in CSV and Markdown; Title in lower case if empty
	Right bool   // numbers
	// Narrow lets the column be cut where the table is wider than the terminal, at
	// the end or, if it holds paths, in the middle.
	Narrow, Paths bool
	// Machine leaves the column to CSV and Markdown; people see it elsewhere.
	Machine bool
}

// gridRow is a row of a grid.
type gridRow struct {
	Cells []cell
	Value any // what JSON lines and templates have of the row
}

// cell is one value; Raw is its form for CSV.
type cell struct{ Text, Raw string }

// listRows makes the rows of a grid of a slice.
func listRows(rows []gridRow) iter.Seq2[gridRow, error] {
	return func(yield func(gridRow, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// drawn is how many rows are drawn with all of them known. Where there are more,
// the columns are as wide as these need, and the rest is written as it comes.
const drawn = 300

func (t *grid) write(w io.Writer, o Options) error {
	out := newPrinter(w, o)
	out.lines(t.Head)
	if !t.Machine {
		if err := t.writeRows(out, o); err != nil {
			return err
		}
	}
	foot, err := t.foot()
	if err != nil {
		return err
	}
	out.lines(foot)
	return out.flush()
}

func (t *grid) foot() ([]string, error) {
	if t.Foot == nil {
		return nil, nil
	}
	return t.Foot()
}

// shown is the table without the columns that people do not see.
func (t *grid) shown() *grid {
	s := &grid{}
	var keep []int
	for i, c := range t.Columns {
		if !c.Machine {
			keep = append(keep, i)
			s.Columns = append(s.Columns, c)
		}
	}
	s.Rows = func(yield func(gridRow, error) bool) {
		for row, err := range t.Rows {
			if err != nil {
				yield(gridRow{}, err)
				return
			}
			cells := make([]cell, len(keep))
			for i, k := range keep {
				cells[i] = row.Cells[k]
			}
			if !yield(gridRow{Cells: cells}, nil) {
				return
			}
		}
	}
	return s
}

func (t *grid) writeRows(out *printer, o Options) error {
	s := t.shown()
	var first [][]string
	var widths []int
	for row, err := range s.Rows {
		if err != nil {
			return err
		}
		cells := texts(row)
		switch {
		case len(first) < drawn:
			first = append(first, cells)
		case widths == nil:
			widths = s.widths(first, o)
			if s.titled() {
				s.stream(out, [][]string{s.titles()}, widths, o)
			}
			s.stream(out, first, widths, o)
			fallthrough
		default:
			s.stream(out, [][]string{cells}, widths, o)
		}
		if out.err != nil {
			return out.err
		}
	}
	if widths != nil || len(first) == 0 {
		return nil
	}
	return s.draw(out, first, o)
}

func texts(r gridRow) []string {
	out := make([]string, len(r.Cells))
	for i, c := range r.Cells {
		out[i] = c.Text
	}
	return out
}

func (t *grid) titles() []string {
	var out []string
	for _, c := range t.Columns {
		out = append(out, c.Title)
	}
	return out
}

// titled reports whether the table has a heading.
func (t *grid) titled() bool { return strings.Join(t.titles(), "") != "" }

const gap = "  "

// widths are those of the columns, cut to the terminal where columns allow it.
func (t *grid) widths(rows [][]string, o Options) []int {
	widths := make([]int, len(t.Columns))
	for _, row := range append([][]string{t.titles()}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], Width(cell))
		}
	}
	total := len(gap) * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for over := total - o.width(); over > 0; over-- {
		i := t.widestNarrow(widths)
		if i < 0 {
			break
		}
		widths[i]--
	}
	return widths
}

// widestNarrow is the column to cut next; -1 if there is none.
func (t *grid) widestNarrow(widths []int) int {
	const least = 12
	widest := -1
	for i, c := range t.Columns {
		if c.Narrow && widths[i] > least && (widest < 0 || widths[i] > widths[widest]) {
			widest = i
		}
	}
	return widest
}

func (t *grid) narrowed(row []string, widths []int, o Options) []string {
	out := make([]string, len(row))
	for i, cell := range row {
		switch c := t.Columns[i]; {
		case c.Narrow && c.Paths:
			cell = o.truncateMiddle(cell, widths[i])
		case c.Narrow:
			cell = o.Truncate(cell, widths[i])
		}
		out[i] = cell
	}
	return out
}

// draw writes a table of which all rows are known.
func (t *grid) draw(out *printer, rows [][]string, o Options) error {
	widths := t.widths(rows, o)
	var b bytes.Buffer
	table := t.borderless(&b)
	if t.titled() {
		table.Header(t.titles())
	}
	for _, row := range rows {
		if err := table.Append(t.narrowed(row, widths, o)); err != nil {
			return fmt.Errorf("drawing a table: %w", err)
		}
	}
	if err := table.Render(); err != nil {
		return fmt.Errorf("drawing a table: %w", err)
	}
	first := t.titled()
	for line := range strings.Lines(b.String()) {
		out.line(strings.TrimRight(line, " \n"), first)
		first = false
	}
	return nil
}

func (t *grid) borderless(w io.Writer) *tablewriter.Table {
	align := make([]tw.Align, len(t.Columns))
	for i, c := range t.Columns {
		align[i] = tw.AlignLeft
		if c.Right {
			align[i] = tw.AlignRight
		}
	}
	cells := tw.CellConfig{
		Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
		Padding:    tw.CellPadding{Global: tw.PaddingNone},
		Alignment:  tw.CellAlignment{PerColumn: align},
	}
	return tablewriter.NewTable(w,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Symbols:  tw.NewSymbolCustom("gap").WithColumn(gap),
			Settings: tw.Settings{Lines: tw.LinesNone, Separators: tw.Separators{BetweenColumns: tw.On}},
		})),
		tablewriter.WithConfig(tablewriter.Config{Header: cells, Row: cells}),
		tablewriter.WithHeaderAutoFormat(tw.Off), tablewriter.WithTrimSpace(tw.Off), tablewriter.WithTrimTab(tw.Off),
		tablewriter.WithEastAsian(tw.Off), // whatever the locale: the same bytes on every run
	)
}

// stream writes rows of a long table in columns of fixed widths.
func (t *grid) stream(out *printer, rows [][]string, widths []int, o Options) {
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range t.narrowed(row, widths, o) {
			if i > 0 {
				b.WriteString(gap)
			}
			pad := strings.Repeat(" ", max(widths[i]-Width(cell), 0))
			if t.Columns[i].Right {
				cell, pad = pad, cell
			}
			b.WriteString(cell)
			b.WriteString(pad)
		}
		out.line(strings.TrimRight(b.String(), " "), false)
	}
}

// lines draws the table into lines of text, each after an indent.
func (t *grid) lines(indent string, o Options) []string {
	var b bytes.Buffer
	o.Width, o.Color = o.width()-Width(indent), false
	out := newPrinter(&b, o)
	if err := t.writeRows(out, o); err != nil {
		return []string{o.Escape(err.Error())}
	}
	if err := out.flush(); err != nil {
		return []string{o.Escape(err.Error())}
	}
	var list []string
	for line := range strings.Lines(b.String()) {
		list = append(list, indent+strings.TrimRight(line, "\n"))
	}
	return list
}
