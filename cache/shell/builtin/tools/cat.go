//go:build linux

package tools

import (
	"bytes"
	"fmt"
	"io"
)

var cat = Tool{
	Name: "cat", Usage: "[-nbvETAe] [FILE...]",
	About: "files one after the other; -n numbers lines, -b those with text; -v shows what cannot be seen, -E ends, -T tabs, -A all",
	run:   runCat,
}

func runCat(c *call) error {
	given, files, err := c.options("nbvETAetsu")
	if err != nil {
		return err
	}
	w := &catWriter{out: c.out, fresh: true}
	plain := true
	for _, o := range given {
		switch o.letter {
		case 'n':
			w.number = true
		case 'b':
			w.number, w.texts = true, true
		case 'v':
			w.visible = true
		case 'E':
			w.ends = true
		case 'T':
			w.tabs = true
		case 'A':
			w.visible, w.ends, w.tabs = true, true, true
		case 'e':
			w.visible, w.ends = true, true
		case 't':
			w.visible, w.tabs = true, true
		case 's':
			w.squeeze = true
		case 'u':
			continue
		}
		plain = false
	}
	return c.each(files, func(_ string, r io.Reader) error {
		if plain {
			return c.copy(c.Stdout, r)
		}
		return c.copy(w, flushing{c, r})
	})
}

// flushing lets be seen what was written before it waits for more.
type flushing struct {
	c *call
	r io.Reader
}

// Read is an io.Reader's.
func (f flushing) Read(p []byte) (int, error) {
	if err := f.c.out.Flush(); err != nil {
		return 0, err
	}
	return f.r.Read(p)
}

// catWriter writes lines with what the flags add to them.
type catWriter struct {
	out                    io.Writer
	number, texts, squeeze bool
	visible, ends, tabs    bool
	fresh                  bool // a line begins
	empty                  int  // lines without text, just before
	line                   int
	row                    bytes.Buffer
}

// Write is an io.Writer's.
func (w *catWriter) Write(p []byte) (int, error) {
	w.row.Reset()
	for _, b := range p {
		w.add(b)
	}
	if _, err := w.out.Write(w.row.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *catWriter) add(b byte) {
	if w.fresh {
		if b != '\n' {
			w.empty = 0
		} else if w.empty++; w.squeeze && w.empty > 1 {
			return
		}
		if w.number && !(w.texts && b == '\n') {
			w.line++
			fmt.Fprintf(&w.row, "%6d\t", w.line)
		}
	}
	w.fresh = b == '\n'
	switch {
	case b == '\n' && w.ends:
		w.row.WriteString("$\n")
	case b == '\n', b == '\t' && !w.tabs:
		w.row.WriteByte(b)
	case b == '\t':
		w.row.WriteString("^I")
	case w.visible:
		w.row.WriteString(visible(b))
	default:
		w.row.WriteByte(b)
	}
}

// visible is a byte in the way of cat -v.
func visible(b byte) string {
	prefix := ""
	if b >= 128 {
		prefix, b = "M-", b-128
	}
	switch {
	case b < 32:
		return prefix + "^" + string(rune(b+64))
	case b == 127:
		return prefix + "^?"
	}
	return prefix + string(rune(b))
}
