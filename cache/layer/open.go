package layer

import (
	"errors"
	"io"
)

// OpenEntry returns the content of the regular file whose first header block is
// at offset in the uncompressed tar of the blob r (Entry.Offset). It reads r no
// further than the caller reads the file, but for what decoders read ahead.
// Closing it does not close r.
func OpenEntry(r io.Reader, offset int64) (io.ReadCloser, error) {
	d, err := NewDecoder(r)
	if err != nil {
		return nil, err
	}
	if err := skip(d, offset); err != nil {
		return nil, errors.Join(&CorruptError{Offset: offset, Err: err}, d.Close())
	}
	tar := NewReader(d, Limits{Entries: -1, Unpacked: -1, Ratio: -1, Path: -1, Xattrs: -1})
	h, err := tar.Next()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err == nil && h.Type != '0' {
		err = errors.New("this entry is no regular file")
	}
	if err != nil {
		return nil, errors.Join(&CorruptError{Offset: offset, Err: err}, d.Close())
	}
	return &openEntry{Reader: tar, decoder: d}, nil
}

type openEntry struct {
	*Reader
	decoder *Decoder
}

func (e *openEntry) Close() error { return e.decoder.Close() }

// skip passes over n bytes.
func skip(r io.Reader, n int64) error {
	m, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.LimitReader(r, n), make([]byte, 256<<10))
	if err == nil && m < n {
		err = io.ErrUnexpectedEOF
	}
	return err
}
