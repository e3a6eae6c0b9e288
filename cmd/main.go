// Package cmd is the command line of layers: one file a command. A command parses
// its flags, makes one call to the packages that know, and hands one report to a
// renderer. Errors become messages, hints and exit codes in one place (errors.go).
package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/layers/layers/cmd/term"
)

// program is one run of layers: its streams, and what must be undone at its end.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
	began          time.Time      // when the process was started
	progress       *term.Progress // nil until a command shows progress
	// signals are those that interrupt the run, and turns among them.
	signals chan os.Signal
	// args are those that it was run with, and ids what is known of this user's.
	args []string
	ids  ids
}

// errInterrupted is why the context of a run ends on SIGINT and SIGTERM.
var errInterrupted = errors.New("interrupted")

// grace is how long a command may take to stop after an interrupt; whatever it
// still does then (reading a terminal, a call that does not listen) is left behind.
const grace = 3 * time.Second

// Main runs the program with its arguments (without its name) and returns its exit
// code. The first SIGINT or SIGTERM stops it in order; a second one kills it.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 1 && args[0] == mountedRole {
		return mountedMain(stderr)
	}
	if len(args) > 1 && args[0] == builtinRole {
		return builtinMain(args[1], args[2:])
	}
	if len(args) == 1 && args[0] == terminalKeeperRole {
		return terminalKeeperMain(stderr)
	}
	if len(args) > 0 && args[0] == keeperRole {
		return keeperMain(args[1:], stderr)
	}
	if len(args) == 2 && args[0] == trashRole {
		return trashMain(args[1], stderr)
	}
	tuneMemory(os.Getenv)
	p := &program{stdin: stdin, stdout: stdout, stderr: stderr, getenv: os.Getenv, now: time.Now, began: begun(), signals: make(chan os.Signal, 16)}
	args, code, done := p.entered(args)
	if done {
		return code
	}
	p.args = args
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signal.Notify(p.signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(p.signals)

	ended := make(chan error, 1)
	go func() { ended <- p.guard(func() error { return p.run(ctx, args) }) }()
	for lent := false; ctx.Err() == nil; {
		select {
		case err := <-ended:
			return p.finish(ctx, err)
		case got := <-p.signals:
			if t, ok := got.(turn); ok {
				lent = bool(t)
			} else if !lent {
				cancel(errInterrupted)
			}
		}
	}
	select {
	case err := <-ended:
		return p.finish(ctx, err)
	case <-p.signals:
	case <-time.After(grace):
	}
	// The command may still run: nothing of it is touched any more.
	m := explain(errInterrupted)
	m.write(stderr)
	return m.code
}

// turn is sent among the signals: those after a true one are for a command of the user's
// that runs in our place, until a false one. Those before it were for us, and nobody
// else has heard of them.
type turn bool

// String is what it is among signals.
func (t turn) String() string { return "turn" }

// Signal makes it one.
func (t turn) Signal() {}

// run executes the command that args name.
func (p *program) run(ctx context.Context, args []string) error {
	root := newRoot(p)
	if len(args) > 0 && args[0] == cobra.ShellCompRequestCmd {
		plainUsage(root)
	}
	root.SetArgs(args)
	root.SetContext(ctx)
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	return root.ExecuteContext(ctx)
}

// finish tells the user of an error, if any, and returns the exit code. Once the
// run was interrupted, errors that came of it are not worth a word.
func (p *program) finish(ctx context.Context, err error) int {
	if p.progress != nil {
		p.progress.Close()
	}
	if err == nil {
		return exitDone
	}
	if errors.Is(context.Cause(ctx), errInterrupted) {
		err = errInterrupted
	}
	code := exitDone
	for _, e := range parts(err) {
		m := explain(e)
		m.write(p.stderr)
		if code == exitDone {
			code = m.code
		}
	}
	return code
}

// bugError is a panic that was caught.
type bugError struct {
	value any
	stack []byte
}

// Error says what the panic said, without its stack.
func (b *bugError) Error() string { return fmt.Sprintf("internal error: %v", b.value) }

// guard turns a panic into an error.
func (p *program) guard(run func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &bugError{value: v, stack: debug.Stack()}
		}
	}()
	return run()
}

// say tells the user something on stderr: a line, without the name of the program.
func (p *program) say(format string, a ...any) {
	line := term.EscapeLines(fmt.Sprintf(format, a...))
	if p.progress != nil {
		p.progress.Message(line)
		return
	}
	fmt.Fprintln(p.stderr, line)
}

// warn tells the user of something that was gone on without.
func (p *program) warn(message string) { p.say("layers: warning: %s", message) }

// begun is about when this process began: now, less the processors' time that it has
// taken, since it waits for little before main.
func begun() time.Time {
	var used syscall.Rusage
	now := time.Now()
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return now
	}
	return now.Add(-time.Duration(used.Utime.Nano() + used.Stime.Nano()))
}
