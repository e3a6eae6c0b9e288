//go:build linux

package tools

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Tool is a program by its name.
type Tool struct {
	Name string
	// Usage is its arguments in a line, and About what it does in one.
	Usage, About string

	misused int // its exit code when it is called wrongly; 0 is 1
	run     func(*call) error
}

// Call is what a tool is called with.
type Call struct {
	// Args are its arguments, without its name.
	Args []string
	// Dir is what names are relative to: an absolute path.
	Dir string
	// Env is the environment, as of os.Environ.
	Env []string
	// Stdin may be nil. A tool that writes to a pipe without a reader ends.
	Stdin          *os.File
	Stdout, Stderr io.Writer
	// Run runs a command as the shell does, with its output where Stdout and Stderr go,
	// and returns its exit code. Tools that run commands need it.
	Run func(ctx context.Context, args, env []string) int
}

// Find finds a tool.
func Find(name string) (Tool, bool) {
	for _, t := range all() {
		if t.Name == name {
			return t, true
		}
	}
	return Tool{}, false
}

// All are the tools, by their names.
func All() []Tool {
	tools := all()
	slices.SortFunc(tools, func(a, b Tool) int { return strings.Compare(a.Name, b.Name) })
	return tools
}

func all() []Tool {
	return []Tool{
		ls, cat, find, grep, head, stat, ps,
		env, id, readlink, wc, du, sleep, umask, kill, tail,
	}
}

// Run runs the tool until it is done or the context is, and returns its exit code.
func (t Tool) Run(ctx context.Context, with Call) int {
	c := &call{Call: with, ctx: ctx, name: t.Name, out: bufio.NewWriterSize(with.Stdout, 32<<10)}
	_, c.terminal = terminalWidth(with.Stdout)
	if slices.Contains(with.Args, "--help") {
		fmt.Fprintf(c.out, "usage: %s %s\n%s\n", t.Name, t.Usage, t.About)
		return c.end(nil)
	}
	err := t.run(c)
	if u, ok := errors.AsType[*usageError](err); ok {
		fmt.Fprintf(with.Stderr, "%s: %s\nusage: %s %s\n", t.Name, u.text, t.Name, t.Usage)
		return c.end(exit(max(t.misused, 1)))
	}
	return c.end(err)
}

// call is one run of a tool.
type call struct {
	Call
	ctx      context.Context
	name     string
	out      *bufio.Writer
	terminal bool // the output is one
	code     int
	users    names
	groups   names
}

// exit is an exit code that is the outcome of a tool, and no news to anybody.
type exit int

// Error says which.
func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// usageError is a call that cannot be meant.
type usageError struct{ text string }

// Error says why.
func (e *usageError) Error() string { return e.text }

func misused(format string, a ...any) error { return &usageError{fmt.Sprintf(format, a...)} }

// end writes what is left to write, and returns the exit code.
func (c *call) end(err error) int {
	if flushed := c.out.Flush(); err == nil {
		err = flushed
	}
	var code exit
	switch {
	case err == nil:
		return c.code
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, unix.EPIPE):
		return 128 + int(unix.SIGPIPE)
	case c.ctx.Err() != nil:
		return 128 + int(unix.SIGINT)
	}
	fmt.Fprintf(c.Stderr, "%s: %s\n", c.name, reason(err))
	return max(c.code, 1)
}

// fail says what could not be done with a name; the tool goes on, and exits with 1.
func (c *call) fail(name string, err error) {
	if c.ctx.Err() != nil {
		return
	}
	_ = c.out.Flush() // the order of messages counts; its error is kept, and comes again
	fmt.Fprintf(c.Stderr, "%s: %s: %s\n", c.name, quoted(name), reason(err))
	c.code = max(c.code, 1)
}

// going says whether there is sense in going on: nobody has interrupted the tool, and
// somebody reads what it writes.
func (c *call) going() error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	_, err := c.out.Write(nil)
	return err
}

// reason is what went wrong, without the name that the message has already.
func reason(err error) string {
	if e, ok := errors.AsType[unix.Errno](err); ok {
		return e.Error()
	}
	return err.Error()
}

// at is a name as a path.
func (c *call) at(name string) string {
	if name == "" || strings.HasPrefix(name, "/") {
		return name
	}
	return strings.TrimSuffix(c.Dir, "/") + "/" + name
}

// shown is a name as the output has it: on a terminal it can do nothing to it.
func (c *call) shown(name string) string {
	if c.terminal {
		return quoted(name)
	}
	return name
}

// variable is a variable of the environment; the last one counts.
func (c *call) variable(name string) (value string) {
	for _, e := range c.Env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			value = v
		}
	}
	return value
}

// terminalWidth is the width of a terminal, and whether it is one.
func terminalWidth(w any) (int, bool) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, false
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, false
	}
	width, is := 0, false
	err = raw.Control(func(fd uintptr) {
		if size, err := unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ); err == nil {
			width, is = int(size.Col), true
		}
	})
	return width, is && err == nil
}
