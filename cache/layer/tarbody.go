package layer

import (
	"errors"
	"io"
)

// tarBody is the current entry's content: size bytes, of which pos are used. If
// it is sparse, only the fragments are in the stream, and they are all of it.
type tarBody struct {
	size, pos int64
	stored    int64 // bytes of it in the stream that are not used
	pad       int64 // bytes up to the next block, behind those
	sparse    bool
	fragments []fragment
}

// fragment is a part of a sparse file that is no hole.
type fragment struct{ offset, length int64 }

func (f fragment) end() int64 { return f.offset + f.length }

var zeros [32 << 10]byte

// startBody sets the body up for a header with this size.
func (r *Reader) startBody(size int64) error {
	if hasNoBody(r.hdr.Type) {
		size = 0
	}
	if size < 0 {
		return r.corrupt(errSize)
	}
	r.body = tarBody{size: size, stored: size, pad: -size & (blockSize - 1)}
	return nil
}

// skipBody goes to the end of the body. A stream may end in the padding.
func (r *Reader) skipBody() error {
	n, err := r.win.skip(r.body.stored)
	r.body.stored -= n
	r.body.pos = r.body.size
	if err != nil {
		return r.bodyError(err)
	}
	n, err = r.win.skip(r.body.pad)
	r.body.pad -= n
	return err
}

// bodyError gives the error of a read inside a body, where the stream must not end.
func (r *Reader) bodyError(err error) error {
	if err == io.EOF {
		return r.corrupt(io.ErrUnexpectedEOF)
	}
	var c *CorruptError
	if errors.As(err, &c) && c.Entry == "" {
		return &CorruptError{Entry: string(r.hdr.Name), Offset: c.Offset, Err: c.Err}
	}
	return err
}

// segment is the next part of the content that is all stored or all hole.
func (c *tarBody) segment() (n int64, hole bool) {
	if !c.sparse {
		return c.size - c.pos, false
	}
	for len(c.fragments) > 0 && c.fragments[0].end() <= c.pos {
		c.fragments = c.fragments[1:]
	}
	if len(c.fragments) == 0 {
		return c.size - c.pos, true
	}
	if f := c.fragments[0]; c.pos >= f.offset {
		return f.end() - c.pos, false
	}
	return c.fragments[0].offset - c.pos, true
}

// Read reads from the current entry's content; holes are zeros. At its end, and
// for entries that are no regular files, it returns io.EOF.
func (r *Reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	c := &r.body
	if c.pos == c.size {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, hole := c.segment()
	p = p[:min(int64(len(p)), n)]
	if hole {
		clear(p)
		c.pos += int64(len(p))
		return len(p), nil
	}
	m, err := r.win.read(p)
	c.pos += int64(m)
	c.stored -= int64(m)
	if err != nil {
		r.err = r.bodyError(err)
		return m, r.err
	}
	return m, nil
}

// WriteTo writes the rest of the current entry's content to w, from the
// reader's own buffer, without a copy.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	if r.err != nil {
		return 0, r.err
	}
	c := &r.body
	start := c.pos
	for c.pos < c.size {
		p, err := r.piece()
		if err != nil {
			r.err = err
			return c.pos - start, err
		}
		n, err := w.Write(p)
		if err == nil && n < len(p) {
			err = io.ErrShortWrite
		}
		c.pos += int64(len(p))
		if err != nil {
			return c.pos - start - int64(len(p)-n), err
		}
	}
	return c.pos - start, nil
}

// piece takes a piece of the content, which is not at its end, from the window or
// from a hole; the caller moves pos.
func (r *Reader) piece() ([]byte, error) {
	n, hole := r.body.segment()
	if hole {
		return zeros[:min(n, int64(len(zeros)))], nil
	}
	p, err := r.win.next(n)
	if err != nil {
		return nil, r.bodyError(err)
	}
	r.body.stored -= int64(len(p))
	return p, nil
}
