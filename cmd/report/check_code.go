package report

import "strings"

// In Markdown, whatever comes from an image or a policy stands in a code span, and
// nothing else of it anywhere. Escapes by backslash and entity do not do: what they hide
// from the parser of Markdown, GitHub and GitLab find again in the text that it renders,
// where they look for @mentions, #123, commits, :emoji:, mail addresses and links. In code
// they look for none of it. A code span has no escapes either: it ends at a run of
// backticks as long as the one at its beginning, so a longer one than any within is safe.
//
// A name has no line end, for it is escaped for display before.

// codeSpan is an escaped text as code, cut where it is very long. No text is none.
func codeSpan(s string) string {
	if s == "" {
		return ""
	}
	if runes := []rune(s); len(runes) > longest {
		s = string(runes[:longest]) + "…"
	}
	fence := strings.Repeat("`", longestRun(s, '`')+1)
	// One space at both ends is not shown, if there is anything else: so it parts
	// backticks from the fence, and keeps the text's own spaces.
	edge := strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || strings.HasPrefix(s, " ") && strings.HasSuffix(s, " ")
	if edge && strings.Trim(s, " ") != "" {
		s = " " + s + " "
	}
	return fence + s + fence
}

func longestRun(s string, of byte) int {
	most, run := 0, 0
	for i := range len(s) {
		run++
		if s[i] != of {
			run = 0
		}
		most = max(most, run)
	}
	return most
}

// codeCell is a codeSpan in a table. There a "|" ends the cell in code, too, but for one
// behind a backslash, which is taken away. Where a backslash stands before it already,
// parsers do not agree; such a "|" is written as characters are that are not shown.
func codeCell(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch {
		case s[i] != '|':
			b.WriteByte(s[i])
		case i > 0 && s[i-1] == '\\':
			b.WriteString(`\x7c`)
		default:
			b.WriteByte('|')
		}
	}
	return strings.ReplaceAll(codeSpan(b.String()), "|", `\|`)
}
