package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/inspect/fleet"
)

// suggestTable is what would save bytes. How each figure was computed stands below the
// table.
func suggestTable(r *fleet.SuggestReport, o Options) *grid {
	unread := r.Held.Unpacked == nil
	t := &grid{Columns: []column{
		{Title: "#", Key: "rank", Right: true},
		{Title: "SAVES", Key: "saves_content", Right: true}, {Title: "(UNPACKED)", Key: "saves_unpacked", Right: true, Machine: unread},
		{Title: "BY", Key: "do", Narrow: true}, {Title: "IN", Key: "images", Narrow: true, Paths: true},
		{Key: "kind", Machine: true}, {Key: "adds_content", Machine: true}, {Key: "adds_unpacked", Machine: true}, {Key: "how", Machine: true},
	}}
	limit := o.listLimit(len(r.Suggestions))
	if o.isTree() {
		limit = o.listLimit(suggestLines)
	}
	shown := r.Suggestions[:min(limit, len(r.Suggestions))]
	var rows []gridRow
	for i := range shown {
		rows = append(rows, gridRow{Cells: o.suggestCells(&shown[i]), Value: &shown[i]})
	}
	t.Rows = listRows(rows)
	t.Foot = func() ([]string, error) { return o.suggestFoot(r, shown), nil }
	return t
}

// suggestLines is how many suggestions people see.
const suggestLines = 10

func (o Options) suggestCells(s *fleet.Suggestion) []cell {
	unpacked := o.maybeBytes(s.Saves.Unpacked)
	if s.Saves.Unpacked != nil {
		unpacked.Text = "(" + unpacked.Text + ")"
	}
	content := o.bytesCell(s.Saves.Content)
	if s.Kind == fleet.PackageSets {
		content.Text = "" // not known
	}
	var in cell
	if len(s.Images) > 0 {
		in = cell{o.imageName(s.Images[0]), term.Escape(strings.Join(s.Images, " "))}
	}
	if more := len(s.Images) - 1; more > 0 {
		in.Text += fmt.Sprintf(" +%d", more)
	}
	do := o.suggestText(s)
	return []cell{
		countCell(int64(s.Rank)), content, unpacked, {do, do}, in,
		o.textCell(string(s.Kind)), o.bytesCell(s.Adds.Content), o.maybeBytes(s.Adds.Unpacked), o.textCell(s.How),
	}
}

// imageName is a name without its registry, or a digest.
func (o Options) imageName(name string) string {
	if strings.HasPrefix(name, "sha256:") {
		return o.Digest(name)
	}
	return o.Escape(name[strings.LastIndexByte(name, '/')+1:])
}

// suggestText says what to do in a few words.
func (o Options) suggestText(s *fleet.Suggestion) string {
	switch s.Kind {
	case fleet.PinBase:
		return fmt.Sprintf("build %s on %s", plural(int64(len(s.Images)), "image"), o.baseName(&s.Bases[0]))
	case fleet.PackageSets:
		return "install " + plural(int64(len(s.Packages)), "package") + " in one layer"
	}
	first := s.Groups[0][0]
	what := plural(int64(len(s.Groups)), "layer") + " of " + o.imageName(first.Image)
	switch s.Kind {
	case fleet.Recompress:
		return "keep the blobs of " + what
	case fleet.BuiltAgain:
		return "do not rebuild " + what
	}
	return "share " + what
}

func (o Options) baseName(b *fleet.SuggestedBase) string {
	if len(b.Names) > 0 {
		return o.imageName(b.Names[0])
	}
	if b.Digest != "" {
		return o.Digest(b.Digest)
	}
	return "the stack " + o.Digest(b.Chain)
}

func (o Options) suggestFoot(r *fleet.SuggestReport, shown []fleet.Suggestion) (foot []string) {
	if len(r.Suggestions) == 0 {
		return []string{fmt.Sprintf("Nothing to suggest: %s share all they can as they are.", plural(int64(r.Images), "image"))}
	}
	foot = append(foot, "")
	sum := fmt.Sprintf("All together: %s content", o.Units.Bytes(r.Saved.Content))
	if r.Saved.Unpacked != nil {
		sum += fmt.Sprintf(", %s unpacked", o.Units.Bytes(*r.Saved.Unpacked))
	}
	foot = append(foot, o.hanging(sum+fmt.Sprintf(", of the %s that %s take.", o.weight(r.Held.Content, r.Held.Unpacked), plural(int64(r.Images), "image")))...)
	if more := len(r.Suggestions) - len(shown); more > 0 {
		foot = append(foot, fmt.Sprintf("%s and %d more: --limit 0 shows all", o.ellipsis(), more))
	}
	foot = append(foot, "")
	var notes, ranks []string // what is said of several is said once
	for i := range shown {
		note, rank := o.suggestNote(&shown[i]), strconv.Itoa(shown[i].Rank)
		if k := slices.Index(notes, note); k >= 0 {
			ranks[k] += ", " + rank
			continue
		}
		notes, ranks = append(notes, note), append(ranks, rank)
	}
	for i, note := range notes {
		foot = append(foot, o.hanging(ranks[i]+" = "+note)...)
	}
	return foot
}

// suggestNote says how a figure was computed, and what it does not say.
func (o Options) suggestNote(s *fleet.Suggestion) string {
	text := o.Escape(s.How) + "."
	if gone := o.goneBases(s); gone != "" {
		text += " Nobody would need " + gone + "."
	}
	if s.Adds.Content < s.Saves.Content || s.Adds.Unpacked != nil && s.Saves.Unpacked != nil && *s.Adds.Unpacked < *s.Saves.Unpacked {
		text += fmt.Sprintf(" Some of it those above save, too: it adds %s.", o.weight(s.Adds.Content, s.Adds.Unpacked))
	}
	return text
}

// goneBases names the versions that nobody is built on any more.
func (o Options) goneBases(s *fleet.Suggestion) string {
	var gone []string
	for i := range s.Bases {
		if i > 0 && s.Bases[i].Digest != "" {
			gone = append(gone, o.baseName(&s.Bases[i]))
		}
	}
	const most = 3
	if more := len(gone) - most; more > 0 {
		gone = append(gone[:most], fmt.Sprintf("%d more", more))
	}
	return strings.Join(gone, ", ")
}
