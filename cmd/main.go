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
	"sync/atomic"
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
	progress       *term.Progress // nil until a command shows progress
	// lent says that a command of the user's runs in our place: what interrupts it is
	// for it to decide.
	lent *atomic.Bool
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
	if len(args) == 1 && args[0] == shellRole {
		return shellMain()
	}
	if len(args) > 0 && args[0] == keeperRole {
		return keeperMain(args[1:], stderr)
	}
	tuneMemory(os.Getenv)
	p := &program{stdin: stdin, stdout: stdout, stderr: stderr, getenv: os.Getenv, now: time.Now, lent: &atomic.Bool{}}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	done := make(chan error, 1)
	go func() { done <- p.guard(func() error { return p.run(ctx, args) }) }()
	for ctx.Err() == nil {
		select {
		case err := <-done:
			return p.finish(ctx, err)
		case <-signals:
			if !p.lent.Load() {
				cancel(errInterrupted)
			}
		}
	}
	select {
	case err := <-done:
		return p.finish(ctx, err)
	case <-signals:
	case <-time.After(grace):
	}
	// The command may still run: nothing of it is touched any more.
	m := explain(errInterrupted)
	m.write(stderr)
	return m.code
}

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
