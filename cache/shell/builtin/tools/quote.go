//go:build linux

package tools

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// quoted is a name as a shell takes it and a terminal shows it, in the way of ls: as it
// is if it can be, else in single quotes, with $'\n' for what cannot be shown.
func quoted(name string) string {
	if isPlain(name) {
		return name
	}
	if strings.Contains(name, "'") && isSimple(name) {
		return `"` + name + `"`
	}
	var b strings.Builder
	b.WriteByte('\'')
	dollar := false
	for len(name) > 0 {
		r, n := utf8.DecodeRuneInString(name)
		shown := isShown(r, n)
		if shown == dollar {
			b.WriteString(map[bool]string{true: "''", false: "'$'"}[shown])
			dollar = !shown
		}
		b.WriteString(quotedRune(r, name[:n], shown))
		name = name[n:]
	}
	b.WriteByte('\'')
	return b.String()
}

func quotedRune(r rune, text string, shown bool) string {
	if r == '\'' {
		return `'\''`
	}
	if shown {
		return text
	}
	if at := strings.IndexRune("\a\b\t\n\v\f\r", r); at >= 0 {
		return `\` + "abtnvfr"[at:at+1]
	}
	var b strings.Builder
	for i := range len(text) {
		fmt.Fprintf(&b, `\%03o`, text[i])
	}
	return b.String()
}

func isShown(r rune, size int) bool {
	return unicode.IsPrint(r) && !(r == utf8.RuneError && size == 1)
}

// isPlain says that a name means itself, in a shell and on a terminal.
func isPlain(name string) bool {
	switch name {
	case "", "{", "}":
		return false
	}
	return name[0] != '#' && name[0] != '~' && isPlainIn(name, " !\"$&'()*;<=>?[\\^`|")
}

// isSimple says that in double quotes a name means itself.
func isSimple(name string) bool {
	for i := range len(name) {
		b := name[i]
		if !isDigit(b) && (b|0x20 < 'a' || b|0x20 > 'z') && strings.IndexByte(" '%+,-./:_", b) < 0 {
			return false
		}
	}
	return true
}

// isPlainIn says that a name has nothing of what is special, or cannot be shown.
func isPlainIn(name, special string) bool {
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		if !isShown(r, n) || strings.ContainsRune(special, r) {
			return false
		}
		i += n
	}
	return true
}

// Quoted is a name of an image as a message or a prompt may show it.
func Quoted(name string) string { return quoted(name) }
