package layer

import (
	"context"
	"hash"
	"io"
	"sync"
)

// blobReader reads the blob itself, hashes it and counts it.
type blobReader struct {
	ctx   context.Context
	r     io.Reader
	hash  hash.Hash
	size  int64
	limit int64 // what the blob's size should be; 0 if unknown
	err   error // of r; io.EOF at the end
}

// Read goes on to fail after an error, and with the context's when that is done. A blob
// that is longer than promised ends with the read that shows it.
func (b *blobReader) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := b.r.Read(p)
	b.hash.Write(p[:n])
	b.size += int64(n)
	b.err = err
	if b.limit > 0 && b.size > b.limit {
		b.err = io.EOF // longer than promised: that is known, and endless bodies end here
	}
	return n, b.err
}

// drain reads the rest of the blob.
func (b *blobReader) drain() error {
	buf := make([]byte, 64<<10)
	for b.err == nil {
		if _, err := b.Read(buf); err != nil && b.err == nil {
			return err
		}
	}
	if b.err == io.EOF {
		return nil
	}
	return b.err
}

// failed reports whether err is no fault of the blob but of reading it.
func (b *blobReader) failed(err error) bool { return err != nil && b.err != nil && b.err != io.EOF }

// tarStream is the uncompressed tar: the decoder's output, hashed and held to the
// limits.
type tarStream struct {
	pass *pass
	size int64
}

// readMarked reads like io.Reader and says how much of the blob that took.
func (s *tarStream) readMarked(p []byte) (n int, blob int64, err error) {
	defer recovered(&err)
	d := s.pass.decoder
	n, err = d.Read(p)
	if h := s.pass.diff; h != nil {
		h.Write(p[:n])
	}
	s.size += int64(n)
	blob = d.InputOffset()
	limits := s.pass.o.Limits
	if s.size > limits.Unpacked {
		return 0, blob, &LimitError{What: "unpacked", Limit: limits.Unpacked}
	}
	if s.size > ratioFloor && s.size/limits.Ratio > blob+1 {
		return 0, blob, &LimitError{What: "ratio", Limit: limits.Ratio}
	}
	return n, blob, err
}

// readAhead runs the decoder beside the parser, a few pieces ahead.
type readAhead struct {
	full    chan piece
	free    chan []byte
	quit    chan struct{}
	done    chan struct{}
	once    sync.Once
	current piece
}

type piece struct {
	buf  []byte
	n    int
	blob int64 // bytes of the blob up to the end of the piece
	err  error
}

const (
	pieceSize  = 256 << 10
	pieceCount = 4
)

var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

func newReadAhead(s *tarStream) *readAhead {
	r := &readAhead{
		full: make(chan piece, pieceCount), free: make(chan []byte, pieceCount),
		quit: make(chan struct{}), done: make(chan struct{}),
	}
	for range pieceCount {
		r.free <- nil
	}
	go r.fill(s)
	return r
}

func (r *readAhead) fill(s *tarStream) {
	defer close(r.done)
	for {
		var p piece
		select {
		case p.buf = <-r.free:
		case <-r.quit:
			return
		}
		if p.buf == nil {
			p.buf = pieces.Get().(*[pieceSize]byte)[:]
		}
		p.n, p.blob, p.err = s.readMarked(p.buf)
		r.full <- p // never blocks: there are no more pieces than places
		if p.err != nil {
			return
		}
	}
}

// next gives the next piece, which is valid until the call after.
func (r *readAhead) next() (piece, error) {
	if r.current.buf != nil {
		r.free <- r.current.buf
		r.current.buf = nil
	}
	if r.current.err != nil {
		return piece{}, r.current.err
	}
	r.current = <-r.full
	return r.current, nil
}

// stop ends the decoder, waits for it and gives its buffers back. No piece may be
// used after it.
func (r *readAhead) stop() {
	r.once.Do(func() {
		close(r.quit)
		<-r.done
		r.release(r.current.buf)
		for {
			select {
			case p := <-r.full:
				r.release(p.buf)
			case buf := <-r.free:
				r.release(buf)
			default:
				return
			}
		}
	})
}

func (r *readAhead) release(buf []byte) {
	if buf != nil {
		pieces.Put((*[pieceSize]byte)(buf))
	}
}

// marked is the stream that the parser reads; on the way it tells the extents
// which byte of the tar comes from which of the blob.
type marked struct {
	stream  *readAhead
	extents *extentsBuilder
	rest    []byte
	out     int64
}

// Read copies out of the pieces that were read ahead, and never joins two of them: each
// is a check point.
func (m *marked) Read(p []byte) (int, error) {
	for len(m.rest) == 0 {
		piece, err := m.stream.next()
		if err != nil {
			return 0, err
		}
		m.rest = piece.buf[:piece.n]
		m.out += int64(piece.n)
		m.extents.checkpoint(m.out, piece.blob)
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}
