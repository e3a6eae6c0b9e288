package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Spooling stops before it fills a disk: other programs need it, and a few
// kilobytes can unpack to any size.
const (
	spoolStep    = 64 << 20  // how often the free space is looked at
	spoolReserve = 128 << 20 // what must stay free
)

// spoolStream spools what comes from r, which it closes when it has been read to its
// end, or, since a read cannot be interrupted, whenever the last one returns.
func spoolStream(ctx context.Context, name string, r io.ReadCloser, o Options) (*input, error) {
	type spooled struct {
		in  *input
		err error
	}
	done := make(chan spooled, 1)
	go func() {
		in, err := spool(ctx, name, r, o)
		r.Close()
		done <- spooled{in, err}
	}()
	select {
	case s := <-done:
		return s.in, s.err
	case <-ctx.Done():
		go func() {
			if s := <-done; s.err == nil {
				s.in.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// spool writes the tar that comes from r, compressed or not, into a file of its own
// that has no name, so that nothing is left of it whatever happens. What is not a
// tar is not read to its end.
func spool(ctx context.Context, name string, r io.Reader, o Options) (*input, error) {
	b := bufio.NewReaderSize(r, detectLength)
	head, err := peek(b)
	if err != nil {
		return nil, streamError(name, err)
	}
	kind := compressionOf(head)
	if kind == uncompressed {
		return spoolTar(ctx, name, b, "", o)
	}
	d, release, err := decompressor(b, kind)
	if err != nil {
		return nil, &MalformedError{Name: name, What: string(kind), Err: err}
	}
	defer release()
	return spoolTar(ctx, name, bufio.NewReaderSize(d, detectLength), kind, o)
}

func peek(b *bufio.Reader) ([]byte, error) {
	head, err := b.Peek(detectLength)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return head, err
}

func spoolTar(ctx context.Context, name string, b *bufio.Reader, from compression, o Options) (*input, error) {
	head, err := peek(b)
	if err != nil {
		return nil, unpackError(name, from, err)
	}
	if !isTarHeader(head) {
		is := fileKind(head)
		if from != uncompressed {
			is += ", compressed with " + string(from)
		}
		return nil, &KindError{Name: name, Is: is}
	}
	f, err := unnamedFile(name, o)
	if err != nil {
		return nil, err
	}
	s := &spooler{dir: tempDir(o), file: f}
	_, err = io.CopyBuffer(s, contextReader{ctx, b}, make([]byte, 1<<18))
	if err == nil {
		return &input{file: f, size: s.written}, nil
	}
	f.Close()
	var full *spaceError
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &full):
		return nil, &UnavailableError{Name: name, Err: full, Detail: full.detail()}
	}
	return nil, unpackError(name, from, err)
}

// unpackError says that a stream ended early or could not be decompressed.
func unpackError(name string, from compression, err error) error {
	var path *os.PathError
	if from == uncompressed || errors.As(err, &path) {
		return streamError(name, err)
	}
	return &MalformedError{Name: name, What: string(from), Err: err}
}

func streamError(name string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &TemporaryError{Name: name, Host: "the stream", Err: err}
	}
	return &UnavailableError{Name: name, Err: fmt.Errorf("reading it: %w", err)}
}

// contextReader reads until a context is done.
type contextReader struct {
	ctx context.Context
	io.Reader
}

// Read returns the context's error once it is done.
func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

func tempDir(o Options) string {
	if o.TempDir != "" {
		return o.TempDir
	}
	return os.TempDir()
}

func unnamedFile(name string, o Options) (*os.File, error) {
	f, err := os.CreateTemp(tempDir(o), "layers-spool-*")
	if err != nil {
		return nil, &UnavailableError{Name: name, Err: fmt.Errorf("making a temporary file: %w", err)}
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, &UnavailableError{Name: name, Err: fmt.Errorf("making a temporary file: %w", err)}
	}
	return f, nil
}

// spooler writes to a file as long as there is room.
type spooler struct {
	dir              string
	file             *os.File
	written, checked int64
}

// Write returns a *spaceError when the disk is full, or has less than the reserve
// left.
func (s *spooler) Write(p []byte) (int, error) {
	if s.written-s.checked >= spoolStep {
		s.checked = s.written
		if free, err := freeSpace(s.file); err == nil && free < spoolReserve {
			return 0, &spaceError{dir: s.dir, written: s.written, free: free, err: syscall.ENOSPC}
		}
	}
	n, err := s.file.Write(p)
	s.written += int64(n)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		free, _ := freeSpace(s.file) // only for the message
		err = &spaceError{dir: s.dir, written: s.written, free: free, err: err}
	}
	return n, err
}

func freeSpace(f *os.File) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}

// spaceError says that a directory has no room for what must be spooled.
type spaceError struct {
	dir           string
	written, free int64 // bytes
	err           error
}

// Error names the directory; detail has the numbers.
func (e *spaceError) Error() string {
	return fmt.Sprintf("no room in %s for the unpacked archive", e.dir)
}

// Unwrap returns ENOSPC, EDQUOT or EFBIG.
func (e *spaceError) Unwrap() error { return e.err }

func (e *spaceError) detail() []string {
	return []string{
		fmt.Sprintf("%d MB were written, and %d MB stay free", e.written/1e6, (e.free+e.written)/1e6),
		"an OCI layout, or an archive that is not compressed, needs no room",
	}
}
