package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/layers/layers/diff"
)

// How much a summary tells, so that it fits one screen.
const (
	mostCauses = 5 // layers
	mostParts  = 3 // of each
	mostItems  = 8 // packages, or parts of the configuration
)

// label is how wide the first column of a summary is.
const label = 9

// diffTable is the summary of what changed; its rows are the layers.
func diffTable(r *diff.Report, o Options) *grid {
	t := layerPairsTable(r.Layers, o)
	t.Head, t.Machine = o.diffSummary(r), true
	return t
}

func (o Options) diffSummary(r *diff.Report) []string {
	lines := o.sides(r.Old, r.New)
	lines = append(lines, o.amounts(r)...)
	lines = append(lines, o.section("layers", " ", o.relations(r))...)
	lines = append(lines, o.causes(r)...)
	lines = append(lines, o.section("FILES", "   ", o.fileSums(&r.Files))...)
	lines = append(lines, o.section("PACKAGES", "   ", o.packageItems(r.Packages, o.listLimit(mostItems)))...)
	lines = append(lines, o.section("CONFIG", "   ", o.configItems(r.Config, o.listLimit(mostItems)))...)
	return append(lines, o.section("NEXT", "   ", o.next(r))...)
}

// next is what to type to see more of what there is.
func (o Options) next(r *diff.Report) (items []string) {
	if r.Old.Single || r.New.Single { // what was asked is more than a name
		return nil
	}
	old, new := o.Escape(cmp.Or(r.Old.Asked, r.Old.Name)), o.Escape(cmp.Or(r.New.Asked, r.New.Name))
	if s := r.Files; s.Added.Files+s.Added.Dirs+s.Deleted.Files+s.Deleted.Dirs+s.Modified.Files+s.Modified.Dirs+s.Replaced.Files+s.Replaced.Dirs > 0 {
		items = append(items, "layers diff --files "+old+" "+new)
	}
	if r.Files.Hidden > 0 && r.New.Digest != "" {
		items = append(items, "layers inspect --reclaimable "+new)
	}
	return items
}

// sides says what is compared.
func (o Options) sides(old, new diff.Side) []string {
	platform := o.Escape(new.Platform)
	if old.Platform != new.Platform && old.Platform != "" && new.Platform != "" {
		platform = "other platform: " + o.Escape(old.Platform) + o.arrow() + o.Escape(new.Platform)
	}
	same := ""
	if old.Digest != "" && old.Digest == new.Digest {
		same = "the same image"
	}
	return o.items(o.Escape(old.Name)+o.arrow()+o.Escape(new.Name), platform, same)
}

func (o Options) arrow() string { return o.symbol(" → ", " -> ") }

// section is a line with a label, and lines below it where it is too long for one. No
// items are no section.
func (o Options) section(name, gap string, items []string) []string {
	if len(items) == 0 {
		return nil
	}
	narrow := o
	narrow.Width = o.width() - label
	lines := narrow.wrapped(gap, items)
	for i, line := range lines {
		lines[i] = fmt.Sprintf("%-*s%s", label, name, line)
		name = ""
	}
	return lines
}

func (o Options) amounts(r *diff.Report) (lines []string) {
	rows := [][]string{}
	if r.Content != nil {
		rows = append(rows, o.amountCells("content", *r.Content))
	}
	rows = append(rows, o.amountCells("unpacked", r.Unpacked))
	lines = append(lines, aligned(rows)...)
	if r.Fetch == nil {
		return lines
	}
	fetch := "a host that has " + o.Escape(r.Old.Name) + " fetches " + o.Units.Bytes(*r.Fetch)
	if Width(lines[0])+5+Width(fetch) <= o.width() {
		lines[0] += "     " + fetch
		return lines
	}
	return append(lines, o.Truncate("fetch    "+fetch, o.width()))
}

func (o Options) amountCells(name string, a diff.Amount) []string {
	return []string{
		fmt.Sprintf("%-*s", label-1, name), o.Units.Bytes(a.Old) + o.arrow() + o.Units.Bytes(a.New), " " + o.change(a.Change), " " + growth(a),
	}
}

// aligned joins cells, which are right in their columns.
func aligned(rows [][]string) (lines []string) {
	widths := map[int]int{}
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], Width(cell))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			if i > 0 {
				b.WriteString(" ")
			}
			b.WriteString(strings.Repeat(" ", widths[i]-Width(cell)) + cell)
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}

// change is a number of bytes with its sign; no bytes have none.
func (o Options) change(n int64) string {
	if n > 0 {
		return "+" + o.Units.Bytes(n)
	}
	return o.Units.Bytes(n)
}

func growth(a diff.Amount) string {
	if a.Old == 0 || a.Change == 0 {
		return ""
	}
	return fmt.Sprintf("(%+.1f %%)", float64(a.Change)/float64(a.Old)*100)
}

// relationTexts are what became of layers, in the order in which they are told.
var relationTexts = []struct {
	relation diff.Relation
	text     string
}{
	{diff.Shared, "shared (%s)"}, {diff.Moved, "moved (%s)"}, {diff.Recompressed, "same content, other compression (%s)"},
	{diff.Rebuilt, "rebuilt for nothing (same files, new times: %s)"}, {diff.Reattributed, "same files, other attributes (%s)"},
	{diff.Changed, "changed (%s)"}, {diff.New, "new (%s)"}, {diff.Gone, "gone (%s)"},
}

// relations counts the layers by what became of them, with their bytes.
func (o Options) relations(r *diff.Report) (items []string) {
	for _, t := range relationTexts {
		n, bytes := int64(0), int64(0)
		for i := range r.Layers {
			if p := &r.Layers[i]; p.Relation == t.relation {
				n++
				bytes += pairBytes(p)
			}
		}
		if n > 0 {
			items = append(items, Count(n)+" "+fmt.Sprintf(t.text, o.Units.Bytes(bytes)))
		}
	}
	for i := range items[:max(len(items)-1, 0)] {
		items[i] += ","
	}
	return items
}

// pairBytes are the compressed bytes of a layer as it is now, or was; unpacked ones
// where there is no blob.
func pairBytes(p *diff.LayerPair) int64 {
	side := p.New
	if side == nil {
		side = p.Old
	}
	if side.Content != nil {
		return *side.Content
	}
	return side.Unpacked
}

// causes are the layers that explain most of the change.
func (o Options) causes(r *diff.Report) (lines []string) {
	most := o.listLimit(mostCauses)
	var left, leftBytes int64
	name := "WHY"
	for i := range r.Causes {
		c := &r.Causes[i]
		if i >= most {
			left++
			leftBytes += c.Unpacked
			continue
		}
		lines = append(lines, o.causeLines(name, c)...)
		name = ""
	}
	if left > 0 {
		lines = append(lines, fmt.Sprintf("%-*s%10s  %s more: --layers", label, "", o.change(leftBytes), plural(left, "layer")))
	}
	return lines
}

func (o Options) causeLines(name string, c *diff.Cause) []string {
	what := fmt.Sprintf("layer %d", cmp.Or(c.New, c.Old))
	switch {
	case c.Old == 0:
		what += ", new"
	case c.New == 0:
		what += ", gone"
	case c.Old != c.New:
		what = fmt.Sprintf("layer %d, was %d", c.New, c.Old)
	}
	switch {
	case c.Relation == diff.Rebuilt:
		what += ", same files"
	case c.Unpacked == 0 && c.Rewritten > 0:
		what += ", " + o.Units.Bytes(c.Rewritten) + " rewritten"
	}
	step := ""
	if c.Step != nil {
		step = "  " + o.diffStep(c.Step)
	}
	lines := []string{o.Truncate(fmt.Sprintf("%-*s%10s  %s%s", label, name, o.change(c.Unpacked), what, step), o.width())}
	most := o.listLimit(mostParts)
	if c.Unpacked == 0 && o.Limit == 0 {
		return lines
	}
	for i := range c.Parts {
		if i == most {
			lines = append(lines, fmt.Sprintf("%-*s%12s  %s more", label, "", "", Count(int64(len(c.Parts)-most))))
			break
		}
		lines = append(lines, o.Truncate(fmt.Sprintf("%-*s%12s  %s", label, "", o.change(c.Parts[i].Change), o.partText(&c.Parts[i])), o.width()))
	}
	return lines
}

func (o Options) diffStep(s *diff.Step) string {
	if o.NoTrunc && s.CreatedBy != "" {
		return o.oneLine(s.CreatedBy)
	}
	return o.oneLine(s.Short)
}

func (o Options) partText(p *diff.Part) string {
	switch p.Kind {
	case diff.PartPackage:
		return o.packageText(p.Package)
	case diff.PartFile:
		return o.Path(p.Path)
	}
	dir := o.Path(p.Path)
	if p.Path != "" {
		dir += "/"
	}
	text := dir + "  " + plural(p.Files, "file")
	if p.Added > 0 && p.Removed > 0 {
		text += fmt.Sprintf(", +%s -%s", o.Units.Bytes(p.Added), o.Units.Bytes(p.Removed))
	}
	return text
}

func (o Options) fileSums(s *diff.FileSums) (items []string) {
	add := func(mark string, sum diff.Sum, bytes string) {
		if sum.Files+sum.Dirs == 0 {
			return
		}
		text := mark + " " + Count(sum.Files)
		if sum.Files == 0 {
			text, bytes = mark+" "+plural(sum.Dirs, "directory"), ""
			text = strings.Replace(text, "directorys", "directories", 1)
		}
		if bytes != "" {
			text += " (" + bytes + ")"
		}
		items = append(items, text)
	}
	add("+", s.Added, o.Units.Bytes(s.Added.New))
	add("-", s.Deleted, o.Units.Bytes(s.Deleted.Old))
	modified := s.Modified
	modified.Files += s.Replaced.Files
	modified.Dirs += s.Replaced.Dirs
	modified.New += s.Replaced.New
	modified.Old += s.Replaced.Old
	add("~", modified, o.change(modified.New-modified.Old))
	add("ignored", s.Ignored, o.change(s.Ignored.New-s.Ignored.Old))
	if s.Hidden != 0 {
		items = append(items, o.change(s.Hidden)+" hidden by later layers")
	}
	if len(items) == 0 {
		return []string{"the same"}
	}
	return items
}
