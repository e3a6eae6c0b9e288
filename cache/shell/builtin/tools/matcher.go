//go:build linux

package tools

import (
	"regexp"
	"strings"
)

// matcherOptions say what patterns mean: of the kind G (basic), E (extended) or F
// (fixed strings).
type matcherOptions struct {
	kind               byte
	fold, words, lines bool
}

// matcher finds what any of some patterns matches.
type matcher struct {
	whole *regexp.Regexp // with what must be around it
	bare  *regexp.Regexp
	words bool
}

// newMatcher makes one of patterns, each of which may be several lines.
func newMatcher(patterns []string, o matcherOptions) (*matcher, error) {
	var all []string
	for _, pattern := range patterns {
		for line := range strings.SplitSeq(pattern, "\n") {
			text, err := translated(line, o.kind)
			if err != nil {
				return nil, misused("the pattern %s: %s", quoted(line), err)
			}
			if _, err := regexp.Compile(text); err != nil {
				return nil, misused("the pattern %s: %s", quoted(line), strings.TrimPrefix(err.Error(), "error parsing regexp: "))
			}
			all = append(all, "(?:"+text+")")
		}
	}
	text := "(?:" + strings.Join(all, "|") + ")"
	flags := "(?s)"
	if o.fold {
		flags = "(?si)"
	}
	whole := text
	if o.words {
		whole = `(?:^|[^0-9A-Za-z_])` + text + `(?:$|[^0-9A-Za-z_])`
	}
	if o.lines {
		whole = "^" + text + "$"
	}
	m := &matcher{words: o.words}
	var err error
	if m.whole, err = regexp.Compile(flags + whole); err != nil {
		return nil, misused("the pattern: %s", err)
	}
	if o.lines {
		text = whole
	}
	if m.bare, err = regexp.Compile(flags + text); err != nil {
		return nil, misused("the pattern: %s", err)
	}
	m.bare.Longest()
	return m, nil
}

// line says whether a line matches.
func (m *matcher) line(line []byte) bool { return m.whole.Match(line) }

// parts are where in a line something that is not empty matches.
func (m *matcher) parts(line []byte) (all [][]int) {
	for _, at := range m.bare.FindAllIndex(line, -1) {
		inWord := at[0] > 0 && isWord(line[at[0]-1]) || at[1] < len(line) && isWord(line[at[1]])
		if at[1] > at[0] && !(m.words && inWord) {
			all = append(all, at)
		}
	}
	return all
}

func isWord(b byte) bool {
	return isDigit(b) || b == '_' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}
