package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/layers/layers/diff"
	"github.com/layers/layers/diff/budget"
)

// detail is a line below a rule: why it is broken, what to do.
type detail struct {
	depth  int    // 1 is below the rule
	amount string // of bytes
	words  string // ours
	name   string // escaped, and not ours
	after  string // ours
	path   bool   // the name is cut in the middle
	whole  bool   // the name is not cut: it is to be typed
}

// most is how much of a rule's details is told.
type most struct{ causes, parts, files, matches int }

func (o Options) mostDetails() most {
	return most{o.listLimit(mostCauses), o.listLimit(5), o.listLimit(2), o.listLimit(5)}
}

// details are all that is said of a rule that is broken.
func (o Options) details(r *budget.Result, m most) (list []detail) {
	if !broken(r) {
		return nil
	}
	list = append(list, o.causeDetails(r, m)...)
	if r.Kind == budget.Forbid || r.Kind == budget.Require || r.Unit != "" {
		list = append(list, o.matchDetails(r, m.matches)...)
	}
	return append(list, o.adviceDetails(r)...)
}

func (o Options) causeDetails(r *budget.Result, m most) (list []detail) {
	left := r.Rest
	for i := range r.Causes {
		c := &r.Causes[i]
		if i >= m.causes {
			left += c.Bytes
			continue
		}
		list = append(list, o.causeDetail(r, c))
		list = append(list, o.partDetails(r, c, m.parts)...)
		if r.Kind != budget.Forbid { // the files are what was found
			list = append(list, o.fileDetails(r, c, m.files)...)
		}
	}
	if left != 0 || len(r.Causes) > m.causes {
		list = append(list, detail{depth: 1, amount: o.amount(r, left), words: "other layers"})
	}
	return list
}

func (o Options) causeDetail(r *budget.Result, c *budget.Cause) detail {
	d := detail{depth: 1, amount: o.amount(r, c.Bytes), words: fmt.Sprintf("layer %d", c.Layer)}
	switch c.Relation {
	case diff.Gone:
		d.words += " of the " + cmp.Or(string(r.Since), string(budget.Baseline)) + ", gone"
	case diff.New:
		d.words += ", new"
	case diff.Rebuilt:
		d.words += ", same files"
	}
	if c.Step != nil {
		d.name = o.diffStep(c.Step)
	}
	if c.Unpacked != 0 {
		d.after = o.amount(r, c.Unpacked) + " unpacked"
	}
	return d
}

func (o Options) partDetails(r *budget.Result, c *budget.Cause, most int) (list []detail) {
	for i := range c.Parts {
		if i == most {
			return append(list, detail{depth: 2, words: Count(int64(len(c.Parts)-most)) + " more"})
		}
		p := &c.Parts[i]
		list = append(list, detail{depth: 2, amount: o.amount(r, p.Change), name: o.partText(p), path: p.Kind == diff.PartFile})
	}
	return list
}

// fileDetails are the biggest files of a layer, where no part says so already.
func (o Options) fileDetails(r *budget.Result, c *budget.Cause, most int) (list []detail) {
	for i := range c.Files {
		f := &c.Files[i]
		if i == most {
			break
		}
		said := false
		for k := range c.Parts {
			said = said || c.Parts[k].Kind == diff.PartFile && c.Parts[k].Named != nil && c.Parts[k].Path == f.Path
		}
		if !said {
			list = append(list, detail{depth: 2, amount: o.amount(r, f.Bytes), words: "biggest", name: o.Path(f.Path), path: true})
		}
	}
	return list
}

func (o Options) matchDetails(r *budget.Result, most int) (list []detail) {
	for i := range r.Matches {
		if i == most {
			break
		}
		list = append(list, o.matchDetail(&r.Matches[i])...)
	}
	if more := max(r.Matched, len(r.Matches)) - min(most, len(r.Matches)); more > 0 {
		list = append(list, detail{depth: 1, words: Count(int64(more)) + " more"})
	}
	return list
}

// matchDetail is one thing that must not be there, and that its deletion does not take
// it away.
func (o Options) matchDetail(m *budget.Match) (list []detail) {
	d := detail{depth: 1, name: o.oneLine(m.Value)}
	if m.Named != nil {
		d.name, d.path = o.Path(m.Path), true
		if m.Kind == "file" && !m.Below {
			d.amount = o.Units.Bytes(m.Bytes)
		}
		if m.Kind == "dir" && m.Path != "" {
			d.name += "/"
		}
		if m.Value != "" {
			d.after = "by " + o.foreignLine(m.Value)
		}
	}
	if m.Layer > 0 {
		d.words = fmt.Sprintf("layer %d", m.Layer)
	}
	if m.What != "" {
		d.after = joined(", ", o.foreignLine(m.What), d.after)
	}
	list = append(list, d)
	switch {
	case m.Below:
		list = append(list, detail{depth: 2, words: fmt.Sprintf("deleted in layer %d: it is in a layer below, which was not looked at", cmp.Or(m.DeletedBy, m.Layer))})
	case m.DeletedBy > 0:
		list = append(list, detail{depth: 2, words: fmt.Sprintf("deleted in layer %d, which does not take it out of layer %d: whoever pulls the image has it", m.DeletedBy, m.Layer)})
	}
	return list
}

// adviceDetails are what people can do, and what the team has to say.
func (o Options) adviceDetails(r *budget.Result) (list []detail) {
	if r.Note != "" {
		list = append(list, detail{depth: 1, words: "note: " + o.foreignLine(r.Note)})
	}
	if r.Waiver != "" {
		list = append(list, detail{depth: 1, words: "waiver: " + o.foreignLine(r.Waiver)})
	}
	if h := r.Hint; h != nil {
		list = append(list, detail{depth: 1, words: "hint: " + o.foreignLine(h.Text)})
		list = append(list, o.exampleDetails(h)...)
	}
	if r.More != "" {
		list = append(list, detail{depth: 1, words: "more:", name: o.Escape(r.More), whole: true})
	}
	return list
}

// exampleDetails are what to write, line by line.
func (o Options) exampleDetails(h *budget.Hint) (list []detail) {
	const most = 20
	words := ""
	if h.File != "" {
		words = o.foreign(h.File) + ":"
	}
	for line := range strings.Lines(h.Example) {
		if len(list) == most {
			return append(list, detail{depth: 2, words: plural(int64(strings.Count(strings.TrimRight(h.Example, "\n"), "\n")+1-most), "line") + " more"})
		}
		list = append(list, detail{depth: 2, words: words, name: o.Escape(strings.TrimRight(line, "\r\n")), whole: true})
	}
	return list
}

// message is a rule in lines of plain text: for what shows a text as it is.
func (o Options) message(r *budget.Report, i *budget.ImageReport, result *budget.Result) string {
	o.NoTrunc = false
	var b strings.Builder
	b.WriteString(o.subject(i) + ": " + o.foreign(result.Rule) + ": " + o.sentence(result))
	if i.Baseline != nil && result.Since != "" && result.Since != budget.Anchor {
		b.WriteString(", against " + o.foreign(i.Baseline.Name))
	}
	if place := o.place(r, result.At); place != "" {
		b.WriteString(" (" + place + ")")
	}
	for _, d := range o.details(result, most{3, 2, 1, 3}) {
		b.WriteString("\n" + strings.Repeat("  ", d.depth) + joined("  ", d.amount, d.words, o.cut(d.name), d.after))
	}
	return b.String()
}

// longest is how many characters of one name are told where nothing else bounds it.
const longest = 300

func (o Options) cut(s string) string {
	if runes := []rune(s); len(runes) > longest {
		return string(runes[:longest]) + o.ellipsis()
	}
	return s
}
