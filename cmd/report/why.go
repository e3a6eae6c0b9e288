package report

import (
	"fmt"
	"strings"

	"github.com/layers/layers/inspect"
)

func whyTable(r *inspect.WhyReport, o Options) *grid {
	several := len(r.Paths) > 1
	t := &grid{Head: o.whyHead(r), Columns: []column{
		{Title: "PATH", Narrow: true, Paths: true, Machine: !several}, {Title: "LAYER", Right: true}, {Title: "DIGEST", Machine: o.width() < wide},
		{Title: "WHAT", Narrow: true}, {Title: "SIZE", Key: "before"}, {Key: "after", Machine: true},
		{Title: "NOW", Key: "visible"}, {Title: "CREATED BY", Key: "created_by", Narrow: true},
	}}
	var rows []gridRow
	for i := range r.Paths {
		for j := range r.Paths[i].Events {
			e := &r.Paths[i].Events[j]
			rows = append(rows, gridRow{Cells: o.eventCells(&r.Paths[i], e), Value: whyRow{r.Paths[i].Named, e}})
		}
	}
	t.Rows = listRows(rows)
	t.Foot = func() ([]string, error) { return o.whyFoot(r), nil }
	return t
}

// whyRow is an event with the path that it is about.
type whyRow struct {
	inspect.Named
	*inspect.Event
}

func (o Options) whyHead(r *inspect.WhyReport) []string {
	head := o.about(r.Image)
	for _, h := range r.Hops {
		head = append(head, o.Path(h.Path)+" is a link to "+o.Escape(h.Target))
	}
	for _, p := range r.Paths {
		head = append(head, o.Path(p.Path)+": "+o.nowText(p.Now))
	}
	if r.Dangling != nil {
		head = append(head, o.Path(r.Dangling.Path)+": nothing is there, and never was")
	}
	return append(head, "")
}

// nowText says what the image has at a path.
func (o Options) nowText(now *inspect.Row) string {
	if now == nil {
		return "not in the image any more"
	}
	text := modeText(now) + fmt.Sprintf(" %d:%d", now.UID, now.GID)
	switch {
	case now.Kind == "symlink":
		text += ", a link to " + o.Escape(now.Link)
	case now.Size != nil:
		text += ", " + o.Units.Bytes(*now.Size)
	default:
		text += ", " + now.Kind
	}
	return text + fmt.Sprintf(", of layer %d", now.Layer)
}

func (o Options) eventCells(p *inspect.PathHistory, e *inspect.Event) []cell {
	visible := cell{"", "false"}
	if e.Visible {
		visible = cell{"here", "true"}
	}
	before, after := o.rowBytes(e.Before), o.rowBytes(e.After)
	size := cell{before.Text, before.Raw}
	switch {
	case before.Text == "" || before.Text == after.Text:
		size.Text = after.Text
	case after.Text != "":
		size.Text += o.symbol(" → ", " -> ") + after.Text
	default:
		size.Text = "-" + before.Text
	}
	return []cell{
		o.pathCell(p.Path), countCell(int64(e.Layer)), o.digestCell(e.Digest), o.textCell(o.eventText(p, e)),
		size, after, visible, o.stepCell(e.Step),
	}
}

func (o Options) rowBytes(r *inspect.Row) cell {
	if r == nil {
		return cell{}
	}
	return o.maybeBytes(r.Size)
}

// eventText says in words what a layer did at a path. It is not escaped.
func (o Options) eventText(p *inspect.PathHistory, e *inspect.Event) string {
	switch e.Change {
	case inspect.Added:
		return "added"
	case inspect.Linked:
		return "added as a hard link"
	case inspect.Content:
		return strings.Join(append([]string{"new content"}, o.changedTexts(e.Changed)...), ", ")
	case inspect.Attributes:
		return strings.Join(o.changedTexts(e.Changed), ", ")
	case inspect.Rewritten:
		return "written again, nothing differs"
	case inspect.Replaced:
		return fmt.Sprintf("replaced %s by %s", e.Before.Kind, e.After.Kind)
	case inspect.Removed:
		return "removed" + removedHow(p, e.By)
	case inspect.Nothing:
		return "whiteout of nothing"
	case inspect.Dangling:
		return "hard link that leads nowhere"
	case inspect.Merged:
		return "directory kept"
	}
	return string(e.Change)
}

func removedHow(p *inspect.PathHistory, by *inspect.RemovedBy) string {
	if by == nil {
		return ""
	}
	at := ""
	if by.Path != p.Path {
		at = " of /" + by.Path
	}
	switch by.How {
	case "opaque":
		return ": opaque mark" + at
	case "replaced":
		return ": something else took the place" + at
	}
	return ": " + by.How + at
}

// changedTexts says which attributes differ; what other columns show is left out.
func (o Options) changedTexts(list []inspect.Changed) []string {
	arrow := o.symbol("→", "->")
	var out []string
	for _, c := range list {
		switch c.What {
		case "size", "digest", "kind":
		case "modified":
			out = append(out, "new time")
		case "xattrs":
			out = append(out, "xattr "+strings.TrimSpace(c.From+arrow+c.To))
		default:
			out = append(out, c.What+" "+c.From+arrow+c.To)
		}
	}
	return out
}

// whyFoot says, of directories, what is below them.
func (o Options) whyFoot(r *inspect.WhyReport) []string {
	var foot []string
	for _, p := range r.Paths {
		if len(p.Below) == 0 {
			continue
		}
		foot = append(foot, "", "Below "+o.Path(p.Path)+":")
		foot = append(foot, belowTable(p.Below, o).lines("  ", o)...)
	}
	return foot
}

func belowTable(list []inspect.Contribution, o Options) *grid {
	t := &grid{Columns: []column{
		{Title: "LAYER", Right: true}, {Title: "FILES", Right: true}, {Title: "UNPACKED", Right: true},
		{Title: "HIDDEN FILES", Right: true}, {Title: "WHITEOUTS", Right: true},
	}}
	var rows []gridRow
	for _, c := range list {
		rows = append(rows, gridRow{Cells: []cell{
			countCell(int64(c.Layer)), countCell(c.Files), o.bytesCell(c.Bytes), countCell(c.Hidden), countCell(c.Whiteouts),
		}})
	}
	t.Rows = listRows(rows)
	return t
}
