package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/layers/layers/diff"
)

// writeDiffMarkdown writes what changed as a comment on a change: the sums and causes in
// sight, the rest folded.
func writeDiffMarkdown(w io.Writer, r *diff.Report, o Options) error {
	c := &comment{left: mostMarkdown - closing}
	o.NoTrunc = true
	c.write("### " + c.cell(o.Escape(r.Old.Name)) + " → " + c.cell(o.Escape(r.New.Name)) + "\n\n")
	c.amounts(r, o)
	c.causes(r, o)
	c.fold("Layers: "+strings.Join(o.relations(r), " "), layerPairsTable(r.Layers, o))
	if sums := o.fileSums(&r.Files); len(r.Biggest) > 0 {
		c.fold("Files: "+strings.Join(sums, ", "), biggestTable(r, o))
	} else {
		c.write("Files: " + markdown(strings.Join(sums, ", ")) + "\n\n")
	}
	if p := r.PackagesReport(); p != nil && len(p.Packages.Changed) > 0 {
		c.fold("Packages: "+plural(int64(len(p.Packages.Changed)), "change"), diffPackagesTable(p, o))
	}
	if len(r.Config) > 0 {
		c.fold("Configuration: "+plural(int64(len(r.Config)), "change"), diffConfigTable(r.ConfigReport(), o))
	}
	_, err := io.WriteString(w, strings.TrimRight(c.text.String(), "\n")+"\n")
	return err
}

func (c *comment) amounts(r *diff.Report, o Options) {
	c.write(c.row("", "before", "after", "change") + c.row("---", "---:", "---:", "---:"))
	add := func(name string, a diff.Amount) {
		c.write(c.row(name, o.Units.Bytes(a.Old), o.Units.Bytes(a.New), strings.TrimSpace("**"+o.change(a.Change)+"** "+growth(a))))
	}
	if r.Content != nil {
		add("content", *r.Content)
	}
	add("unpacked", r.Unpacked)
	c.write("\n")
	if r.Fetch != nil {
		c.write("A host that has " + c.cell(o.Escape(r.Old.Name)) + " fetches " + o.Units.Bytes(*r.Fetch) + ".\n\n")
	}
}

func (c *comment) causes(r *diff.Report, o Options) {
	short := o
	short.NoTrunc = false
	for i := range r.Causes {
		if i == mostCauses {
			c.write("- " + plural(int64(len(r.Causes)-i), "layer") + " more\n")
			break
		}
		cause := &r.Causes[i]
		step := ""
		if cause.Step != nil {
			step = ": " + c.cell(short.diffStep(cause.Step))
		}
		c.write(fmt.Sprintf("- **%s** layer %d%s\n", o.change(cause.Unpacked), cmp.Or(cause.New, cause.Old), step))
		for j := range cause.Parts {
			if j == mostParts || cause.Unpacked == 0 {
				break
			}
			c.write("  - " + o.change(cause.Parts[j].Change) + " " + c.cell(short.partText(&cause.Parts[j])) + "\n")
		}
	}
	c.write("\n")
}

// fold writes a table that is folded, as far as there is room.
func (c *comment) fold(summary string, t *grid) {
	c.write("<details><summary>" + c.cell(summary) + "</summary>\n\n")
	defer c.write("\n</details>\n\n")
	s := t.shown()
	titles, rule := s.titles(), make([]string, len(s.Columns))
	for i, column := range s.Columns {
		rule[i] = "---"
		if column.Right {
			rule[i] = "---:"
		}
	}
	c.write(c.row(titles...) + c.row(rule...))
	left := 0
	for row, err := range s.Rows {
		if err != nil { // rows of a report are all there
			break
		}
		cells := texts(row)
		for i := range cells {
			cells[i] = c.cell(cells[i])
		}
		line := c.row(cells...)
		if left > 0 || utf8.RuneCountInString(line) > c.left {
			left++
			continue
		}
		c.write(line)
	}
	if left > 0 {
		c.write("\n… and " + plural(int64(left), "row") + " more\n")
	}
}

// biggestTable lists the files that changed most.
func biggestTable(r *diff.Report, o Options) *grid {
	t := &grid{Columns: []column{{Title: ""}, {Title: "CHANGE", Right: true}, {Title: "PATH"}, {Title: "LAYER"}, {Title: "WHAT"}}}
	var rows []gridRow
	for i := range r.Biggest {
		row := &r.Biggest[i]
		rows = append(rows, gridRow{Cells: []cell{
			{Text: kindMarks[row.Kind]}, o.changeCell(row.Change), o.rowPath(row), o.rowLayers(row), {Text: o.rowWhat(row)},
		}})
	}
	t.Rows = listRows(rows)
	return t
}
