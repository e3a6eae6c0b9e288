package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/diff"
	"github.com/layers/layers/inspect"
)

const indent = "  "

// writeJSON writes one document. The same value gives the same bytes.
func writeJSON(w io.Writer, value any) error {
	switch l := value.(type) {
	case *inspect.Listing:
		return writeListing(w, l, "entries", l.Rows(), l.Truncated)
	case *diff.Listing:
		return writeListing(w, l, "changes", l.Rows(), l.Truncated)
	}
	text, err := marshal(value, indent)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text+"\n")
	return err
}

// marshal returns a value's JSON without a line end. What a terminal could take
// for a command is written in JSON's own escapes.
func marshal(value any, indent string) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(value); err != nil {
		return "", fmt.Errorf("writing a %T as JSON: %w", value, err)
	}
	return plainJSON(strings.TrimSuffix(b.String(), "\n")), nil
}

// plainJSON escapes the characters that are not shown. Outside strings, JSON has
// none but line ends.
func plainJSON(text string) string {
	plain := func(r rune) bool { return r == '\n' || r == utf8.RuneError || term.IsShown(r) }
	if !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case plain(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// writeListing writes a listing's rows as they come: there may be millions.
func writeListing[R any](w io.Writer, l any, name string, rows iter.Seq2[R, error], truncated func() bool) error {
	head, err := marshal(l, indent)
	if err != nil {
		return err
	}
	out := newPrinter(w, Options{})
	out.text(strings.TrimSuffix(head, "\n}") + ",\n" + indent + strconv.Quote(name) + `: [`)
	separator := "\n"
	for row, err := range rows {
		if err != nil {
			return err
		}
		text, err := marshal(row, "")
		if err != nil {
			return err
		}
		out.text(separator + indent + indent + text)
		separator = ",\n"
		if out.err != nil {
			return out.err
		}
	}
	if separator != "\n" {
		out.text("\n" + indent)
	}
	out.text(fmt.Sprintf("],\n%s\"truncated\": %t\n}\n", indent, truncated()))
	return out.flush()
}
