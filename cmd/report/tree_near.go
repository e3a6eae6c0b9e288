package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/inspect/fleet"
)

// nearLines is how many layers that are nearly the same people see, and how many files.
const nearLines = 5

// nearFoot says what could be shared and is not.
func (o Options) nearFoot(r *fleet.Report) (foot []string) {
	most := o.listLimit(nearLines)
	found := nearSets(r.Near)
	for i := range found {
		if i == most {
			foot = append(foot, fmt.Sprintf("%s and %s more of such layers: --limit 0 shows all", o.ellipsis(), Count(int64(len(found)-most))))
			break
		}
		foot = append(foot, o.hanging(o.nearText(&found[i]))...)
	}
	if r.Files != nil && r.Files.Count > 0 {
		foot = append(foot, o.filesFoot(r.Files, most)...)
	}
	if len(foot) > 0 {
		foot = slices.Insert(foot, 0, "")
	}
	return foot
}

// hanging breaks a text into lines, of which all but the first are indented.
func (o Options) hanging(text string) (lines []string) {
	width := o.width()
	for i, line := range term.Wrap(text, width-2) {
		if i > 0 {
			line = "  " + line
		}
		lines = append(lines, o.Truncate(line, width))
	}
	return lines
}

// nearSet is layers of some images that are nearly those of another, in the same way.
type nearSet struct {
	members []nearMember
	saved   fleet.Bytes
}

type nearMember struct {
	image   string
	layers  []int
	images  int // that have the last of them
	differs fleet.Difference
	times   int64
}

// nearSets puts together what is said of the layers of the same images, the most saved
// first.
func nearSets(groups []fleet.Near) (sets []nearSet) {
	at := map[string]int{}
	for _, g := range groups {
		key := ""
		for _, l := range g.Layers {
			key += fmt.Sprintf("%q %s,", l.Image, l.Differs)
		}
		n, has := at[key]
		if !has {
			n = len(sets)
			at[key] = n
			sets = append(sets, nearSet{members: make([]nearMember, len(g.Layers)), saved: fleet.Bytes{Unpacked: new(int64)}})
		}
		s := &sets[n]
		s.saved.Content += g.Saved.Content
		*s.saved.Unpacked += *g.Saved.Unpacked
		for i, l := range g.Layers {
			m := &s.members[i]
			m.image, m.differs, m.images = l.Image, l.Differs, max(m.images, l.Images)
			m.layers = append(m.layers, l.Layer)
			m.times += l.OtherTimes
		}
	}
	slices.SortStableFunc(sets, func(a, b nearSet) int {
		return cmp.Compare(b.saved.Content+*b.saved.Unpacked, a.saved.Content+*a.saved.Unpacked)
	})
	return sets
}

func (o Options) nearText(s *nearSet) string {
	first, second := &s.members[0], &s.members[1]
	who, has := o.layersOf(second), "has"
	if len(second.layers) > 1 {
		has = "have"
	}
	if more := len(s.members) - 2; more > 0 {
		who, has = who+fmt.Sprintf(" and %s more", Count(int64(more))), "have"
	}
	saved := o.Units.Bytes(s.saved.Content) + " content"
	if *s.saved.Unpacked > 0 {
		saved += ", " + o.Units.Bytes(*s.saved.Unpacked) + " unpacked"
	}
	return fmt.Sprintf("%s %s the same files as %s and another digest (%s): %s would be saved", who, has, o.layersOf(first), differsText(s.members[1:]), saved)
}

func (o Options) layersOf(m *nearMember) string {
	noun := "layer"
	if len(m.layers) > 1 {
		noun = "layers"
	}
	return fmt.Sprintf("%s %s %s", o.Escape(m.image), noun, numbers(m.layers))
}

// differsText says in what ways layers differ from the first.
func differsText(members []nearMember) string {
	var texts []string
	for _, m := range members {
		text := "in another order, or written in another way"
		switch {
		case m.differs == fleet.Compression:
			text = "compressed in another way"
		case m.differs == fleet.Times && m.times > 0 && len(members) == 1:
			text = plural(m.times, "time") + " differ"
			if m.times == 1 {
				text += "s"
			}
		case m.differs == fleet.Times:
			text = "times differ"
		}
		if !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "; ")
}

// filesFoot says which large files lie in several layers.
func (o Options) filesFoot(f *fleet.Files, most int) []string {
	name := "files of " + o.Units.Bytes(f.Least) + " or more lie"
	if f.Count == 1 {
		name = "file of " + o.Units.Bytes(f.Least) + " or more lies"
	}
	foot := o.hanging(fmt.Sprintf("%s %s in layers of different images: %s unpacked would be saved", Count(f.Count), name, o.Units.Bytes(f.Saved)))
	t := &grid{Columns: []column{{Right: true}, {Right: true}, {Right: true}, {Narrow: true, Paths: true}}}
	var rows []gridRow
	for i := range f.Top[:min(most, len(f.Top))] {
		s := &f.Top[i]
		rows = append(rows, gridRow{Cells: []cell{
			o.bytesCell(s.Saved), {Text: plural(int64(s.Layers), "layer")}, {Text: plural(int64(s.Images), "image")}, o.pathCell(s.Path),
		}})
	}
	t.Rows = listRows(rows)
	return append(foot, t.lines("  ", o)...)
}
