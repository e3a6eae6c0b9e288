package layer

import (
	"errors"
	"fmt"
	"io"
)

// Files reads regular files of one layer blob, one after another in the order of the
// tar, each where an Entry.Offset says that it is. It is for one goroutine.
type Files struct {
	decoder *Decoder
	tar     *Reader
}

// NewFiles returns the files of the blob r. It reads r no further than the files are
// read, but for what decoders read ahead. Closing it does not close r. Its errors are
// those of Open.
func NewFiles(r io.Reader) (*Files, error) {
	d, err := NewDecoder(r)
	if err != nil {
		return nil, err
	}
	return &Files{d, NewReader(d, Limits{Entries: -1, Unpacked: -1, Ratio: -1, Path: -1, Xattrs: -1})}, nil
}

// Close frees the decoder.
func (f *Files) Close() error { return f.decoder.Close() }

var errPassed = errors.New("the file before it reaches further than this")

// Open returns the content of the regular file whose first header block is at offset
// in the uncompressed tar. No offset may be less than one before. The content is valid
// until the next call; what of it was not read is passed over. Where the blob is at
// fault, the errors, also of reading the content, are a *CorruptError, whose offset is
// one in all of the tar, or a *RefusedError; otherwise they are what r returned.
func (f *Files) Open(offset int64) (io.Reader, error) {
	if err := f.tar.goTo(offset); err != nil {
		return nil, err
	}
	if err := f.tar.nextFile(); err != nil {
		return nil, err
	}
	return f.tar, nil
}

// goTo passes over all up to a header block.
func (r *Reader) goTo(offset int64) error {
	err := r.err
	if err == nil {
		err = r.skipBody()
	}
	n := offset - r.Offset()
	if err == nil && n < 0 {
		return &CorruptError{Offset: offset, Err: errPassed}
	}
	if err == nil {
		_, err = r.win.skip(n)
	}
	if err == io.EOF {
		err = &CorruptError{Offset: r.Offset(), Err: fmt.Errorf("the tar ends before the file: %w", io.ErrUnexpectedEOF)}
	}
	return err
}

// nextFile goes to an entry that must be a regular file.
func (r *Reader) nextFile() error {
	at := r.Offset()
	h, err := r.Next()
	switch {
	case err == io.EOF:
		return &CorruptError{Offset: at, Err: fmt.Errorf("the tar ends where a file should be: %w", io.ErrUnexpectedEOF)}
	case err == nil && h.Type != '0':
		return &CorruptError{Entry: string(h.Name), Offset: at, Err: errors.New("this is no regular file")}
	}
	return err
}
