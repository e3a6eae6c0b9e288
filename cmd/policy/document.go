package policy

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/layers/layers/diff/budget"
)

const (
	mostBytes   = 1 << 20 // of a file
	mostAliased = 10_000  // nodes that aliases repeat
	mostItems   = 1000    // of a list, and images
)

// document reads the one YAML document that a file must be, with its aliases replaced by
// what they name; nil says that there is a mistake.
func (r *reader) document(data []byte) *yaml.Node {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	r.end = end(data)
	if !r.isText(data) {
		return nil
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		r.at(budget.Position{}, "", "the file is empty")
		return nil
	case err != nil:
		r.syntax(data, err)
		return nil
	}
	switch err := d.Decode(&second); {
	case err == nil:
		r.add(&second, "", "a second document begins here: a file is one")
		return nil
	case !errors.Is(err, io.EOF):
		r.syntax(data, err)
		return nil
	}
	root := doc.Content[0]
	if isNull(root) {
		r.add(root, "", "the file is empty")
		return nil
	}
	left := mostAliased
	if at := expand(&doc, false, &left); at != nil {
		r.add(at, "", "aliases repeat too much: at most %d values", mostAliased)
		return nil
	}
	return doc.Content[0]
}

// end is the place after the last character, by the line breaks that YAML has.
func end(data []byte) budget.Position {
	breaks := strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")
	plain := []byte(breaks.Replace(string(data)))
	return position(plain, len(plain))
}

func (r *reader) isText(data []byte) bool {
	if len(data) > mostBytes {
		r.at(budget.Position{}, "", "the file is larger than 1 MiB")
		return false
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		r.at(position(data, i), "", "a NUL byte: this is no text")
		return false
	}
	for i := 0; i < len(data); {
		c, n := utf8.DecodeRune(data[i:])
		if c == utf8.RuneError && n == 1 {
			r.at(position(data, i), "", "this is not UTF-8")
			return false
		}
		i += n
	}
	return true
}

// expand replaces aliases by what they name. It returns one where they repeat more than
// is left, as those do that name what they are in.
func expand(n *yaml.Node, repeated bool, left *int) *yaml.Node {
	for i, c := range n.Content {
		again := repeated || c.Kind == yaml.AliasNode
		if again {
			*left--
		}
		if *left < 0 {
			return c
		}
		if c.Kind == yaml.AliasNode {
			n.Content[i] = c.Alias
		}
		if at := expand(n.Content[i], again, left); at != nil {
			return at
		}
	}
	return nil
}

// syntax reports what the parser says, at the first line that no longer parses: the line
// that the parser names is where it began to read what it did not understand.
func (r *reader) syntax(data []byte, err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	said := 1
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if line, what, ok := strings.Cut(rest, ": "); ok {
			text = what
			said, _ = decimal(line)
		}
	}
	start := wrongLine(data, said)
	line, _, _ := bytes.Cut(data[start:], []byte("\n"))
	column := len(line) - len(bytes.TrimLeft(line, " \t"))
	if name, ok := strings.CutPrefix(text, "unknown anchor '"); ok {
		name, _, _ = strings.Cut(name, "'")
		column = max(column, bytes.Index(line, []byte("*"+name)))
	}
	hint := ""
	if bytes.Contains(line[:column], []byte("\t")) {
		hint = "indent with spaces, not with tabs"
	}
	r.at(position(data, start+column), hint, "this is no YAML: %s", text)
}

// wrongLine is where the line begins after the longest run of lines that is YAML, or, if
// that is far from where the parser stopped, the line that it said.
func wrongLine(data []byte, said int) int {
	const most = 2 << 20
	read := &countingReader{data: data}
	if parses(read) {
		return 0
	}
	end := endOfLine(data, read.n)
	for work := 0; end > 0; work += end {
		if work > most {
			return startOfLine(data, said)
		}
		end = bytes.LastIndexByte(data[:end-1], '\n') + 1
		if parses(bytes.NewReader(data[:end])) {
			break
		}
	}
	return end
}

func endOfLine(data []byte, from int) int {
	if i := bytes.IndexByte(data[from:], '\n'); i >= 0 {
		return from + i + 1
	}
	return len(data)
}

func startOfLine(data []byte, line int) int {
	start := 0
	for ; line > 1 && start < len(data); line-- {
		start = endOfLine(data, start)
	}
	return start
}

// countingReader hands out data in small parts and knows how much was asked for.
type countingReader struct {
	data []byte
	n    int
}

// Read is io.Reader's.
func (c *countingReader) Read(p []byte) (int, error) {
	if c.n == len(c.data) {
		return 0, io.EOF
	}
	n := copy(p, c.data[c.n:])
	c.n += n
	return n, nil
}

func parses(data io.Reader) bool {
	d := yaml.NewDecoder(data)
	for {
		var n yaml.Node
		if err := d.Decode(&n); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

// position is the place of a byte.
func position(data []byte, at int) budget.Position {
	start := bytes.LastIndexByte(data[:at], '\n') + 1
	return budget.Position{Line: 1 + bytes.Count(data[:at], []byte("\n")), Column: 1 + utf8.RuneCount(data[start:at])}
}
