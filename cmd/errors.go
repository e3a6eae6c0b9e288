package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/layers/layers/cmd/term"
)

// message is what a user reads of an error, and the exit code that goes with it.
// An empty line is silence.
type message struct {
	line   string
	detail []string
	hint   string // what to type next
	code   int
}

func (m message) write(w io.Writer) {
	if m.line == "" {
		return
	}
	fmt.Fprintf(w, "layers: %s\n", term.Escape(m.line))
	for _, d := range m.detail {
		fmt.Fprintf(w, "  %s\n", term.Escape(d))
	}
	if m.hint != "" {
		fmt.Fprintf(w, "hint: %s\n", term.Escape(m.hint))
	}
}

// usageError says that the command line is wrong.
type usageError struct{ text, hint string }

// Error says what is wrong; what is right is in the hint.
func (e *usageError) Error() string { return e.text }

// noError says that the answer to what was asked is no: exit code 1, and no
// message of its own, because the answer has been given.
type noError struct{}

// Error is for logs: users never see it.
func (noError) Error() string { return "no" }

// changedError says that a layer that has been read whole before, since its table of
// contents is there, can no longer be read: not its publisher is to blame.
type changedError struct{ err error }

// Error is the layer's own error, unchanged.
func (e *changedError) Error() string { return e.err.Error() }

// Unwrap returns the layer's error, so that its kind is still known.
func (e *changedError) Unwrap() error { return e.err }

// advised is an error with what the command knows beside it.
type advised struct {
	err    error
	detail []string
	hint   string
}

// Error is the error without the advice, which explain finds and puts below.
func (a *advised) Error() string { return a.err.Error() }

// Unwrap returns the error that the advice is about, which decides the exit code.
func (a *advised) Unwrap() error { return a.err }

// parts takes joined errors apart, so that each is told and none is lost. Where
// something failed, that other work was then given up is no news.
func parts(err error) []error {
	all := split(err)
	failed := slices.DeleteFunc(slices.Clone(all), func(e error) bool { return errors.Is(e, context.Canceled) })
	if len(failed) > 0 {
		return failed
	}
	return all[:1]
}

func split(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, split(e)...)
	}
	return all
}

// explain turns an error into what the user is told and the exit code. The rules,
// of which the first that fits decides, are the one place that knows both.
func explain(err error) message {
	m := message{line: err.Error()}
	if !slices.ContainsFunc(rules, func(r rule) bool { return r(err, &m) }) {
		m.code = exitBug
		m.detail = append(m.detail, "layers has no word for this error; please report it: "+reportAt)
	}
	var a *advised
	for hinted := false; errors.As(err, &a); err = a.err {
		m.detail = append(m.detail, a.detail...)
		if a.hint != "" && !hinted {
			m.hint, hinted = a.hint, true
		}
	}
	return m
}

const reportAt = "https://github.com/layers/layers/issues"

// list names up to most things, and how many there are beyond.
func list(names []string, most int) string {
	if len(names) == 0 {
		return "nothing"
	}
	more := ""
	if len(names) > most {
		more = fmt.Sprintf(" and %d more", len(names)-most)
		names = names[:most]
	}
	return strings.Join(names, ", ") + more
}
