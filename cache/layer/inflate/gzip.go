package inflate

import (
	"encoding/binary"
	"hash/crc32"
	"io"
)

// The flags of a member's header.
const (
	flagCRC     = 1 << 1
	flagExtra   = 1 << 2
	flagName    = 1 << 3
	flagComment = 1 << 4
)

const (
	gzipMagic   = 0x8b1f // low byte first
	gzipDeflate = 8      // the only method
	gzipRest    = 6      // bytes of a header between the flags and what those announce
	maxString   = 512    // of a name or comment, with its end; as in compress/gzip
)

// GzipReader decodes a gzip file: one member or several, one after another. The
// checksum and length of each are checked. Bytes after the last member that do not
// begin like another are ignored and counted. Concurrency, size and errors are as of
// Reader; an input without any byte is io.ErrUnexpectedEOF.
//
// Output that was returned is as good as what it came from only when the end of its
// member was reached without an error.
type GzipReader struct {
	d        Reader
	runs     runs
	err      error
	inMember bool
	first    bool // no member was begun yet
	crc      uint32
	size     uint32
	ignored  int64
}

// NewGzipReader returns a GzipReader of r, which reads as NewReader's does, and up to
// the end of r.
func NewGzipReader(r io.Reader) *GzipReader {
	g := new(GzipReader)
	g.Reset(r)
	return g
}

// Reset makes g as good as new, to read from r.
func (g *GzipReader) Reset(r io.Reader) {
	g.d.Reset(r)
	g.runs, g.err = runs{}, nil
	g.inMember, g.first = false, true
	g.ignored = 0
}

// Read gives decoded bytes; Next does it without a copy. The error is io.EOF after
// the last byte of the last member, when the input was read to its end.
func (g *GzipReader) Read(p []byte) (int, error) { return g.runs.read(p, g.nextRun) }

// Next is as of Reader. No run goes beyond the end of a member.
func (g *GzipReader) Next() ([]byte, error) { return g.runs.next(g.nextRun) }

// InputOffset is as of Reader. A member's header counts with its first run, its
// trailer with its last one or with what comes after that, and the bytes that are
// ignored with io.EOF.
func (g *GzipReader) InputOffset() int64 { return g.d.InputOffset() }

// Ignored is the number of bytes after the last member that are no member. It is
// known after io.EOF.
func (g *GzipReader) Ignored() int64 { return g.ignored }

func (g *GzipReader) nextRun() ([]byte, error) {
	for g.err == nil {
		if !g.inMember {
			g.err = g.d.in.located(g.beginMember())
			continue
		}
		run, err := g.d.nextRun()
		g.crc = crc32.Update(g.crc, crc32.IEEETable, run)
		g.size += uint32(len(run))
		if g.d.err == io.EOF {
			err = g.d.in.located(g.endMember())
		}
		g.err = err
		if len(run) > 0 {
			return run, nil
		}
	}
	return nil, g.err
}

// beginMember reads the header of the next member. If what comes is none, it is read
// to its end, and the error is io.EOF.
func (g *GzipReader) beginMember() error {
	in := &g.d.in
	if in.pos == in.end {
		if err := in.fill(); err != nil {
			if g.first {
				err = noEOF(err)
			}
			return err
		}
	}
	g.crc = 0
	magic, got, err := g.readMagic()
	switch {
	case err != nil:
		return err
	case magic != gzipMagic && g.first:
		return badHeader
	case magic != gzipMagic:
		return g.ignore(got)
	}
	g.first = false
	if err := g.readHeader(); err != nil {
		return err
	}
	g.d.begin()
	g.inMember, g.crc, g.size = true, 0, 0
	return nil
}

// readMagic reads the first two bytes of a header, or one if that is wrong already.
func (g *GzipReader) readMagic() (magic uint16, got int64, err error) {
	var b [2]byte
	for i := range b {
		if b[i], err = g.headerByte(); err != nil {
			return 0, 0, err
		}
		if b[0] != gzipMagic&0xff {
			return 0, 1, nil
		}
	}
	return binary.LittleEndian.Uint16(b[:]), 2, nil
}

// ignore reads the input to its end, after the first n bytes that are no member.
func (g *GzipReader) ignore(n int64) error {
	in := &g.d.in
	for {
		n += int64(in.end - in.pos)
		in.pos = in.end
		if err := in.fill(); err != nil {
			g.ignored = n
			return err
		}
	}
}

// readHeader reads a header from the method on.
func (g *GzipReader) readHeader() error {
	method, err := g.headerByte()
	if err != nil {
		return err
	}
	if method != gzipDeflate {
		return badHeader
	}
	flags, err := g.headerByte()
	if err != nil {
		return err
	}
	if err := g.skipHeader(gzipRest); err != nil {
		return err
	}
	if err := g.skipOptional(flags); err != nil || flags&flagCRC == 0 {
		return err
	}
	want := uint16(g.crc)
	got, err := g.headerUint16()
	if err == nil && got != want {
		err = badHeader
	}
	return err
}

// skipOptional passes over the fields that flags announce, but for the checksum.
func (g *GzipReader) skipOptional(flags byte) error {
	if flags&flagExtra != 0 {
		n, err := g.headerUint16()
		if err != nil {
			return err
		}
		if err := g.skipHeader(int(n)); err != nil {
			return err
		}
	}
	for _, flag := range [...]byte{flagName, flagComment} {
		if flags&flag == 0 {
			continue
		}
		if err := g.skipString(); err != nil {
			return err
		}
	}
	return nil
}

// headerByte takes a byte that the header's checksum covers.
func (g *GzipReader) headerByte() (byte, error) {
	c, err := g.d.in.nextByte()
	g.crc = ^(crc32.IEEETable[byte(^g.crc)^c] ^ ^g.crc>>8)
	return c, err
}

func (g *GzipReader) headerUint16() (uint16, error) {
	low, err := g.headerByte()
	if err != nil {
		return 0, err
	}
	high, err := g.headerByte()
	return uint16(high)<<8 | uint16(low), err
}

func (g *GzipReader) skipHeader(n int) error {
	for range n {
		if _, err := g.headerByte(); err != nil {
			return err
		}
	}
	return nil
}

func (g *GzipReader) skipString() error {
	for range maxString {
		c, err := g.headerByte()
		if err != nil || c == 0 {
			return err
		}
	}
	return badHeader
}

// endMember reads the trailer and checks it.
func (g *GzipReader) endMember() error {
	g.inMember = false
	crc, err := g.d.in.take(32)
	if err != nil {
		return err
	}
	size, err := g.d.in.take(32)
	if err != nil {
		return err
	}
	g.d.in.align()
	if uint32(crc) != g.crc {
		return badChecksum
	}
	if uint32(size) != g.size {
		return badSize
	}
	return nil
}
