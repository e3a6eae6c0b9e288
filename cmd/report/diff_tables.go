package report

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/diff"
)

// layerPairsTable lists the layers of both sides, aligned.
func layerPairsTable(pairs []diff.LayerPair, o Options) *grid {
	t := &grid{Columns: []column{
		{Title: "OLD", Right: true}, {Title: "NEW", Right: true}, {Title: "WHAT", Key: "relation"},
		{Title: "CONTENT", Key: "content_change", Right: true}, {Title: "UNPACKED", Key: "unpacked_change", Right: true},
		{Title: "CREATED BY", Key: "created_by", Narrow: true},
		{Key: "old_digest", Machine: true}, {Key: "new_digest", Machine: true}, {Key: "likeness", Machine: true},
	}}
	var rows []gridRow
	for i := range pairs {
		rows = append(rows, gridRow{Cells: o.pairCells(&pairs[i]), Value: &pairs[i]})
	}
	t.Rows = listRows(rows)
	return t
}

func (o Options) pairCells(p *diff.LayerPair) []cell {
	old, new := o.layerNumber(p.Old), o.layerNumber(p.New)
	content := cell{}
	if p.Content != nil {
		content = o.changeCell(*p.Content)
	}
	likeness := cell{}
	if p.Likeness != nil {
		likeness.Raw = strconv.FormatFloat(*p.Likeness, 'f', -1, 64)
	}
	return []cell{
		old, new, {o.relationText(p), string(p.Relation)}, content, o.changeCell(p.Unpacked),
		o.pairStep(p), {Raw: rawDigest(p.Old)}, {Raw: rawDigest(p.New)}, likeness,
	}
}

func (o Options) layerNumber(s *diff.LayerSide) cell {
	if s == nil {
		return cell{o.symbol("·", "-"), ""}
	}
	return countCell(int64(s.Number))
}

// changeCell has no text where nothing changed.
func (o Options) changeCell(n int64) cell {
	c := cell{o.change(n), strconv.FormatInt(n, 10)}
	if n == 0 {
		c.Text = ""
	}
	return c
}

func rawDigest(s *diff.LayerSide) string {
	if s == nil {
		return ""
	}
	return term.Escape(s.Digest)
}

func (o Options) relationText(p *diff.LayerPair) string {
	text := string(p.Relation)
	switch p.Relation {
	case diff.Rebuilt:
		text = "rebuilt for nothing"
	case diff.Recompressed:
		text = "other compression"
	case diff.Reattributed:
		text = "other " + joinAttributes(p.What)
	case diff.Changed:
		text += fmt.Sprintf(", %.0f %% alike", *p.Likeness*100)
	}
	if p.Elsewhere {
		text += ", moved"
	}
	return text
}

func joinAttributes(list []diff.Attribute) string {
	var words []string
	for _, a := range list {
		words = append(words, string(a))
	}
	return strings.Join(words, ", ")
}

// pairStep is the step of the new layer, and that of the old one if it is another.
func (o Options) pairStep(p *diff.LayerPair) cell {
	var text, raw []string
	for _, s := range []*diff.LayerSide{p.Old, p.New} {
		if s == nil || s.Step == nil || s == p.Old && p.New != nil && !p.StepChanged && p.New.Step != nil {
			continue
		}
		text = append(text, o.diffStep(s.Step))
		raw = append(raw, strings.Join(strings.Fields(s.Step.CreatedBy), " "))
	}
	if len(text) == 2 && text[0] == text[1] {
		text = text[1:]
	}
	return cell{strings.Join(text, o.symbol(" ⇒ ", " => ")), term.Escape(strings.Join(raw, " => "))}
}

// diffLayersTable is the layers alone.
func diffLayersTable(r *diff.LayersReport, o Options) *grid {
	t := layerPairsTable(r.Layers, o)
	t.Head = append(o.sides(r.Old, r.New), "")
	return t
}

func diffPackagesTable(r *diff.PackagesReport, o Options) *grid {
	t := &grid{Head: append(o.sides(r.Old, r.New), ""), Columns: []column{
		{Title: "", Key: "change"}, {Title: "KIND"}, {Title: "PACKAGE", Narrow: true}, {Title: "OLD", Narrow: true}, {Title: "NEW", Narrow: true},
		{Title: "UNPACKED", Key: "unpacked_change", Right: true}, {Key: "arch", Machine: true}, {Key: "path", Machine: true},
	}}
	var rows []gridRow
	for i := range r.Packages.Changed {
		c := &r.Packages.Changed[i]
		rows = append(rows, gridRow{Value: c, Cells: []cell{
			{packageMark(c), packageMark(c)}, o.textCell(string(c.Kind)), o.textCell(c.Name), o.textCell(c.Old), o.textCell(c.New),
			o.changeCell(c.Unpacked), o.textCell(c.Arch), o.textCell(c.Path),
		}})
	}
	t.Rows = listRows(rows)
	rest := r.Packages
	rest.Changed = nil
	if items := o.packageItems(&rest, 0); len(items) > 0 {
		t.Foot = func() ([]string, error) { return append([]string{""}, o.items(items...)...), nil }
	}
	return t
}

func diffConfigTable(r *diff.ConfigReport, o Options) *grid {
	t := &grid{Head: append(o.sides(r.Old, r.New), ""), Columns: []column{
		{Title: "", Key: "text", Narrow: true}, {Key: "kind", Machine: true}, {Key: "field", Machine: true}, {Key: "key", Machine: true},
		{Key: "old", Machine: true}, {Key: "new", Machine: true},
	}}
	o.NoTrunc = true
	var rows []gridRow
	for i := range r.Config {
		c := &r.Config[i]
		old, new := rawPair(c.Old, c.New)
		rows = append(rows, gridRow{Value: c, Cells: []cell{
			{o.configText(c), ""}, o.textCell(string(c.Kind)), o.textCell(c.Field), o.textCell(c.Key), old, new,
		}})
	}
	t.Rows = listRows(rows)
	if len(rows) == 0 {
		t.Foot = func() ([]string, error) { return []string{"the same configuration"}, nil }
	}
	return t
}

func diffFilesTable(l *diff.Listing, o Options) *grid {
	t := &grid{Columns: []column{
		{Title: "", Key: "kind"}, {Title: "CHANGE", Right: true}, {Title: "SIZE", Key: "new_size", Right: true}, {Title: "LAYER"},
		{Title: "PATH", Narrow: true, Paths: true}, {Title: "WHAT", Narrow: true},
		{Key: "old_size", Machine: true}, {Key: "old_layer", Machine: true}, {Key: "new_layer", Machine: true}, {Key: "from", Machine: true},
	}}
	any := false
	t.Rows = func(yield func(gridRow, error) bool) {
		for row, err := range l.Rows() {
			if err != nil {
				yield(gridRow{}, err)
				return
			}
			any = true
			if !yield(gridRow{Cells: o.rowCells(&row), Value: &row}, nil) {
				return
			}
		}
	}
	t.Foot = func() ([]string, error) {
		switch {
		case l.Truncated():
			return []string{o.ellipsis() + " and more: --limit 0 shows all"}, nil
		case !any:
			return []string{"the same files"}, nil
		}
		return nil, nil
	}
	return t
}

func (o Options) rowCells(r *diff.Row) []cell {
	return []cell{
		{kindMarks[r.Kind], string(r.Kind)}, o.changeCell(r.Change), o.sideSize(r.New), o.rowLayers(r), o.rowPath(r), {o.rowWhat(r), rawWhat(r)},
		o.sideSize(r.Old), sideLayer(r.Old), sideLayer(r.New), rawFrom(r),
	}
}

func (o Options) sideSize(s *diff.RowSide) cell {
	if s == nil || s.Size == nil {
		return cell{}
	}
	return o.bytesCell(*s.Size)
}

func sideLayer(s *diff.RowSide) cell {
	if s == nil {
		return cell{}
	}
	return countCell(int64(s.Layer))
}

// rowLayers are the layers that a path is from; to programs, the one that answers for it
// now.
func (o Options) rowLayers(r *diff.Row) cell {
	old, new := sideLayer(r.Old).Text, sideLayer(r.New).Text
	if r.By != nil {
		new = strconv.Itoa(r.By.Layer)
	}
	c := cell{cmp.Or(new, old), cmp.Or(new, old)}
	if old != "" && new != "" && old != new {
		c.Text = old + o.arrow() + new
	}
	return c
}

func (o Options) rowPath(r *diff.Row) cell {
	c := o.pathCell(r.Path)
	side := r.New
	if side == nil {
		side = r.Old
	}
	if side.Kind == "dir" && r.Path != "" {
		c.Text += "/"
	}
	return c
}

// rowWhat says how a path differs; what other columns show is left out.
func (o Options) rowWhat(r *diff.Row) string {
	var words []string
	if r.From != nil {
		words = append(words, "was "+o.Path(r.From.Path))
	}
	if r.Kind == diff.Replaced {
		words = append(words, r.Old.Kind+o.arrow()+r.New.Kind)
	}
	for _, a := range r.What {
		words = append(words, o.attributeText(a, r.Old, r.New))
	}
	if r.Kind == diff.Added && r.New.Kind != "file" && r.New.Kind != "dir" {
		words = append(words, o.kindText(r.New))
	}
	if r.Kind == diff.Deleted && r.Old.Kind != "file" && r.Old.Kind != "dir" {
		words = append(words, o.kindText(r.Old))
	}
	return strings.Join(words, ", ")
}

func (o Options) kindText(s *diff.RowSide) string {
	if s.Kind == "symlink" {
		return o.symbol("→ ", "-> ") + o.Escape(s.Link)
	}
	return s.Kind
}

func (o Options) attributeText(a diff.Attribute, old, new *diff.RowSide) string {
	switch a {
	case diff.Mode:
		return "mode " + old.Mode + o.arrow() + new.Mode
	case diff.Owner:
		return fmt.Sprintf("owner %d:%d%s%d:%d", old.UID, old.GID, o.arrow(), new.UID, new.GID)
	case diff.Target:
		return "link " + o.Escape(old.Link) + o.arrow() + o.Escape(new.Link)
	case diff.Device:
		return "device " + old.Device + o.arrow() + new.Device
	}
	return string(a)
}

func rawWhat(r *diff.Row) string { return strings.ReplaceAll(joinAttributes(r.What), ", ", " ") }

func rawFrom(r *diff.Row) cell {
	if r.From == nil {
		return cell{}
	}
	return cell{Raw: term.Escape(r.From.Path)}
}

func diffDirsTable(r *diff.DirsReport, o Options) *grid {
	t := &grid{Columns: []column{
		{Title: "CHANGE", Right: true}, {Title: "+", Key: "added", Right: true}, {Title: "-", Key: "deleted", Right: true},
		{Title: "~", Key: "modified", Right: true}, {Title: "DIRECTORY", Narrow: true, Paths: true},
		{Key: "old_bytes", Machine: true}, {Key: "new_bytes", Machine: true},
	}}
	var rows []gridRow
	for i := range r.Dirs {
		d := &r.Dirs[i]
		rows = append(rows, gridRow{Value: d, Cells: []cell{
			o.changeCell(d.Change), countCell(d.Added), countCell(d.Deleted), countCell(d.Modified), o.pathCell(d.Path), o.bytesCell(d.Old), o.bytesCell(d.New),
		}})
	}
	t.Rows = listRows(rows)
	t.Foot = func() ([]string, error) {
		if r.Omitted > 0 {
			return []string{fmt.Sprintf("%s and %s more: --limit 0 shows all", o.ellipsis(), Count(int64(r.Omitted)))}, nil
		}
		return nil, nil
	}
	return t
}

func trendTable(r *diff.TrendReport, o Options) *grid {
	t := &grid{Columns: []column{
		{Title: "IMAGE"}, {Title: "CONTENT", Right: true}, {Title: "", Key: "content_change", Right: true},
		{Title: "UNPACKED", Right: true}, {Title: "", Key: "unpacked_change", Right: true}, {Title: "LAYERS", Right: true},
		{Title: "PACKAGES", Right: true}, {Title: "MOVED MOST", Key: "cause", Narrow: true},
	}}
	var rows []gridRow
	for i := range r.Points {
		rows = append(rows, gridRow{Cells: o.pointCells(&r.Points[i]), Value: &r.Points[i]})
	}
	t.Rows = listRows(rows)
	return t
}

func (o Options) pointCells(p *diff.Point) []cell {
	cells := []cell{o.textCell(p.Name), o.maybeBytes(p.Content), {}, o.bytesCell(p.Unpacked), {}, countCell(int64(p.Layers)), {}, {}}
	if p.Packages != nil {
		cells[6] = countCell(int64(*p.Packages))
	}
	if s := p.Since; s != nil {
		if s.Content != nil {
			cells[2] = o.changeCell(*s.Content)
		}
		cells[4] = o.changeCell(s.Unpacked)
		if c := s.Cause; c != nil {
			text := fmt.Sprintf("%s layer %d", o.change(c.Unpacked), cmp.Or(c.New, c.Old))
			if c.Step != nil {
				text += " " + o.diffStep(c.Step)
			}
			cells[7] = cell{text, text}
		}
	}
	return cells
}
