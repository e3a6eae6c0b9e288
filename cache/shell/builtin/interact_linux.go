package builtin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"

	"github.com/layers/layers/cache/shell/builtin/tools"
)

// interact is a session at a terminal.
func (s *shell) interact(ctx context.Context) (_ int, err error) {
	if s.keys, err = pollable(s.Stdin); err != nil {
		return 125, err
	}
	r, err := s.runner(streams{in: s.keys, out: s.Stdout, err: s.Stderr, env: s.Env})
	if err != nil {
		return 125, err
	}
	if err := interp.Interactive(true)(r); err != nil {
		return 125, err
	}
	s.interrupts.obey()
	e := newEditor(s.Stdin, s.Stdout, func(line string) (string, bool) { return s.complete(r.Dir, line) })
	for {
		stmts, err := s.read(e, r)
		if errors.Is(err, io.EOF) {
			fmt.Fprintln(s.Stdout)
			return s.leave(ctx, r), nil
		}
		if err != nil {
			return 1, err
		}
		for _, stmt := range stmts {
			code, interrupted := s.typed(ctx, r, stmt)
			if interrupted {
				fmt.Fprintln(s.Stdout) // the terminal has shown ^C there
				break
			}
			if r.Exited() {
				return code, nil
			}
		}
	}
}

// pollable opens a terminal once more, for reads that can be given up; the descriptor
// that programs get stays as they expect it.
func pollable(terminal *os.File) (*os.File, error) {
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", terminal.Fd()), unix.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENXIO) {
		return terminal, nil // another user's; only an interrupt of read is lost
	}
	if err != nil {
		return nil, fmt.Errorf("the terminal: %w", err)
	}
	return os.NewFile(uintptr(fd), terminal.Name()), nil
}

// typed runs what was typed, and says whether it was interrupted.
func (s *shell) typed(ctx context.Context, r *interp.Runner, node syntax.Node) (code int, interrupted bool) {
	ctx, l := newLine(ctx)
	s.interrupts.set(l)
	defer s.interrupts.set(nil)
	code = s.evaluate(ctx, r, node)
	return code, ctx.Err() != nil
}

// read reads a command, which may take several lines. What is no command is said, and
// read anew.
func (s *shell) read(e *editor, r *interp.Runner) ([]*syntax.Stmt, error) {
	text, prompt := "", s.prompt(r.Dir)
	for {
		line, err := e.readLine(prompt)
		switch {
		case errors.Is(err, errInterrupted):
			text, prompt = "", s.prompt(r.Dir)
			continue
		case err != nil && (text == "" || !errors.Is(err, io.EOF)):
			return nil, err
		}
		ended := err != nil
		text += line + "\n"
		file, err := syntax.NewParser().Parse(strings.NewReader(text), "")
		switch {
		case err == nil && (ended || !strings.HasSuffix(line, "\\")):
			return file.Stmts, nil
		case !ended && (err == nil || syntax.IsIncomplete(err)):
			prompt = "> "
			continue
		}
		s.say("%v", err)
		text, prompt = "", s.prompt(r.Dir)
	}
}

// prompt says where one is: IMAGE:DIRECTORY, and # for root.
func (s *shell) prompt(dir string) string {
	sign := "$"
	if os.Geteuid() == 0 {
		sign = "#"
	}
	return fmt.Sprintf("%s:%s%s ", tools.Quoted(s.Image), tools.Quoted(dir), sign)
}
