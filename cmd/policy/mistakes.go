package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/layers/layers/diff/budget"
)

// Error is all that is wrong in a file: at least one mistake, in the order of their places.
type Error struct {
	File     string
	Mistakes []Mistake
}

// Mistake is one thing that is wrong. Line and Column are from 1 and within the file, a
// column is a character; Hint says what to write, and may be "".
type Mistake struct {
	Line, Column int
	Text, Hint   string
}

// Error is a line for each mistake: where it is, what is wrong, what to write.
func (e *Error) Error() string {
	lines := make([]string, len(e.Mistakes))
	for i, m := range e.Mistakes {
		lines[i] = fmt.Sprintf("%s:%d:%d: %s", e.File, m.Line, m.Column, m)
	}
	return strings.Join(lines, "\n")
}

// String is the mistake in one line, without its place.
func (m Mistake) String() string {
	if m.Hint == "" {
		return m.Text
	}
	return m.Text + ": " + m.Hint
}

// reader collects the mistakes of a file, of which end is the last place.
type reader struct {
	mistakes []Mistake
	end      budget.Position
	compared int // rules and patterns with others
}

func (r *reader) add(n *yaml.Node, hint, format string, args ...any) {
	r.at(place(n), hint, format, args...)
}

// mostMistakes is more than anyone reads.
const mostMistakes = 1000

func (r *reader) at(p budget.Position, hint, format string, args ...any) {
	if len(r.mistakes) == mostMistakes {
		return
	}
	if p.Line > r.end.Line { // YAML ends values that are not there on a line that is not there
		p = r.end
	}
	r.mistakes = append(r.mistakes, Mistake{max(p.Line, 1), max(p.Column, 1), fmt.Sprintf(format, args...), hint})
}

// right reports an error about a value; it is right if there is none.
func (r *reader) right(n *yaml.Node, what string, err error) bool {
	if err == nil {
		return true
	}
	m := Mistake{Text: err.Error()}
	var w *wrong
	if errors.As(err, &w) {
		m = Mistake{Text: w.text, Hint: w.hint}
	}
	r.add(n, m.Hint, "%s: %s", what, m.Text)
	return false
}

func place(n *yaml.Node) budget.Position { return budget.Position{Line: n.Line, Column: n.Column} }

// err is nil if there is no mistake. What several aliases name is wrong once.
func (r *reader) err(file string) error {
	if len(r.mistakes) == 0 {
		return nil
	}
	slices.SortStableFunc(r.mistakes, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	var all []Mistake
	seen := map[Mistake]bool{}
	for _, m := range r.mistakes {
		if !seen[m] {
			seen[m] = true
			all = append(all, m)
		}
	}
	return &Error{file, all}
}

// show quotes what is from the file, in one line, and cuts what is long.
func show(text string) string {
	const most = 80
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return strconv.Quote(text)
}
