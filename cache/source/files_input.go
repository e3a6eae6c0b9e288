package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/term"
)

const stdinName = "standard input"

// input is a file that can be read at any offset: a plain one, or what was spooled.
type input struct {
	file         *os.File
	offset, size int64
	borrowed     bool // file is not ours to close
}

func (in *input) section() *io.SectionReader {
	return io.NewSectionReader(in.file, in.offset, in.size)
}

// Close leaves a file alone that is borrowed, such as standard input.
func (in *input) Close() error {
	if in.borrowed {
		return nil
	}
	return in.file.Close()
}

// head returns the first bytes, fewer than max if there are no more.
func (in *input) head(max int64) ([]byte, error) {
	buf := make([]byte, min(max, in.size))
	n, err := in.section().ReadAt(buf, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return buf[:n], err
}

// openInput opens a file that may hold an image as a tar, whose bytes are not
// compressed: streams and compressed files are spooled.
func openInput(ctx context.Context, name, path string, o Options) (*input, error) {
	if path == "-" {
		return openStdin(ctx, o)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fileError(name, path, err)
	}
	switch mode := info.Mode(); {
	case mode.IsRegular():
		f, err := openRegular(path)
		if err != nil {
			return nil, fileError(name, path, err)
		}
		return fromFile(ctx, name, f, o)
	case mode&fs.ModeNamedPipe != 0:
		return openPipe(ctx, name, path, o)
	default:
		return nil, &KindError{Name: name, Is: modeKind(mode)}
	}
}

// openRegular opens a regular file. It never waits, as opening a pipe would that
// came in its place.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("it is %s", modeKind(info.Mode()))}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func fromFile(ctx context.Context, name string, f *os.File, o Options) (*input, error) {
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, &UnavailableError{Name: name, Err: err}
	}
	in, err := plain(ctx, name, &input{file: f, size: info.Size()}, o)
	if err != nil || in.file != f {
		f.Close()
	}
	return in, err
}

// plain returns in if it is a tar, or a new input with what was compressed in it.
func plain(ctx context.Context, name string, in *input, o Options) (*input, error) {
	head, err := in.head(detectLength)
	if err != nil {
		return nil, &UnavailableError{Name: name, Err: err}
	}
	switch {
	case compressionOf(head) != uncompressed:
		return spool(ctx, name, in.section(), o)
	case !isTarHeader(head):
		return nil, &KindError{Name: name, Is: fileKind(head)}
	}
	return in, nil
}

// openPipe waits for whoever writes into a named pipe, as every program does, but
// says so, and no longer than ctx.
func openPipe(ctx context.Context, name, path string, o Options) (*input, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
		o.warn("%s is a named pipe: waiting for what is written into it", name)
	}
	type opened struct {
		f   *os.File
		err error
	}
	done := make(chan opened, 1)
	go func() {
		f, err := os.Open(path)
		done <- opened{f, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return nil, fileError(name, path, r.err)
		}
		return spoolStream(ctx, name, r.f, o)
	case <-ctx.Done():
		go func() {
			if r := <-done; r.err == nil {
				r.f.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// openStdin uses standard input as it is if it is a plain file, from where it
// stands, and spools it otherwise.
func openStdin(ctx context.Context, o Options) (*input, error) {
	var r io.Reader = os.Stdin
	if o.Stdin != nil {
		r = o.Stdin
	}
	f, ok := r.(*os.File)
	if !ok {
		return spoolStream(ctx, stdinName, io.NopCloser(r), o)
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, &UnavailableError{Name: stdinName, Err: err}
	case info.IsDir():
		return nil, &KindError{Name: stdinName, Is: modeKind(info.Mode())}
	case term.IsTerminal(int(f.Fd())):
		return nil, &KindError{Name: stdinName, Is: "a terminal"}
	case !info.Mode().IsRegular():
		return spoolStream(ctx, stdinName, io.NopCloser(f), o)
	}
	offset, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, &UnavailableError{Name: stdinName, Err: err}
	}
	size := max(info.Size()-offset, 0)
	return plain(ctx, stdinName, &input{file: f, offset: offset, size: size, borrowed: true}, o)
}

// fileError turns the error of opening a file into one of this package.
func fileError(name, path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &NotFoundError{Name: name, Reason: "no such file or directory", Have: neighbours(path)}
	case errors.Is(err, syscall.ENOTDIR):
		return &NotFoundError{Name: name, Reason: "no such file: a part of its path is not a directory"}
	case errors.Is(err, fs.ErrPermission):
		return &UnavailableError{Name: name, Err: errors.New("permission denied"), Detail: []string{err.Error()}}
	}
	return &UnavailableError{Name: name, Err: err}
}

func modeKind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeCharDevice != 0:
		return "a character device"
	case m&fs.ModeDevice != 0:
		return "a block device"
	}
	return "not a regular file"
}
