package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/layers/layers/diff/budget"
)

// writeCheckMarkdown writes a check as a comment on a change. It begins with a mark by
// which the comment is found again; verdict, rules and causes are in sight, files and
// matches are folded. What there is no room for is counted.
func writeCheckMarkdown(w io.Writer, r *budget.Report, o Options) error {
	o.NoTrunc, o.quote = false, codeSpan
	c := &checkComment{comment: comment{left: mostMarkdown - closing}, report: r, o: o}
	c.write("<!-- layers check: " + marker(r, o) + " -->\n### layers check: " + o.checkVerdict(r) + "\n\n")
	c.images()
	for i := range r.Images {
		c.image(&r.Images[i])
	}
	c.waivers()
	if c.omitted > 0 {
		c.write(fmt.Sprintf("%s here: a comment has no room for more; `layers check --format json` has all.\n", plural(int64(c.omitted), "line")+" left out"))
	}
	_, err := io.WriteString(w, strings.TrimRight(c.text.String(), "\n")+"\n")
	return err
}

// checkComment is a comment on what a check found.
type checkComment struct {
	comment
	report  *budget.Report
	o       Options
	omitted int // lines for which there was no room
}

// marker names a comment in characters that cannot end an HTML comment. It is the same
// for the next version of an image.
func marker(r *budget.Report, o Options) string {
	name := o.Marker
	for i := range r.Images {
		part := r.Images[i].Budget
		if part == "" {
			part = untagged(r.Images[i].Name)
		}
		if o.Marker == "" && !strings.Contains(":"+name+":", ":"+part+":") {
			name = joined(":", name, part)
		}
	}
	safe := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.ContainsRune("._/:-", c):
			return c
		}
		return '_'
	}, name)
	for strings.Contains(safe, "--") {
		safe = strings.ReplaceAll(safe, "--", "-")
	}
	if safe == "" {
		return "all"
	}
	return safe[:min(len(safe), 100)]
}

// offer writes some lines if there is room for all of them.
func (c *checkComment) offer(lines string) bool {
	if !c.fits(lines) {
		c.omitted += strings.Count(strings.TrimRight(lines, "\n"), "\n") + 1
		return false
	}
	c.write(lines)
	return true
}

// images is a table of the images, where there are several.
func (c *checkComment) images() {
	if len(c.report.Images) < 2 {
		return
	}
	o := c.o
	o.quote = codeCell
	t := o.checkImages(c.report)
	c.write(c.row(t.titles()...) + c.row("---", "---", "---", "---:", "---:", "---:"))
	for row, err := range t.Rows {
		if err == nil { // rows of a report are all there
			c.offer(c.row(texts(row)...))
		}
	}
	c.write("\n")
}

func (c *checkComment) image(i *budget.ImageReport) {
	items := c.o.imageItems(c.report, i)
	head := "#### " + items[0] + "\n\n" + joined(", ", append(items[1:], c.o.sizeItems(i)...)...) + "\n\n"
	for _, text := range c.o.missing(i) {
		head += text + "\n\n"
	}
	if !c.offer(head) {
		c.omitted += len(i.Results)
		return
	}
	results := byOutcome(i.Results)
	c.rules(results)
	for _, result := range results {
		if broken(result) {
			c.result(result)
		}
	}
}

// rules is a table of what was measured and what is allowed.
func (c *checkComment) rules(results []*budget.Result) {
	o := c.o
	o.quote = codeCell
	head := c.row("", "rule", "measured", "allowed", "", "where") + c.row("---", "---", "---", "---", "---", "---")
	if len(results) == 0 || !c.offer(head) {
		c.omitted += len(results)
		return
	}
	for _, r := range results {
		outcome := o.outcome(r.Outcome)
		if r.Outcome == budget.Failed {
			outcome = "**" + outcome + "**"
		}
		facts := joined(", ", append(o.facts(r), o.foreignLine(r.Why))...)
		c.offer(c.row(outcome, o.foreign(r.Rule), o.measured(r), strings.TrimPrefix(o.allowed(r), "of "), facts, o.place(c.report, r.At)))
	}
	c.write("\n")
}

// result is why a rule is broken.
func (c *checkComment) result(r *budget.Result) {
	m := most{mostCauses, mostParts, 1, 3}
	var lines strings.Builder
	lines.WriteString("**" + c.o.outcome(r.Outcome) + "** " + c.o.foreign(r.Rule) + ": " + c.o.sentence(r) + "\n\n")
	for _, d := range c.o.details(r, m) {
		lines.WriteString(c.o.bullet(&d))
	}
	if !c.offer(strings.TrimRight(lines.String(), "\n") + "\n\n") {
		return
	}
	if len(r.Matches) > m.matches {
		c.foldList(fmt.Sprintf("%s of %s", Count(int64(len(r.Matches))), Count(int64(max(r.Matched, len(r.Matches))))), c.o.matchDetails(r, len(r.Matches)))
	}
	var files []detail
	for i := range r.Causes {
		if len(r.Causes[i].Files) > 1 {
			files = append(files, c.o.layerFiles(r, &r.Causes[i])...)
		}
	}
	c.foldList("biggest files", files)
}

// layerFiles are all files of a cause that are known.
func (o Options) layerFiles(r *budget.Result, cause *budget.Cause) (list []detail) {
	for i := range cause.Files {
		f := &cause.Files[i]
		list = append(list, detail{depth: 1, amount: o.amount(r, f.Bytes), words: fmt.Sprintf("layer %d", cause.Layer), name: o.Path(f.Path)})
	}
	return list
}

// bullet is a detail in a list.
func (o Options) bullet(d *detail) string {
	amount := ""
	if d.amount != "" {
		amount = "**" + d.amount + "**"
	}
	return strings.Repeat("  ", d.depth-1) + "- " + joined(" ", amount, d.words, o.quoted(d.name), d.after) + "\n"
}

// foldList is a list that is folded, as far as there is room. The summary is ours: no
// Markdown is read in its line.
func (c *checkComment) foldList(summary string, list []detail) {
	begin := "<details><summary>" + summary + "</summary>\n\n"
	if len(list) == 0 || !c.offer(begin) {
		c.omitted += len(list)
		return
	}
	left := 0
	for i := range list {
		line := c.o.bullet(&list[i])
		if left > 0 || !c.fits(line) {
			left++
			continue
		}
		c.write(line)
	}
	if left > 0 {
		c.write("\n… and " + plural(int64(left), "line") + " more\n")
	}
	c.write("\n</details>\n\n")
}

// waivers are what became of the waivers.
func (c *checkComment) waivers() {
	var list []detail
	for i := range c.report.Waivers {
		w := &c.report.Waivers[i]
		list = append(list, detail{depth: 1, words: joined(", ", append([]string{c.o.waiverState(w.State)}, c.o.waiverItems(c.report, w)...)...)})
	}
	c.foldList("Waivers", list)
}
