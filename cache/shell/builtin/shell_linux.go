package builtin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// Config says what a shell is.
type Config struct {
	// Image is what the prompt calls the image.
	Image string
	// Env is the environment that the shell begins with.
	Env []string
	// Command runs in place of what is typed or read: its words are not expanded.
	Command []string
	// Stdin, Stdout and Stderr are the shell's. Where the first is a terminal, there are
	// prompts and line editing; else it is read as a script.
	Stdin, Stdout, Stderr *os.File
}

// shell is a shell that runs.
type shell struct {
	Config
	// keys are the standard input of the interpreter, from which a read can be given up.
	keys *os.File

	interrupts interrupts
}

// Main runs a shell in the current directory, and returns its exit code. It must be
// called before this process has opened anything.
func Main(c Config) int {
	s := &shell{Config: c, keys: c.Stdin}
	closeLoaded()
	quit, ended := make(chan os.Signal, 1), make(chan int, 1)
	signal.Notify(quit, unix.SIGQUIT) // Go would show its own state
	go func() { ended <- s.main() }()
	for {
		select {
		case code := <-ended:
			return code
		case <-quit:
			if !s.terminal() { // there, it is a key that ends what runs
				return 128 + int(unix.SIGQUIT)
			}
		}
	}
}

func (s *shell) main() int {
	code, err := s.run()
	if err != nil {
		s.say("%v", err)
		return max(code, 1)
	}
	return code
}

func (s *shell) terminal() bool { return term.IsTerminal(int(s.Stdin.Fd())) }

// closeLoaded closes what ld.so(8) was given to start us from: paths, from the first
// descriptor on that is not a standard one.
func closeLoaded() {
	for fd := 3; ; fd++ {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil || flags&unix.O_PATH == 0 {
			return
		}
		_ = unix.Close(fd) // a path has nothing to write
	}
}

// say tells the user something.
func (s *shell) say(format string, a ...any) {
	fmt.Fprintf(s.Stderr, "layers: %s\n", fmt.Sprintf(format, a...))
}

func (s *shell) run() (code int, err error) {
	ctx := context.Background()
	switch {
	case len(s.Command) > 0:
		return s.runCommand(ctx)
	case s.terminal():
		return s.interact(ctx)
	}
	r, err := s.runner(streams{in: s.Stdin, out: s.Stdout, err: s.Stderr, env: s.Env})
	if err != nil {
		return 125, err
	}
	return s.runLines(ctx, r, s.Stdin), nil
}

// streams are what a command runs with.
type streams struct {
	in       *os.File
	out, err io.Writer
	dir      string
	env      []string
}

// runner makes an interpreter, with parameters as those of set.
func (s *shell) runner(with streams, params ...string) (*interp.Runner, error) {
	return interp.New(
		interp.StdIO(with.in, with.out, with.err),
		interp.Env(expand.ListEnviron(with.env...)),
		interp.Dir(with.dir),
		interp.Params(params...),
		interp.CallHandler(s.call),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return s.exec }),
	)
}

// runCommand runs the words of the command, whatever is in them.
func (s *shell) runCommand(ctx context.Context) (int, error) {
	r, err := s.runner(streams{in: s.Stdin, out: s.Stdout, err: s.Stderr, env: s.Env}, append([]string{"--"}, s.Command...)...)
	if err != nil {
		return 125, err
	}
	all, err := syntax.NewParser().Parse(strings.NewReader(`"$@"`), "")
	if err != nil {
		return 125, err
	}
	if s.terminal() {
		s.interrupts.obey()
	}
	code, _ := s.typed(ctx, r, all)
	return code, nil
}

// evaluate runs a part of a script, and returns its exit code.
func (s *shell) evaluate(ctx context.Context, r *interp.Runner, node syntax.Node) (code int) {
	defer func() {
		if v := recover(); v != nil { // what the interpreter does not know
			s.say("%v", v)
			code = 2
		}
	}()
	err := r.Run(ctx, node)
	var status interp.ExitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case ctx.Err() != nil:
		return 128 + int(unix.SIGINT)
	}
	s.say("%v", err)
	return 1
}

// runLines runs a script as it is read, line by line: commands may read what comes
// after them.
func (s *shell) runLines(ctx context.Context, r *interp.Runner, from io.Reader) (code int) {
	for stmt, err := range syntax.NewParser().StmtsSeq(&lineReader{from: from}) {
		if err != nil {
			s.say("%v", err)
			return 2
		}
		code = s.evaluate(ctx, r, stmt)
		if r.Exited() {
			return code
		}
	}
	return s.leave(ctx, r)
}

// leave ends a shell as exit does, with the code of the last command.
func (s *shell) leave(ctx context.Context, r *interp.Runner) int {
	all, err := syntax.NewParser().Parse(strings.NewReader("exit"), "")
	if err != nil {
		s.say("%v", err)
		return 2
	}
	return s.evaluate(ctx, r, all.Stmts[0])
}

// lineReader reads no more than a line at once, and nothing of what comes after it.
type lineReader struct{ from io.Reader }

// Read is an io.Reader's.
func (l *lineReader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		got, err := l.from.Read(p[n : n+1])
		n += got
		if err != nil || got > 0 && p[n-1] == '\n' {
			return n, err
		}
	}
	return n, nil
}
