//go:build linux

package tools

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

var head = Tool{
	Name: "head", Usage: "[-n LINES | -c BYTES] [-qv] [FILE...]",
	About: "the first lines (10) or bytes of files",
	run:   func(c *call) error { return runEnds(c, first) },
}

// part is what of a file is wanted: so many lines, or bytes.
type part struct {
	count int64
	bytes bool
	from  bool // of tail: all from this one on
}

// runEnds is head or tail, by what they take of each file.
func runEnds(c *call, take func(*call, io.Reader, part) error) error {
	if len(c.Args) > 0 && len(c.Args[0]) > 1 && c.Args[0][0] == '-' && isDigit(c.Args[0][1]) {
		c.Args = append([]string{"-n", c.Args[0][1:]}, c.Args[1:]...)
	}
	given, files, err := c.options("n:c:qv")
	if err != nil {
		return err
	}
	p := part{count: 10}
	named := len(files) > 1
	for _, o := range given {
		switch o.letter {
		case 'q', 'v':
			named = o.letter == 'v'
		default:
			text, plus := strings.CutPrefix(o.value, "+")
			if c.name == "tail" {
				text = strings.TrimPrefix(text, "-")
			}
			if p.count, err = count(text); err != nil {
				return err
			}
			p.bytes, p.from = o.letter == 'c', plus
		}
	}
	shown := 0
	return c.each(files, func(name string, r io.Reader) error {
		if named {
			c.title(name, shown > 0)
		}
		shown++
		return take(c, flushing{c, r}, p)
	})
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// title writes the name of a file above what is of it.
func (c *call) title(name string, apart bool) {
	if name == "-" {
		name = "standard input"
	}
	if apart {
		fmt.Fprintln(c.out)
	}
	fmt.Fprintf(c.out, "==> %s <==\n", c.shown(name))
}

// count reads a number, which may be of bigger units: 1k are 1024.
func count(text string) (int64, error) {
	digits := strings.TrimRight(text, "bkKmMgG")
	unit := map[string]int64{"": 1, "b": 512, "k": 1 << 10, "K": 1 << 10, "m": 1 << 20, "M": 1 << 20, "g": 1 << 30, "G": 1 << 30}[text[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || unit == 0 || n > (1<<62)/unit {
		return 0, misused("%s is no count", quoted(text))
	}
	return n * unit, nil
}

// first writes what a file begins with, and reads little more.
func first(c *call, r io.Reader, p part) error {
	if p.bytes {
		return c.copy(c.out, io.LimitReader(r, p.count))
	}
	lines := bufio.NewReaderSize(r, 4096)
	for n := int64(0); n < p.count; {
		text, err := lines.ReadSlice('\n')
		if _, err := c.out.Write(text); err != nil {
			return err
		}
		switch {
		case err == nil:
			n++
		case err == io.EOF:
			return nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return &readError{err}
		}
	}
	return nil
}
