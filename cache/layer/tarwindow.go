package layer

import "io"

const (
	minWindow = 16 << 10  // bytes of the stream in memory: enough for most layers
	maxWindow = 256 << 10 // and for the others
	minRead   = 64 << 10  // room that a read gets then, so that decoders give all they have at once
)

// window is the part of a stream that is in memory, so that blocks and contents
// can be used where they lie.
type window struct {
	src      io.Reader
	err      error // what src returned at last; nothing more is read after it
	buf      []byte
	pos, end int   // buf[pos:end] was read and not used
	base     int64 // the offset of buf[0] in the stream
}

func newWindow(src io.Reader) window { return window{src: src} }

// offset is where the first unused byte is in the stream.
func (w *window) offset() int64 { return w.base + int64(w.pos) }

// fill reads more, at least a byte, behind what is there. It moves the unused
// bytes: slices given out before are lost.
func (w *window) fill() error {
	if w.err != nil {
		return w.err
	}
	switch {
	case w.buf == nil:
		w.buf = make([]byte, minWindow)
	case len(w.buf) < maxWindow && w.end > minWindow/2:
		w.moveTo(make([]byte, maxWindow))
	case w.pos == w.end || len(w.buf) == maxWindow && len(w.buf)-w.end < minRead:
		w.moveTo(w.buf)
	}
	n, err := readSome(w.src, w.buf[w.end:])
	w.end += n
	w.err = err
	if n > 0 {
		return nil
	}
	return err
}

// moveTo moves the unused bytes to the start of a buffer, which may be the same.
func (w *window) moveTo(buf []byte) {
	w.base += int64(w.pos)
	w.end = copy(buf, w.buf[w.pos:w.end])
	w.buf, w.pos = buf, 0
}

// readSome reads until there is a byte or an error.
func readSome(r io.Reader, p []byte) (int, error) {
	for range 100 {
		if n, err := r.Read(p); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// block takes one block of 512 bytes. The error is io.EOF if there is no byte
// more, and io.ErrUnexpectedEOF if there is a part of a block.
func (w *window) block() (*block, error) {
	for w.end-w.pos < blockSize {
		if err := w.fill(); err != nil {
			if err == io.EOF && w.pos < w.end {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	b := (*block)(w.buf[w.pos:])
	w.pos += blockSize
	return b, nil
}

// next takes what is there, at least a byte and at most max; valid until the next fill.
func (w *window) next(max int64) ([]byte, error) {
	if w.pos == w.end {
		if err := w.fill(); err != nil {
			return nil, err
		}
	}
	n := min(int64(w.end-w.pos), max)
	p := w.buf[w.pos : w.pos+int(n)]
	w.pos += int(n)
	return p, nil
}

// read is io.Reader's; a big p is read into directly.
func (w *window) read(p []byte) (int, error) {
	if w.pos < w.end || len(p) < minRead {
		b, err := w.next(int64(len(p)))
		return copy(p, b), err
	}
	if w.err != nil {
		return 0, w.err
	}
	n, err := readSome(w.src, p)
	w.base += int64(w.pos + n)
	w.pos, w.end, w.err = 0, 0, err
	if n > 0 {
		return n, nil
	}
	return 0, err
}

// skip passes over n bytes and returns how many there were.
func (w *window) skip(n int64) (int64, error) {
	left := n
	for left > 0 {
		p, err := w.next(left)
		if err != nil {
			return n - left, err
		}
		left -= int64(len(p))
	}
	return n, nil
}
