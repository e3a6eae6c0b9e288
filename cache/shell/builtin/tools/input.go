//go:build linux

package tools

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// input reads a file until the context ends, also where reading waits: a terminal, a
// fifo that nobody writes to.
type input struct {
	ctx  context.Context
	file *os.File
}

// waiting is how long a read waits before it looks whether it is still wanted.
const waiting = 100 // milliseconds

// Read is an io.Reader's.
func (in *input) Read(p []byte) (n int, err error) {
	raw, err := in.file.SyscallConn()
	if err != nil {
		return 0, err
	}
	for {
		if err := in.ctx.Err(); err != nil {
			return 0, err
		}
		var failed error
		if err := raw.Control(func(fd uintptr) { n, failed = readReady(int(fd), p) }); err != nil {
			return 0, err
		}
		switch {
		case errors.Is(failed, unix.EAGAIN) || errors.Is(failed, unix.EINTR):
			continue
		case failed != nil:
			return 0, failed
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// readReady reads what is there; EAGAIN says that nothing is yet.
func readReady(fd int, p []byte) (int, error) {
	ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(ready, waiting)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, unix.EAGAIN
	}
	return unix.Read(fd, p)
}

// withoutHoles reads a file with one zero byte in place of each hole: what is searched
// need not be terabytes of them.
type withoutHoles struct {
	in *input
	fd int
}

// Read is an io.Reader's.
func (w *withoutHoles) Read(p []byte) (int, error) {
	at, err := unix.Seek(w.fd, 0, unix.SEEK_CUR)
	if err != nil || len(p) == 0 { // a fifo has no holes
		return w.in.Read(p)
	}
	data, err := unix.Seek(w.fd, at, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO):
		if data, err = unix.Seek(w.fd, 0, unix.SEEK_END); err != nil || data <= at {
			return 0, io.EOF
		}
	case err != nil:
		return w.in.Read(p)
	case data == at:
		hole, err := unix.Seek(w.fd, at, unix.SEEK_HOLE)
		if err != nil {
			return 0, err
		}
		if _, err := unix.Seek(w.fd, at, unix.SEEK_SET); err != nil {
			return 0, err
		}
		return w.in.Read(p[:min(int64(len(p)), max(hole-at, 1))])
	}
	p[0] = 0
	return 1, nil
}

// open opens a file to be read; "-" is the standard input.
func (c *call) open(name string) (io.ReadCloser, error) {
	if name == "-" {
		return c.stdin(), nil
	}
	// Without O_NONBLOCK, opening a fifo would wait for a writer and could not be ended.
	fd, err := unix.Open(c.at(name), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return &input{ctx: c.ctx, file: os.NewFile(uintptr(fd), name)}, nil
}

func (c *call) stdin() io.ReadCloser {
	if c.Stdin == nil {
		return io.NopCloser(eof{})
	}
	return io.NopCloser(&input{ctx: c.ctx, file: c.Stdin})
}

// eof is an input with nothing in it.
type eof struct{}

// Read says so.
func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// each calls do with every file that is named, or the standard input if none is.
func (c *call) each(names []string, do func(name string, r io.Reader) error) error {
	if len(names) == 0 {
		names = []string{"-"}
	}
	for _, name := range names {
		if err := c.going(); err != nil {
			return err
		}
		r, err := c.open(name)
		if err != nil {
			c.fail(name, err)
			continue
		}
		err = do(name, r)
		_ = r.Close() // nothing was written
		if err := c.tellRead(name, err); err != nil {
			return err
		}
	}
	return nil
}

// readError is an error of what is read, after which a tool goes on with the next.
type readError struct{ err error }

// Error says what.
func (e *readError) Error() string { return e.err.Error() }

// Unwrap is what it was.
func (e *readError) Unwrap() error { return e.err }

// tellRead tells of what could not be read; what could not be written ends the tool.
func (c *call) tellRead(name string, err error) error {
	if e, ok := errors.AsType[*readError](err); ok && c.ctx.Err() == nil {
		c.fail(name, e.err)
		return nil
	}
	return err
}

// copy copies what is read to the output as it comes.
func (c *call) copy(w io.Writer, r io.Reader) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &readError{err}
		}
	}
}

// Close closes the file.
func (in *input) Close() error { return in.file.Close() }
