package report

import (
	"fmt"

	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/inspect"
)

// plannedRow is a layer with the image that it would be pulled for.
type plannedRow struct {
	Image    string `json:"image"`
	Platform string `json:"platform,omitempty"`
	*inspect.PlannedLayer
}

func pullPlanTable(r *inspect.PullPlan, o Options) *grid {
	t := &grid{Columns: []column{
		{Key: "image", Machine: true}, {Key: "platform", Machine: true}, {Title: "#", Key: "layer", Right: true}, {Title: "DIGEST"},
		{Title: "CONTENT", Right: true}, {Title: "FETCH", Right: true}, {Title: "WHAT", Key: "state", Narrow: true},
		{Key: "partial", Machine: true}, {Key: "with", Machine: true},
	}, Machine: true}
	var rows []gridRow
	for i := range r.Images {
		img := &r.Images[i]
		for n := range img.Layers {
			rows = append(rows, gridRow{Cells: o.plannedCells(img, n), Value: plannedRow{img.Name, img.Platform, &img.Layers[n]}})
		}
	}
	t.Rows = listRows(rows)
	t.Head = o.pullPlanHead(r)
	return t
}

// pullPlanHead is a table for each image, and the sums.
func (o Options) pullPlanHead(r *inspect.PullPlan) []string {
	var head []string
	for i := range r.Images {
		img := &r.Images[i]
		if i > 0 {
			head = append(head, "")
		}
		head = append(head, o.items(o.Escape(img.Name), o.Escape(img.Platform), o.ends(img.Digest))...)
		head = append(head, o.items(o.sumItems(img.PullSums)...)...)
		t := &grid{Columns: []column{
			{Title: "#", Right: true}, {Title: "DIGEST"}, {Title: "CONTENT", Right: true}, {Title: "FETCH", Right: true}, {Title: "WHAT", Narrow: true},
		}}
		var rows []gridRow
		for n := range img.Layers {
			rows = append(rows, gridRow{Cells: o.plannedCells(img, n)[2:7]})
		}
		t.Rows = listRows(rows)
		if len(rows) > 0 {
			head = append(head, t.lines("", o)...)
		}
	}
	if len(r.Images) > 1 {
		head = append(head, "")
		head = append(head, o.items(append([]string{plural(int64(len(r.Images)), "image")}, o.sumItems(r.Total)...)...)...)
	}
	return head
}

func (o Options) sumItems(s inspect.PullSums) []string {
	items := []string{o.Units.Bytes(s.Content) + " content", o.Units.Bytes(s.Here) + " here"}
	if s.Shared > 0 {
		items = append(items, o.Units.Bytes(s.Shared)+" with images above")
	}
	return append(items, fmt.Sprintf("%s to fetch (%s)", o.Units.Bytes(s.Fetch), plural(int64(s.ToFetch), "layer")))
}

func (o Options) plannedCells(img *inspect.PlannedPull, n int) []cell {
	l := &img.Layers[n]
	what := ""
	switch l.State {
	case inspect.PullHere:
		what = "here"
	case inspect.PullPartly:
		what = fmt.Sprintf("partly here (%s of a download that was cut)", o.Units.Bytes(l.Partial))
	case inspect.PullFetch:
		what = "to fetch"
	case inspect.PullShared:
		what = "with " + o.Escape(l.With)
	}
	return []cell{
		o.textCell(img.Name), o.textCell(img.Platform), countCell(int64(n + 1)), o.digestCell(l.Digest), o.bytesCell(l.Content), o.bytesCell(l.Fetch),
		{what, string(l.State)}, o.bytesCell(l.Partial), {"", term.Escape(l.With)},
	}
}
