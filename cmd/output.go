package cmd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// output is where a command's answer goes: stdout, or a file that appears only
// when it is complete.
type output struct {
	*bufio.Writer
	target io.Writer // what the buffer flushes to
	temp   *os.File  // nil for stdout
	path   string
}

// outputError says that the answer could not be written.
type outputError struct {
	path string // "" for stdout
	err  error
}

// Error names the file, or "the answer" for stdout, which has no name.
func (e *outputError) Error() string {
	if e.path == "" {
		return fmt.Sprintf("writing the answer: %v", e.err)
	}
	return fmt.Sprintf("writing %s: %v", e.path, e.err)
}

// Unwrap returns what the system said: syscall.EPIPE if nobody reads any more.
func (e *outputError) Unwrap() error { return e.err }

// openOutput opens the file at path for writing, or stdout for "" and "-".
func (p *program) openOutput(path string) (*output, error) {
	if path == "" || path == "-" {
		return &output{Writer: bufio.NewWriterSize(p.stdout, 64<<10), target: p.stdout}, nil
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return tempOutput(path, 0o666)
	case err != nil:
		return nil, &outputError{path, pathCause(err)}
	case info.IsDir():
		return nil, &outputError{path, errors.New("is a directory")}
	case !info.Mode().IsRegular(): // -o /dev/stderr, a named pipe: nothing to replace
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, &outputError{path, pathCause(err)}
		}
		return &output{Writer: bufio.NewWriter(f), target: f, path: path}, nil
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, &outputError{path, pathCause(err)}
	}
	return tempOutput(real, info.Mode().Perm())
}

// tempOutput writes beside path, so that a rename can put it there.
func tempOutput(path string, mode os.FileMode) (*output, error) {
	name := fmt.Sprintf("%s/.%s.%d.tmp", filepath.Dir(path), filepath.Base(path), os.Getpid())
	temp, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, mode)
	if err != nil {
		return nil, &outputError{path, pathCause(err)}
	}
	return &output{Writer: bufio.NewWriter(temp), target: temp, temp: temp, path: path}, nil
}

// pathCause drops the path that an *os.PathError repeats.
func pathCause(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// Close completes the output: what was written is in its place when it returns nil.
func (o *output) Close() error {
	if err := o.Flush(); err != nil {
		o.abort()
		return &outputError{o.path, pathCause(err)}
	}
	if o.temp == nil {
		if f, ok := o.target.(*os.File); ok && o.path != "" {
			return f.Close()
		}
		return nil
	}
	err := o.temp.Sync()
	if e := o.temp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(o.temp.Name(), o.path)
	}
	if err != nil {
		os.Remove(o.temp.Name())
		return &outputError{o.path, pathCause(err)}
	}
	return nil
}

// abort leaves nothing behind of a file that was not completed.
func (o *output) abort() {
	if o.temp != nil {
		o.temp.Close()
		os.Remove(o.temp.Name())
	}
}

// answer writes a command's answer to stdout or the file at path: all of it, or,
// for a file, none.
func (p *program) answer(path string, write func(io.Writer) error) error {
	o, err := p.openOutput(path)
	if err != nil {
		return err
	}
	if err := write(o); err != nil {
		o.Flush()
		o.abort()
		return err
	}
	return o.Close()
}
