package report

import (
	"time"

	"github.com/layers/layers/inspect"
)

func imagesTable(r *inspect.ImagesReport, o Options) *Table {
	same := samePlatform(r) && o.width() < wide
	t := &Table{Columns: []Column{
		{Title: "NAME", Narrow: true, Paths: true}, {Title: "DIGEST"}, {Title: "PLATFORM", Machine: same}, {Title: "CREATED"}, {Title: "PULLED", Machine: true},
		{Title: "CONTENT", Right: true}, {Title: "UNPACKED", Right: true}, {Title: "SHARED", Right: true},
		{Key: "layers", Machine: true},
	}}
	var rows []Row
	for i := range r.Images {
		rows = append(rows, Row{Cells: o.imageCells(&r.Images[i]), Value: &r.Images[i]})
	}
	t.Rows = ListRows(rows)
	t.Foot = func() []string {
		if len(r.Images) < 2 {
			return nil
		}
		line := o.Units.Bytes(r.Content) + " content in all, each blob once"
		if same {
			line += "; all for " + o.Escape(r.Images[0].Platform)
		}
		return []string{"", line}
	}
	return t
}

// samePlatform reports whether several images are all for one platform.
func samePlatform(r *inspect.ImagesReport) bool {
	for _, i := range r.Images {
		if i.Platform != r.Images[0].Platform || i.Platform == "" {
			return false
		}
	}
	return len(r.Images) > 1
}

func (o Options) imageCells(i *inspect.ImageRow) []Cell {
	name := o.textCell(i.Name)
	if i.Name == "" {
		name.Text = "-"
	}
	return []Cell{
		name, o.digestCell(i.Digest), o.textCell(i.Platform), o.timeCell(i.Created), o.timeCell(i.Pulled),
		o.bytesCell(i.Content), o.maybeBytes(i.Unpacked), o.bytesCell(i.Shared), countCell(int64(i.Layers)),
	}
}

func (o Options) timeCell(t *time.Time) Cell {
	if t == nil {
		return Cell{}
	}
	return Cell{Age(t, o.Now), t.UTC().Format(time.RFC3339Nano)}
}
