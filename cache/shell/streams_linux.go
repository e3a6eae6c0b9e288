package shell

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// streams are the caller's standard files as the shell has them. Through the descriptor
// of a file or a disk of the host, it could be opened once more to be written, at any
// place in it (/proc/self/fd/0); so the shell has a pipe in its place. Terminals, pipes
// and the like are lent as they are: there is no more to them than they give.
type streams struct {
	in, out, err *os.File
	theirs       []*os.File // the ends of pipes that are the shell's only
	fill         *filler
	drains       []*drain
}

// lend makes the pipes that are needed.
func lend(in, out, errs *os.File) (_ *streams, err error) {
	s := &streams{in: in, out: out, err: errs}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	for _, f := range []*os.File{in, out, errs} {
		if st, err := f.Stat(); err == nil && st.IsDir() {
			return nil, &SetupError{Text: f.Name() + " is a directory: by it, the command could leave the image"}
		}
	}
	if !lendable(in) {
		if err := s.source(in); err != nil {
			return nil, err
		}
	}
	if !lendable(out) {
		if s.out, err = s.sink(out); err != nil {
			return nil, err
		}
	}
	switch {
	case lendable(errs):
	case sameFile(out, errs):
		s.err = s.out // what is written on both stays in order
	default:
		s.err, err = s.sink(errs)
	}
	return s, err
}

func lendable(f *os.File) bool {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return true // it is closed
	}
	kind := st.Mode & unix.S_IFMT
	return kind != unix.S_IFREG && kind != unix.S_IFBLK
}

func sameFile(a, b *os.File) bool {
	x, errX := a.Stat()
	y, errY := b.Stat()
	return errX == nil && errY == nil && os.SameFile(x, y)
}

func (s *streams) source(f *os.File) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	s.in = r
	s.fill = &filler{from: f, to: w, rest: r, done: make(chan struct{})}
	s.fill.start, err = f.Seek(0, io.SeekCurrent)
	return err
}

func (s *streams) sink(f *os.File) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s.theirs = append(s.theirs, w)
	s.drains = append(s.drains, &drain{from: r, to: f, done: make(chan struct{})})
	return w, nil
}

// begin lets the pipes flow, when the shell has its ends.
func (s *streams) begin() (err error) {
	for _, f := range s.theirs {
		err = errors.Join(err, f.Close())
	}
	s.theirs = nil
	if s.fill != nil {
		s.fill.begun = true
		go s.fill.run()
	}
	for _, d := range s.drains {
		d.begun = true
		go d.run()
	}
	return err
}

// close waits until all that was written is where it was to go. The shell must have ended.
func (s *streams) close() (err error) {
	for _, f := range s.theirs {
		err = errors.Join(err, f.Close())
	}
	if s.fill != nil {
		err = errors.Join(err, s.fill.close())
	}
	for _, d := range s.drains {
		err = errors.Join(err, d.close())
	}
	return err
}

// filler gives a file to the shell.
type filler struct {
	from, to, rest *os.File // rest is the shell's end, which tells what it left
	begun          bool
	start, given   int64
	failed         error
	done           chan struct{}
}

func (f *filler) run() {
	defer close(f.done)
	buf := make([]byte, 64<<10)
	for {
		n, err := f.from.Read(buf)
		given, failed := f.to.Write(buf[:n])
		f.given += int64(given)
		if failed != nil {
			return // the shell has ended
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				f.failed = fmt.Errorf("standard input: %w", err)
			}
			f.failed = errors.Join(f.failed, f.to.Close())
			return
		}
	}
}

// close leaves the file at what the shell did not read: the next program may.
func (f *filler) close() error {
	if !f.begun {
		return errors.Join(f.to.Close(), f.rest.Close())
	}
	_ = f.to.SetWriteDeadline(time.Now()) // it is closed at the end of the file
	<-f.done
	left, err := unix.IoctlGetInt(int(f.rest.Fd()), unix.TIOCINQ)
	if err == nil {
		taken := max(f.given-int64(left), 0) // the shell can put more into its pipe
		_, err = f.from.Seek(f.start+taken, io.SeekStart)
	}
	if closed := f.to.Close(); closed != nil && !errors.Is(closed, os.ErrClosed) {
		err = errors.Join(err, closed)
	}
	return errors.Join(f.failed, err, f.rest.Close())
}

// drain takes what the shell writes to a file.
type drain struct {
	from, to *os.File
	begun    bool
	failed   error
	done     chan struct{}
}

func (d *drain) run() {
	defer close(d.done)
	if _, err := io.Copy(d.to, d.from); err != nil {
		d.failed = fmt.Errorf("writing the command's output: %w", err)
		_ = d.from.Close() // the command is told so by its next write
	}
}

func (d *drain) close() error {
	if d.begun {
		<-d.done
	}
	if err := d.from.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return errors.Join(d.failed, err)
	}
	return d.failed
}
