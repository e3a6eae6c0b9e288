package report

import (
	"fmt"

	"github.com/layers/layers/diff"
)

// verdictTable is whether two images are the same, and where not.
func verdictTable(v *diff.Verdict, o Options) *grid {
	head := []string{o.verdict(v)}
	for i := range v.Config {
		head = append(head, "  "+o.configText(&v.Config[i]))
	}
	t := &grid{Head: head, Columns: []column{
		{Title: "", Key: "kind"}, {Title: "", Key: "path", Narrow: true, Paths: true}, {Title: "", Key: "what", Narrow: true},
		{Key: "old_layer", Machine: true}, {Key: "new_layer", Machine: true},
	}}
	var rows []gridRow
	for i := range v.Changes {
		r := &v.Changes[i]
		rows = append(rows, gridRow{Value: r, Cells: []cell{
			{"  " + kindMarks[r.Kind], string(r.Kind)}, o.rowPath(r), {o.differs(r), rawWhat(r)}, sideLayer(r.Old), sideLayer(r.New),
		}})
	}
	t.Rows = listRows(rows)
	if v.Truncated {
		t.Foot = func() ([]string, error) { return []string{"  " + o.ellipsis() + " and more: --limit 0 shows all"}, nil }
	}
	return t
}

// verdict is the answer in one line, with the first reason.
func (o Options) verdict(v *diff.Verdict) string {
	files, config := "same files", ", same configuration"
	if !v.SameConfig {
		config = ", another configuration"
	}
	if !v.SameFiles {
		r := &v.Changes[0]
		files = fmt.Sprintf("not the same files: %s: %s", o.Path(r.Path), o.differs(r))
	}
	return files + config
}

// differs says how a path differs, in words.
func (o Options) differs(r *diff.Row) string {
	what := o.rowWhat(r)
	switch {
	case r.Kind == diff.Modified:
		return what
	case what == "":
		return string(r.Kind)
	}
	return string(r.Kind) + ", " + what
}
