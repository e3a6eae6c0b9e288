package layer

import (
	"errors"
	"fmt"
	"io"
)

// OpenEntry returns the content of the regular file whose first header block is
// at offset in the uncompressed tar of the blob r (Entry.Offset). It reads r no
// further than the caller reads the file, but for what decoders read ahead.
// Closing it does not close r. Where the blob is at fault, the errors are a
// *CorruptError, whose offset is one in all of the tar, or a *RefusedError;
// otherwise they are what r returned.
func OpenEntry(r io.Reader, offset int64) (io.ReadCloser, error) {
	d, err := NewDecoder(r)
	if err != nil {
		return nil, err
	}
	tar := NewReader(d, Limits{Entries: -1, Unpacked: -1, Ratio: -1, Path: -1, Xattrs: -1})
	tar.win.base = offset
	if err = skip(d, offset); err == nil {
		err = tar.nextFile()
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return &openEntry{Reader: tar, decoder: d}, nil
}

type openEntry struct {
	*Reader
	decoder *Decoder
}

// Close frees the decoder.
func (e *openEntry) Close() error { return e.decoder.Close() }

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

// skip passes over the first n bytes of a tar.
func skip(r io.Reader, n int64) error {
	m, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.LimitReader(r, n), make([]byte, 256<<10))
	if err == nil && m < n {
		err = &CorruptError{Offset: m, Err: fmt.Errorf("the tar ends before the file: %w", io.ErrUnexpectedEOF)}
	}
	return err
}
