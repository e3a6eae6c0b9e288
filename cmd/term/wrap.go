package term

import (
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// Wrap breaks a text at its spaces into lines of at most so many columns. A word that
// is wider has a line of its own. There is one line at least.
func Wrap(text string, columns int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case displaywidth.String(line)+1+displaywidth.String(word) <= columns:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}
