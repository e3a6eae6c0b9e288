package inspect

import "strings"

// splitScript cuts a shell script at the separators that stand outside quotes,
// substitutions and parentheses: &&, ||, ; and line ends. Each command comes
// with its white space folded, and none is empty. It knows no more of the shell
// than that; what it cannot follow comes back in one piece.
func splitScript(script string) []string {
	var out []string
	add := func(s string) {
		if s = fold(s); s != "" && s[0] != '#' {
			out = append(out, s)
		}
	}
	var scan scanner
	start := 0
	for i := 0; i < len(script); {
		n := 0
		if scan.plain() {
			n = separator(script[i:])
		}
		if n > 0 {
			add(script[start:i])
			i += n
			start = i
			continue
		}
		i += scan.step(script[i:])
	}
	add(script[start:])
	return out
}

// separator is the length of the separator that s begins with, 0 if none.
func separator(s string) int {
	switch {
	case strings.HasPrefix(s, "&&"), strings.HasPrefix(s, "||"), strings.HasPrefix(s, ";;"):
		return 2
	case s[0] == ';', s[0] == '\n':
		return 1
	}
	return 0
}

// words splits a command at the white space outside quotes and substitutions.
// The quotes stay.
func words(command string) []string {
	var out []string
	var scan scanner
	start := 0
	for i := 0; i < len(command); {
		if scan.plain() && isSpace(command[i]) {
			if i > start {
				out = append(out, command[start:i])
			}
			i++
			start = i
			continue
		}
		i += scan.step(command[i:])
	}
	if start < len(command) {
		out = append(out, command[start:])
	}
	return out
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// fold joins continued lines and makes all white space single blanks.
func fold(s string) string {
	s = strings.ReplaceAll(s, "\\\r\n", " ")
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "\\\n", " ")), " ")
}

// scanner follows quotes and nesting through a script.
type scanner struct {
	quote byte // ' or " or `, 0 outside
	depth int  // of parentheses and braces
}

func (s *scanner) plain() bool { return s.quote == 0 && s.depth == 0 }

// step takes one character, or an escaped pair, and returns its length in bytes.
func (s *scanner) step(text string) int {
	c := text[0]
	switch {
	case c == '\\' && s.quote != '\'' && len(text) > 1:
		return 2
	case s.quote != 0:
		if c == s.quote {
			s.quote = 0
		}
	case c == '\'' || c == '"' || c == '`':
		s.quote = c
	case c == '(':
		s.depth++
	case c == ')':
		s.depth = max(s.depth-1, 0)
	case strings.HasPrefix(text, "${"):
		s.depth++
		return 2
	case c == '}':
		s.depth = max(s.depth-1, 0)
	}
	return 1
}
