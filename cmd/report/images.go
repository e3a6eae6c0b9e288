package report

import (
	"time"

	"github.com/layers/layers/inspect"
)

func imagesTable(r *inspect.ImagesReport, o Options) *grid {
	same := samePlatform(r) && o.width() < wide
	t := &grid{Columns: []column{
		{Title: "NAME", Narrow: true, Paths: true}, {Title: "DIGEST"}, {Title: "PLATFORM", Machine: same}, {Title: "CREATED"}, {Title: "PULLED", Machine: true},
		{Title: "CONTENT", Right: true}, {Title: "UNPACKED", Right: true}, {Title: "SHARED", Right: true},
		{Key: "layers", Machine: true},
	}}
	var rows []gridRow
	for i := range r.Images {
		rows = append(rows, gridRow{Cells: o.imageCells(&r.Images[i]), Value: &r.Images[i]})
	}
	t.Rows = listRows(rows)
	t.Foot = func() ([]string, error) {
		if len(r.Images) < 2 {
			return nil, nil
		}
		line := o.Units.Bytes(r.Content) + " content in all, each blob once"
		if same {
			line += "; all for " + o.Escape(r.Images[0].Platform)
		}
		return []string{"", line}, nil
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

func (o Options) imageCells(i *inspect.ImageRow) []cell {
	name := o.textCell(i.Name)
	if i.Name == "" {
		name.Text = "-"
	}
	return []cell{
		name, o.digestCell(i.Digest), o.textCell(i.Platform), o.timeCell(i.Created), o.timeCell(i.Pulled),
		o.bytesCell(i.Content), o.maybeBytes(i.Unpacked), o.bytesCell(i.Shared), countCell(int64(i.Layers)),
	}
}

func (o Options) timeCell(t *time.Time) cell {
	if t == nil {
		return cell{}
	}
	return cell{Age(t, o.Now), t.UTC().Format(time.RFC3339Nano)}
}
