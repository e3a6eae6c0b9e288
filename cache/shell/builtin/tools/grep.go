//go:build linux

package tools

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

var grep = Tool{
	Name: "grep", Usage: "[-EFivwxnclLqsorhHaI] [-m N] [-e PATTERN]... [PATTERN] [FILE...]",
	About: `lines that match: -E extended, -F fixed strings; -i any case, -v not matching, -w words, -x whole lines; -n numbers,
-c counts, -l -L files with and without, -q nothing, -o what matches, -r below directories, -h -H without and with
names, -m N at most, -a binary as text, -I binary not at all, -s no messages. Patterns are POSIX's, but for references back, which RE2 does not have`,
	run: runGrep, misused: 2,
}

// grepper is one run of grep.
type grepper struct {
	*call
	match                          *matcher
	invert, number, count          bool
	list, listWithout, quiet, only bool
	below, silent, text, textOnly  bool
	names                          bool
	most                           int64
	found                          bool
}

// maxLine is the longest line that is looked at as one.
const maxLine = 16 << 20

func runGrep(c *call) error {
	g := &grepper{call: c, most: -1}
	files, err := g.configure()
	if err != nil {
		return err
	}
	if len(files) == 0 && g.below {
		files = []string{""} // here, and names are shown without it
	} else if len(files) == 0 {
		files = []string{"-"}
	}
	for _, name := range files {
		if err := g.going(); err != nil {
			return err
		}
		if err := g.operand(name); err != nil {
			return err
		}
		if g.quiet && g.found {
			return exit(0)
		}
	}
	switch {
	case g.code != 0:
		g.code = 2
	case !g.found:
		g.code = 1
	}
	return nil
}

func (g *grepper) configure() (files []string, err error) {
	given, operands, err := g.options("EFGivwxnclLqsorRhHaIm:e:y")
	if err != nil {
		return nil, err
	}
	flags := map[byte]*bool{
		'v': &g.invert, 'n': &g.number, 'c': &g.count, 'l': &g.list, 'L': &g.listWithout, 'q': &g.quiet,
		's': &g.silent, 'o': &g.only, 'r': &g.below, 'R': &g.below, 'a': &g.text, 'I': &g.textOnly,
	}
	var syntax matcherOptions
	var patterns []string
	names := byte(0)
	for _, o := range given {
		switch o.letter {
		case 'E', 'F', 'G':
			syntax.kind = o.letter
		case 'i', 'y':
			syntax.fold = true
		case 'w':
			syntax.words = true
		case 'x':
			syntax.lines = true
		case 'h', 'H':
			names = o.letter
		case 'e':
			patterns = append(patterns, o.value)
		case 'm':
			if g.most, err = count(o.value); err != nil {
				return nil, err
			}
		default:
			if f := flags[o.letter]; f != nil {
				*f = true
			}
		}
	}
	if patterns == nil {
		if len(operands) == 0 {
			return nil, misused("which pattern?")
		}
		patterns, operands = operands[:1], operands[1:]
	}
	g.names = names == 'H' || names == 0 && (len(operands) > 1 || g.below)
	g.match, err = newMatcher(patterns, syntax)
	return operands, err
}

// operand searches what was named.
func (g *grepper) operand(name string) error {
	if name == "-" {
		return g.search("(standard input)", g.stdin())
	}
	if name == "" && g.below {
		return g.dir(unix.AT_FDCWD, g.Dir, "")
	}
	st, err := status(unix.AT_FDCWD, g.at(name), true)
	switch {
	case err != nil:
		g.cannot(name, err)
		return nil
	case !isDir(&st):
		return g.file(unix.AT_FDCWD, g.at(name), name)
	case !g.below:
		g.cannot(name, errors.New("is a directory"))
		return nil
	}
	return g.dir(unix.AT_FDCWD, g.at(name), name+"/")
}

func (g *grepper) cannot(name string, err error) {
	if g.silent {
		g.code = 2
		return
	}
	g.fail(name, err)
}

// dir searches the regular files below a directory; no link is followed. What is shown
// of it is what comes before the names in it.
func (g *grepper) dir(at int, name, shown string) error {
	f, err := openDir(at, name, at == unix.AT_FDCWD)
	if err != nil {
		g.cannot(shown, err)
		return nil
	}
	defer f.Close()
	err = g.eachName(f, func(child string) error {
		st, err := status(int(f.Fd()), child, false)
		below := shown + child
		switch {
		case err != nil:
			g.cannot(below, err)
		case isDir(&st):
			return g.dir(int(f.Fd()), child, below+"/")
		case isReg(&st):
			return g.file(int(f.Fd()), child, below)
		}
		return nil
	})
	return g.tellRead(shown, err)
}

func (g *grepper) file(at int, name, shown string) error {
	fd, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		g.cannot(shown, err)
		return nil
	}
	r := &input{ctx: g.ctx, file: os.NewFile(uintptr(fd), shown)}
	err = g.search(shown, &withoutHoles{in: r, fd: fd})
	return g.tellRead(shown, errors.Join(err, r.Close()))
}

// search is of one stream.
func (g *grepper) search(name string, r io.Reader) error {
	s := &search{grepper: g, name: name}
	err := s.lines(bufio.NewReaderSize(flushing{g.call, r}, 32<<10))
	if err != nil {
		return err
	}
	if s.matched > 0 {
		g.found = true
	}
	switch {
	case g.quiet:
		return nil
	case g.listWithout:
		return s.say(s.matched == 0)
	case g.list:
		return s.say(s.matched > 0)
	case g.count:
		s.prefix(0)
		_, err = fmt.Fprintln(g.out, s.matched)
	}
	return err
}

// search is the state of searching one stream.
type search struct {
	*grepper
	name    string
	line    int64
	matched int64
	binary  bool
}

func (s *search) say(really bool) error {
	if !really {
		return nil
	}
	_, err := fmt.Fprintln(s.out, s.shown(s.name))
	return err
}

func (s *search) lines(r *bufio.Reader) error {
	start, err := r.Peek(1)
	if len(start) == 1 {
		start, _ = r.Peek(r.Buffered()) // what was read, if not more: an error comes again
	}
	s.binary = bytes.IndexByte(start, 0) >= 0
	for err == nil {
		var line []byte
		if line, err = s.read(r); len(line) == 0 && err != nil {
			break
		}
		s.line++
		s.binary = s.binary || bytes.IndexByte(line, 0) >= 0
		enough, err := s.look(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil {
			return err
		}
		if enough {
			return nil
		}
	}
	if err != io.EOF {
		return &readError{err}
	}
	return nil
}

// read reads a line. A longer one than can be kept is cut, and that is said.
func (s *search) read(r *bufio.Reader) (line []byte, err error) {
	line, err = r.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	line = bytes.Clone(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		var more []byte
		more, err = r.ReadSlice('\n')
		if line = append(line, more...); len(line) > maxLine {
			s.fail(s.name, fmt.Errorf("line %d is longer than 16 MiB: looked at in parts", s.line+1))
			return line, nil
		}
	}
	return line, err
}

// look looks at a line, and says whether that is enough.
func (s *search) look(line []byte) (enough bool, err error) {
	if s.most == 0 {
		return true, nil
	}
	if s.binary && s.textOnly && !s.text {
		s.matched = 0
		return true, nil
	}
	if s.match.line(line) == s.invert {
		return false, nil
	}
	s.matched++
	enough = s.most > 0 && s.matched >= s.most
	switch {
	case s.quiet, s.list, s.listWithout:
		return true, nil
	case s.count:
		return enough, nil
	case s.binary && !s.text:
		if err := s.out.Flush(); err != nil {
			return true, err
		}
		_, err := fmt.Fprintf(s.Stderr, "%s: %s: binary file matches\n", s.call.name, quoted(s.name))
		return true, err
	case s.only:
		return enough, s.parts(line)
	}
	s.prefix(s.line)
	_, err = s.out.Write(append(line, '\n'))
	return enough, err
}

// parts prints what of a line matches.
func (s *search) parts(line []byte) error {
	if s.invert {
		return nil
	}
	for _, at := range s.match.parts(line) {
		s.prefix(s.line)
		if _, err := fmt.Fprintf(s.out, "%s\n", line[at[0]:at[1]]); err != nil {
			return err
		}
	}
	return nil
}

// prefix is what a line begins with; its errors come again with the line.
func (s *search) prefix(line int64) {
	if s.names {
		fmt.Fprintf(s.out, "%s:", s.shown(s.name))
	}
	if s.number && line > 0 {
		fmt.Fprintf(s.out, "%d:", line)
	}
}
