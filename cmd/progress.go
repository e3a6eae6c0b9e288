package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/layers/layers/cache"
	"github.com/layers/layers/cmd/report"
	"github.com/layers/layers/cmd/term"
)

// show shows what the store reports. That a layer is here is news to who pulls it,
// and to nobody who looks at an image.
func (s *session) show(e cache.Event) {
	if e.Step == cache.Exists && s.asking {
		return
	}
	s.program.progress.Update(progressOf(e))
}

// startProgress shows progress on stderr; "" is for commands without.
func (p *program) startProgress(mode term.Mode) {
	if mode == "" {
		mode = term.ModeNone
	}
	out := term.Probe(p.stderr, p.getenv, term.Never)
	p.progress = term.NewProgress(p.stderr, term.ProgressOptions{
		Mode:  term.Resolve(mode, out.TTY, p.getenv),
		Width: out.Width,
		UTF8:  out.UTF8,
		Bytes: sizeText,
		Now:   p.now,
	})
}

func progressOf(e cache.Event) term.Event {
	t := term.Event{
		Image: e.Image, Layer: e.Layer + 1, ID: e.Digest.String(),
		State: term.State(e.Step), Bytes: e.Bytes, Size: e.Size,
	}
	if e.Err != nil {
		t.Err = briefly(e.Err)
	}
	return t
}

// retrying tells of an attempt that failed, in one line if that is wide enough.
func (p *program) retrying(what string, err error) {
	why := briefly(err)
	line := fmt.Sprintf("%s: %s; trying again", what, why)
	if report.Width(line) > term.Probe(p.stderr, p.getenv, term.Never).Width {
		line = fmt.Sprintf("%s:\n  %s; trying again", what, why)
	}
	p.say("%s", line)
}

// briefly says what is at the bottom of an error that will be tried again: which
// addresses were connected matters only if it stays so, and is told then.
func briefly(err error) string {
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		return call.Err.Error()
	}
	if lookup, ok := errors.AsType[*net.DNSError](err); ok {
		return lookup.Err + ": " + lookup.Name
	}
	if network, ok := errors.AsType[net.Error](err); ok && network.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return "timed out"
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return "cut off"
	}
	return err.Error()
}
