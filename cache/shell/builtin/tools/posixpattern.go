//go:build linux

package tools

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// translated is a POSIX pattern in the syntax of package regexp, which is RE2's.
func translated(pattern string, kind byte) (string, error) {
	if kind == 'F' {
		return regexp.QuoteMeta(pattern), nil
	}
	t := &translator{text: pattern, extended: kind == 'E', start: true}
	for len(t.text) > 0 {
		if err := t.step(); err != nil {
			return "", err
		}
	}
	if len(t.groups) > 0 {
		return "", errors.New("a ( without a )")
	}
	return string(t.out), nil
}

// translator is a translation on its way.
type translator struct {
	text     string // what is left
	extended bool
	out      []byte
	start    bool  // of the pattern or of an alternative: there is nothing to repeat
	repeated bool  // what was last is a repetition, which RE2 does not repeat
	last     int   // where in out what can be repeated begins
	groups   []int // where in out the open ones begin
}

// step translates what is next.
func (t *translator) step() error {
	b := t.text[0]
	switch {
	case b >= utf8.RuneSelf:
		_, n := utf8.DecodeRuneInString(t.text)
		t.add(t.text[:n])
		t.text = t.text[n:]
		return nil
	case b == '[':
		return t.bracket()
	}
	t.text = t.text[1:]
	switch {
	case b == '\\':
		return t.escape()
	case b == '*':
		t.repeat("*", b)
	case b == '^' && (t.extended || t.start):
		t.add("^")
		t.start = true
	case b == '$' && (t.extended || t.atEnd()):
		t.add("$")
	case b == '.':
		t.add(".")
	case strings.IndexByte("(){}+?|", b) >= 0:
		return t.operator(b, t.extended)
	default:
		t.literal(b)
	}
	return nil
}

// atEnd says that an anchor here would be at the end of a basic pattern.
func (t *translator) atEnd() bool {
	return t.text == "" || strings.HasPrefix(t.text, `\)`) || strings.HasPrefix(t.text, `\|`)
}

func (t *translator) add(text string) {
	t.last = len(t.out)
	t.out = append(t.out, text...)
	t.start, t.repeated = false, false
}

func (t *translator) literal(b byte) { t.add(regexp.QuoteMeta(string(rune(b)))) }

// repeat repeats what was last. Where there is nothing, a basic pattern means the
// character itself, and an extended one nothing.
func (t *translator) repeat(how string, itself byte) {
	if t.start {
		if !t.extended {
			t.literal(itself)
		}
		return
	}
	if t.repeated {
		inner := string(t.out[t.last:])
		t.out = append(t.out[:t.last], "(?:"+inner+")"...)
	}
	t.out = append(t.out, how...)
	t.repeated = true
}

// operator is one of (){}+?|, which is special or itself.
func (t *translator) operator(b byte, special bool) error {
	if !special {
		t.literal(b)
		return nil
	}
	switch b {
	case '(':
		t.groups = append(t.groups, len(t.out))
		t.add("(?:")
		t.start = true
	case ')':
		if len(t.groups) == 0 {
			return errors.New("a ) without a (")
		}
		t.add(")")
		t.last = t.groups[len(t.groups)-1]
		t.groups = t.groups[:len(t.groups)-1]
	case '|':
		t.add("|")
		t.start = true
	case '{':
		return t.interval()
	case '}':
		t.literal(b)
	default:
		t.repeat(string(rune(b)), b)
	}
	return nil
}

// interval is {N}, {N,}, {N,M} or {,M}; an extended pattern may have a { of its own.
func (t *translator) interval() error {
	end := "}"
	if !t.extended {
		end = `\}`
	}
	inside, after, found := strings.Cut(t.text, end)
	least, most, several := strings.Cut(inside, ",")
	_, badLeast := strconv.ParseUint(least, 10, 16)
	_, badMost := strconv.ParseUint(most, 10, 16)
	if !found || badLeast != nil && (least != "" || !several) || badMost != nil && most != "" {
		if !t.extended {
			return errors.New(`what is between \{ and \} is no interval`)
		}
		t.literal('{')
		return nil
	}
	t.text = after
	if least == "" {
		inside = "0" + inside
	}
	t.repeat("{"+inside+"}", '{')
	return nil
}

// escape is what a backslash does to the next character.
func (t *translator) escape() error {
	if t.text == "" {
		return errors.New(`a \ at its end`)
	}
	r, n := utf8.DecodeRuneInString(t.text)
	text := t.text[:n]
	t.text = t.text[n:]
	switch {
	case r >= '1' && r <= '9':
		return errors.New("references back, as \\" + text + ", are not possible in RE2")
	case strings.ContainsRune("(){}+?|", r):
		return t.operator(byte(r), !t.extended)
	case r == '<' || r == '>':
		t.add(`\b`)
	case strings.ContainsRune("bBwWsS", r):
		t.add(`\` + text)
	case r == '`':
		t.add(`\A`)
	case r == '\'':
		t.add(`\z`)
	default:
		t.add(regexp.QuoteMeta(text))
	}
	return nil
}

// bracket is a set of characters, in which a backslash is nothing special in POSIX.
func (t *translator) bracket() error {
	set, rest := "[", t.text[1:]
	if strings.HasPrefix(rest, "^") {
		set, rest = "[^", rest[1:]
	}
	for first := true; ; first = false {
		switch {
		case rest == "":
			return errors.New("a [ without a ]")
		case rest[0] == ']' && !first:
			t.text = rest[1:]
			t.add(set + "]")
			return nil
		case strings.HasPrefix(rest, "[:"):
			class, after, found := strings.Cut(rest[2:], ":]")
			if !found {
				return errors.New("a [: without a :]")
			}
			set, rest = set+"[:"+class+":]", after
		case strings.HasPrefix(rest, "[.") || strings.HasPrefix(rest, "[="):
			return errors.New("[. .] and [= =] are not possible in RE2")
		default:
			if strings.IndexByte(`\[]^`, rest[0]) >= 0 {
				set += `\`
			}
			set, rest = set+rest[:1], rest[1:]
		}
	}
}
