package report

import (
	"strings"
	"unicode/utf8"
)

// mostMarkdown is how many characters a comment may have: GitHub takes 65,536.
const mostMarkdown = 65_000

// comment is Markdown that is never longer than a comment may be: what is folded loses
// its last rows, which is said.
type comment struct {
	text strings.Builder
	left int // characters
}

func (c *comment) write(s string) {
	c.left -= utf8.RuneCountInString(s)
	c.text.WriteString(s)
}

// closing is room for the ends of folds, and for what says that something is left out.
const closing = 1000

// cell escapes a text, and cuts one that is too long for a comment.
func (c *comment) cell(s string) string {
	const most = 300
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return markdown(s)
}

func (c *comment) row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// fits reports whether there is room for a text.
func (c *comment) fits(s string) bool { return utf8.RuneCountInString(s) <= c.left }
