//go:build linux

package tools

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

var wc = Tool{Name: "wc", Usage: "[-lwc] [FILE...]", About: "how many lines, words and bytes files have", run: runWc}

// counts are of one file, or of all.
type counts struct{ lines, words, bytes int64 }

func runWc(c *call) error {
	given, files, err := c.options("lwcm")
	if err != nil {
		return err
	}
	which := ""
	for _, o := range given {
		which += string(rune(o.letter))
	}
	if which == "" {
		which = "lwc"
	}
	var all counts
	err = c.each(files, func(name string, r io.Reader) error {
		var one counts
		err := c.copy(&counter{counts: &one}, r)
		all = counts{all.lines + one.lines, all.words + one.words, all.bytes + one.bytes}
		if len(files) == 0 {
			name = ""
		}
		return firstOf(c.counted(one, which, name), err)
	})
	if len(files) > 1 && err == nil {
		err = c.counted(all, which, "total")
	}
	return err
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *call) counted(n counts, which, name string) error {
	var fields []string
	for _, f := range []struct {
		letters string
		n       int64
	}{{"l", n.lines}, {"w", n.words}, {"cm", n.bytes}} {
		if strings.ContainsAny(which, f.letters) {
			fields = append(fields, fmt.Sprintf("%7d", f.n))
		}
	}
	if len(fields) == 1 {
		fields[0] = strings.TrimLeft(fields[0], " ")
	}
	if name != "" {
		fields = append(fields, c.shown(name))
	}
	_, err := fmt.Fprintln(c.out, strings.Join(fields, " "))
	return err
}

// counter counts what is written to it.
type counter struct {
	*counts
	inWord bool
}

// Write is an io.Writer's.
func (w *counter) Write(p []byte) (int, error) {
	w.bytes += int64(len(p))
	w.lines += int64(bytes.Count(p, []byte("\n")))
	for _, b := range p {
		space := b == ' ' || b >= '\t' && b <= '\r'
		if !space && !w.inWord {
			w.words++
		}
		w.inWord = !space
	}
	return len(p), nil
}
