package report

import (
	"fmt"

	"github.com/layers/layers/inspect"
)

func layerTable(r *inspect.LayerReport, o Options) *grid {
	t := &grid{Head: o.layerHead(r), Columns: []column{
		{Title: "UNPACKED", Right: true}, {Title: "CONTENT", Right: true},
		{Title: "KIND", Machine: true}, {Title: "NAMES", Machine: true}, {Title: "PATH"},
	}}
	var rows []gridRow
	for i := range r.Files {
		f := &r.Files[i]
		path := o.pathCell(f.Path)
		if f.Names > 1 {
			path.Text += fmt.Sprintf("  (%d names)", f.Names)
		}
		rows = append(rows, gridRow{Value: f, Cells: []cell{
			o.bytesCell(f.Unpacked), o.maybeBytes(f.Content), o.textCell(f.Kind), countCell(int64(max(f.Names, 1))), path,
		}})
	}
	t.Rows = listRows(rows)
	t.Foot = func() ([]string, error) { return o.layerFoot(r), nil }
	return t
}

func (o Options) layerHead(r *inspect.LayerReport) []string {
	l := &r.Layer
	head := o.items(fmt.Sprintf("layer %d of %s", l.Number, o.Escape(r.Image.Name)), o.ends(l.Digest), o.Escape(l.Compression))
	head = append(head, o.items(o.Units.Bytes(l.Content)+" content", o.Units.Bytes(l.Unpacked)+" unpacked",
		percent(l.Share)+" of the image", plural(l.Files, "file"), directories(l.Dirs), plural(l.Whiteouts, "whiteout"))...)
	if step := o.stepText(l.Step); step != "" {
		head = append(head, o.Truncate(step, o.width()))
	}
	return append(head, "")
}

func directories(n int64) string {
	if n == 1 {
		return "1 directory"
	}
	return Count(n) + " directories"
}

func (o Options) layerFoot(r *inspect.LayerReport) []string {
	var foot []string
	if rest := r.Layer.Files - int64(len(r.Files)); rest > 0 && len(r.Files) > 0 {
		foot = append(foot, o.ellipsis()+" and "+plural(rest, "file")+" more: --limit 0 shows all")
	}
	if r.Other != nil {
		foot = append(foot, o.Units.Bytes(*r.Other)+" of the content is headers, replaced entries and the archive's end")
	}
	if r.Layer.Reclaimable > 0 {
		foot = append(foot, o.Units.Bytes(r.Layer.Reclaimable)+" of the layer is hidden by later layers")
	}
	if r.Hides.Paths > 0 {
		foot = append(foot, "", o.hidesTitle(&r.Hides))
		foot = append(foot, o.hiddenList(&r.Hides, o.listLimit(len(r.Hides.Top)), "")...)
	}
	if len(r.Lints) > 0 {
		foot = append(foot, "", "Odd:")
		foot = append(foot, o.lintTable(r.Lints).lines("  ", o)...)
	}
	if l := r.Layer.Lints; l != nil && l.Total > len(r.Lints) {
		foot = append(foot, fmt.Sprintf("  %s of %s", o.ellipsis(), Count(int64(l.Total))))
	}
	return foot
}

// hidesTitle says what the columns of the list below it are, which has no heading.
func (o Options) hidesTitle(r *inspect.Reclaimable) string {
	columns := ""
	if r.By == inspect.ByContent {
		columns = "unpacked, content; "
	}
	return fmt.Sprintf("Hides %s of lower layers (%slayer%shidden by):", o.Units.Bytes(r.Bytes), columns, o.hides())
}

func (o Options) lintTable(lints []inspect.Lint) *grid {
	t := &grid{Columns: []column{{}, {Narrow: true, Paths: true}, {Narrow: true}}}
	var rows []gridRow
	for _, l := range lints {
		detail := o.textCell(l.Detail)
		if l.Bytes > 0 {
			detail.Text = o.items(detail.Text, o.Units.Bytes(l.Bytes))[0]
		}
		rows = append(rows, gridRow{Cells: []cell{o.textCell(string(l.Code)), o.pathCell(l.Path), detail}})
	}
	t.Rows = listRows(rows)
	return t
}
