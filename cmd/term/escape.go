package term

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape makes a string safe for a terminal and for a line of its own: control
// characters, marks that turn the direction of text, other invisible characters
// and bytes that are not UTF-8 are written as in Go strings.
func Escape(s string) string { return escape(s, false) }

// EscapeASCII is Escape, and writes all that is not ASCII as in Go strings too.
func EscapeASCII(s string) string { return escape(s, true) }

// EscapeLines is Escape for text of several lines: line feeds stay.
func EscapeLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = Escape(l)
	}
	return strings.Join(lines, "\n")
}

func escape(s string, ascii bool) string {
	if isClean(s, ascii) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case IsShown(r) && (!ascii || r < utf8.RuneSelf):
			b.WriteRune(r)
		default:
			b.WriteString(escapeRune(r))
		}
		i += n
	}
	return b.String()
}

func isClean(s string, ascii bool) bool {
	for _, r := range s {
		if r == utf8.RuneError || !IsShown(r) || ascii && r >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// IsShown reports whether Escape leaves a character as it is.
func IsShown(r rune) bool { return r == ' ' || unicode.IsPrint(r) }

func escapeRune(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\t':
		return `\t`
	case r == '\r':
		return `\r`
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}
