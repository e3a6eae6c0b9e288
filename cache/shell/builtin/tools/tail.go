//go:build linux

package tools

import (
	"errors"
	"io"
)

var tail = Tool{
	Name: "tail", Usage: "[-n LINES | -c BYTES] [-qv] [FILE...]",
	About: "the last lines (10) or bytes of files; with +N, all from line or byte N on",
	run:   func(c *call) error { return runEnds(c, last) },
}

// The most that is kept of a stream while its end is not known.
const maxTail = 64 << 20

var errTooMuch = errors.New("what is asked for is more than 64 MiB")

// last writes what a file ends with.
func last(c *call, r io.Reader, p part) error {
	if p.from {
		return c.copy(&skipper{w: c.out, left: max(p.count-1, 0), bytes: p.bytes}, r)
	}
	var kept []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		kept = append(kept, buf[:n]...)
		// Shortened now and then, the same bytes are not gone through each time.
		if len(kept) > 1<<20 || err != nil {
			kept = ending(kept, p)
		}
		if len(kept) > maxTail {
			return &readError{errTooMuch}
		}
		if err == io.EOF {
			_, err = c.out.Write(kept)
			return err
		}
		if err != nil {
			return &readError{err}
		}
	}
}

// ending is the part of the text that is wanted, if the text ends here.
func ending(text []byte, p part) []byte {
	if p.bytes {
		return text[max(0, int64(len(text))-p.count):]
	}
	lines := int64(0)
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] != '\n' || i == len(text)-1 {
			continue
		}
		if lines++; lines == p.count {
			return text[i+1:]
		}
	}
	if p.count == 0 {
		return nil
	}
	return text
}

// skipper writes what comes after so many lines or bytes.
type skipper struct {
	w     io.Writer
	left  int64
	bytes bool
}

// Write is an io.Writer's.
func (s *skipper) Write(p []byte) (int, error) {
	i := 0
	for ; s.left > 0 && i < len(p); i++ {
		if s.bytes || p[i] == '\n' {
			s.left--
		}
	}
	if _, err := s.w.Write(p[i:]); err != nil {
		return 0, err
	}
	return len(p), nil
}
