package layer

import (
	"context"
	"errors"
	"io"
)

// Compression is how a blob is compressed.
type Compression uint8

// The compressions. Their numbers are part of the Extents format.
const (
	Uncompressed Compression = iota
	Gzip
	Zstd
)

var compressionNames = [...]string{"none", "gzip", "zstd"}

// String returns "none", "gzip" or "zstd".
func (c Compression) String() string {
	if int(c) < len(compressionNames) {
		return compressionNames[c]
	}
	return "unknown"
}

// codec is the seam for decompressors: to take in another, implement this and
// name it in newCodec. Read returns io.EOF when the blob is read to its last
// byte, and io.ErrUnexpectedEOF when the blob ends too early.
type codec interface {
	io.Reader
	// used is the number of the blob's bytes that what Read returned took.
	used() int64
	// ignored is the number of bytes after the compressed data.
	ignored() int64
	// free gives the codec back; it must not be used after that.
	free()
}

func newCodec(c Compression, in *input) (codec, error) {
	switch c {
	case Gzip:
		return newGzip(in), nil
	case Zstd:
		return newZstd(in)
	}
	return plain{in}, nil
}

// Decoder gives the uncompressed bytes of a blob. It is not safe for concurrent
// use. Its errors are a *CorruptError where the blob is at fault, with
// io.ErrUnexpectedEOF inside if the blob is cut, and otherwise what the
// underlying reader returned, as it is.
type Decoder struct {
	kind     Compression
	in       *input
	codec    codec
	out      int64
	offset   int64 // when closed: what the codec used
	trailing int64 // and what it ignored
	err      error
}

var errClosed = errors.New("the decoder is closed")

// NewDecoder finds out by content how r is compressed. An empty r is Uncompressed.
// What is none of gzip, zstd and tar is a *CorruptError that says what it looks
// like. It reads ahead, in pieces of up to 128 KiB.
func NewDecoder(r io.Reader) (*Decoder, error) { return newInput(r).decoder() }

// newDecoderInTurn makes a decoder that may wait in Read, until ctx is done, for others
// that were made so and use much memory, until they are closed or at their end. So
// whoever has one must read on to the end or close it, whatever the others do. Its
// window is part of a pass's share of memory.
//
// Where the caller holds all that it reads to a hash of its own, zstd's checksums, of
// 64 bits, are left alone: they would find nothing more.
func newDecoderInTurn(ctx context.Context, r io.Reader, s *share, hashed bool) (*Decoder, error) {
	in := newInput(r)
	in.ctx, in.share, in.hashed = ctx, s, hashed
	return in.decoder()
}

func (in *input) decoder() (*Decoder, error) {
	kind, err := in.detect()
	if err != nil {
		in.free()
		return nil, err
	}
	c, err := newCodec(kind, in)
	if err != nil {
		in.free()
		return nil, err
	}
	return &Decoder{kind: kind, in: in, codec: c}, nil
}

// Compression says what was found.
func (d *Decoder) Compression() Compression { return d.kind }

// Read gives uncompressed bytes. All of the blob has been read when it returns
// io.EOF; members after the first and skippable frames are part of it.
func (d *Decoder) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	n, err := d.codec.Read(p)
	d.out += int64(n)
	if err == nil {
		return n, nil
	}
	d.err = d.explain(err)
	if n > 0 {
		return n, nil
	}
	return 0, d.err
}

// explain tells a bad blob from a reader that failed.
func (d *Decoder) explain(err error) error {
	if err == io.EOF {
		return err
	}
	if d.in.err != nil && d.in.err != io.EOF {
		return d.in.err
	}
	return &CorruptError{Offset: d.out, Err: &streamError{d.kind, err}}
}

// streamError is what is wrong with a compressed stream.
type streamError struct {
	kind Compression
	err  error
}

// Error tells a stream that ends too early from one that is damaged.
func (e *streamError) Error() string {
	if e.err == io.ErrUnexpectedEOF {
		return "the " + e.kind.String() + " stream is cut: " + e.err.Error()
	}
	return "the " + e.kind.String() + " stream is damaged: " + e.err.Error()
}

// Unwrap returns the decoder's own error, io.ErrUnexpectedEOF if the stream is cut.
func (e *streamError) Unwrap() error { return e.err }

// InputOffset is the number of the blob's bytes that the decoder needed for what
// Read has returned up to now, as near as it can tell; it never decreases. A
// deflate stream is known to a byte at each 32 KiB of output and at the end of
// each member, a zstd stream exactly at the end of each block.
func (d *Decoder) InputOffset() int64 {
	if d.codec == nil {
		return d.offset
	}
	return d.codec.used()
}

// Ignored is the number of bytes after the last gzip member that are no member.
// It is known when Read has returned io.EOF.
func (d *Decoder) Ignored() int64 {
	if d.codec == nil {
		return d.trailing
	}
	return d.codec.ignored()
}

// Close frees the decoder; InputOffset and Ignored stay what they are. It does not close
// the underlying reader.
func (d *Decoder) Close() error {
	if d.codec != nil {
		d.offset, d.trailing = d.codec.used(), d.codec.ignored()
		d.codec.free()
		d.in.free()
		d.codec, d.err = nil, errClosed
	}
	return nil
}

// plain is the codec of what is not compressed.
type plain struct{ in *input }

// Read gives the blob's bytes as they are.
func (p plain) Read(b []byte) (int, error) { return p.in.br.Read(b) }
func (p plain) used() int64                { return p.in.used() }
func (p plain) ignored() int64             { return 0 }
func (p plain) free()                      {}
