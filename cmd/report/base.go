package report

import (
	"fmt"
	"strings"

	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/inspect"
)

func baseTable(r *inspect.BaseReport, o Options) *grid {
	t := &grid{Head: append(o.about(r.Image), ""), Columns: []column{
		{Title: "CHAIN", Key: "name", Narrow: true, Paths: true}, {Title: "LAYERS", Key: "added", Right: true},
		{Title: "CONTENT", Right: true}, {Title: "UNPACKED", Right: true, Machine: !unpackedKnown(r)}, {Title: "HOW SURE", Key: "sure", Machine: len(r.Bases) == 0},
		{Key: "layers", Machine: true}, {Key: "digest", Machine: true}, {Key: "from", Machine: true},
	}}
	var rows []gridRow
	for depth := range r.Bases {
		level := &r.Bases[depth]
		for i := range level.Images {
			rows = append(rows, gridRow{Cells: o.baseCells(level, i, depth), Value: level})
		}
	}
	rows = append(rows, gridRow{Cells: o.ownCells(r), Value: &r.Own})
	t.Rows = listRows(rows)
	t.Foot = func() ([]string, error) { return o.baseFoot(r), nil }
	return t
}

// unpackedKnown reports whether anything is known of what the layers unpack to.
func unpackedKnown(r *inspect.BaseReport) bool {
	known := r.Own.Unpacked != nil
	for _, b := range r.Bases {
		known = known || b.Unpacked != nil
	}
	return known
}

// branch is the tree before a name.
func (o Options) branch(depth int) string {
	if depth == 0 {
		return ""
	}
	return strings.Repeat("   ", depth-1) + o.symbol("└─ ", "`- ")
}

func (o Options) baseCells(l *inspect.BaseLevel, n, depth int) []cell {
	i := &l.Images[n]
	name := o.Escape(i.Name())
	if len(i.Names) > 1 {
		name = o.Escape(strings.Join(i.Names, ", "))
	}
	from := make([]string, len(i.From))
	for k, f := range i.From {
		from[k] = string(f)
	}
	c := []cell{
		{o.branch(depth) + name, term.Escape(strings.Join(i.Names, " "))}, o.addedCell(l.Added, depth > 0),
		o.bytesCell(l.Content), o.maybeBytes(l.Unpacked), o.textCell(string(i.Sure)),
		countCell(int64(l.Layers)), o.digestCell(i.Digest), o.textCell(strings.Join(from, " ")),
	}
	if n > 0 { // the same layers as the row above
		c[0].Text = strings.Repeat("   ", depth) + name
		c[1], c[2], c[3] = cell{o.symbol("″", `"`), ""}, cell{}, cell{}
	}
	return c
}

func (o Options) addedCell(n int, plus bool) cell {
	c := countCell(int64(n))
	if plus {
		c.Text = "+" + c.Text
	}
	return c
}

func (o Options) ownCells(r *inspect.BaseReport) []cell {
	name := r.Image.Name
	if name == "" {
		name = r.Image.Digest
	}
	layers := r.Own.Layers
	for _, b := range r.Bases {
		layers += b.Added
	}
	return []cell{
		{o.branch(len(r.Bases)) + o.Escape(name), term.Escape(name)}, o.addedCell(r.Own.Layers, len(r.Bases) > 0),
		o.bytesCell(r.Own.Content), o.maybeBytes(r.Own.Unpacked), {"", "own"},
		countCell(int64(layers)), o.digestCell(r.Image.Digest), {},
	}
}

func (o Options) baseFoot(r *inspect.BaseReport) []string {
	var foot []string
	say := func(format string, args ...any) {
		for _, line := range term.Wrap(fmt.Sprintf(format, args...), o.width()) {
			foot = append(foot, o.Truncate(line, o.width()))
		}
	}
	if len(r.Bases) == 0 {
		say("No base is known: no candidate has all its layers among the lowest ones here.")
	}
	for i := range r.Same {
		say("%s has the same layers and another config or manifest: it is no base.", o.Escape(strings.Join(namesOf(&r.Same[i]), ", ")))
	}
	for i := range r.Hints {
		if text := o.hintText(&r.Hints[i], r); text != "" {
			say("%s", text)
		}
	}
	for i := range r.Now {
		say("%s", o.nowBaseText(&r.Now[i]))
	}
	if r.Guess != nil {
		say("%s", o.guessText(r.Guess))
	}
	for _, s := range r.Searched {
		say("%s", o.searchText(s))
	}
	if len(foot) > 0 {
		foot = append([]string{""}, foot...)
	}
	return foot
}

func namesOf(i *inspect.BaseImage) []string {
	if len(i.Names) == 0 {
		return []string{i.Name()}
	}
	return i.Names
}

// hintText says what came of a hint; nothing if it is the base that the table shows.
func (o Options) hintText(h *inspect.Hint, r *inspect.BaseReport) string {
	where := map[inspect.HintSource]string{inspect.HintAnnotation: "an annotation", inspect.HintLabel: "a label", inspect.HintHistory: "the history"}[h.Source]
	name := o.oneLine(h.Name)
	if name == "" {
		name = o.ends(h.Digest)
	} else if h.Digest != "" {
		name += "@" + o.ends(h.Digest)
	}
	name = o.Truncate(name, 200)
	switch h.Verdict {
	case inspect.VerdictBase:
		return ""
	case inspect.VerdictSame:
		return fmt.Sprintf("By %s it is built on %s, which has the very same layers.", where, name)
	case inspect.VerdictWrong:
		return fmt.Sprintf("Wrong: by %s it is built on %s: %s.", where, name, o.oneLine(h.Reason))
	}
	return fmt.Sprintf("Not checked: by %s it is built on %s: %s.", where, name, o.oneLine(h.Reason))
}

func (o Options) nowBaseText(n *inspect.NameNow) string {
	name := o.Escape(n.Name)
	switch n.State {
	case inspect.NowCurrent:
		return name + " is still this image in its registry."
	case inspect.NowUnchecked:
		return fmt.Sprintf("Whether %s is still this image is not known: %s.", name, o.oneLine(n.Reason))
	}
	text := fmt.Sprintf("Outdated: %s is %s now.", name, o.ends(n.Now))
	switch m := n.Move; {
	case m == nil:
	case m.SameLayers:
		text += " Its files are the same."
		fallthrough
	default:
		text += fmt.Sprintf(" A host that has this image would fetch %s of its %s (%s content); %s of the old base (%s) would no longer be used.",
			plural(int64(m.FetchLayers), "layer"), Count(int64(m.Layers)), o.Units.Bytes(m.Fetch), o.Units.Bytes(m.Unused), plural(int64(m.UnusedLayers), "layer"))
	}
	return text
}

var signTexts = map[inspect.SignCode]string{
	inspect.SignFrom:    "the step above names %s",
	inspect.SignGap:     "%s passed before the step above",
	inspect.SignBuilder: "another program made what is above (%s)",
	inspect.SignCommand: "%s ends what is below",
	inspect.SignRoot:    "%s is a root file system",
}

func (o Options) guessText(g *inspect.Guess) string {
	var why []string
	for _, s := range g.Reasons {
		why = append(why, fmt.Sprintf(signTexts[s.Code], o.oneLine(s.Detail)))
	}
	return fmt.Sprintf("A guess: the lowest %s (%s) may be a base: %s.", plural(int64(g.Layers), "layer"), o.weight(g.Content, g.Unpacked), strings.Join(why, "; "))
}

func (o Options) searchText(s inspect.Search) string {
	text := fmt.Sprintf("Searched %s: %s of its %s", o.Escape(s.Name), Count(int64(s.Asked)), plural(int64(s.Tags), "tag"))
	if !s.Whole && s.Error == "" {
		text += " and more"
	}
	if s.Failed > 0 {
		text += fmt.Sprintf(", of which %s could not be compared", Count(int64(s.Failed)))
	}
	if s.Error != "" {
		text += "; then: " + o.oneLine(s.Error)
	}
	return text + "."
}
