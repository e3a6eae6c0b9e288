package inflate

import (
	"encoding/binary"
	"io"
)

const (
	inputSize = 64 << 10
	maxEmpty  = 100 // reads in a row that may give nothing
)

// input is the compressed stream: a buffer, and the bits taken out of it but not
// yet used. Bits above the count may be set; then they are those of the bytes that
// follow, so that adding those again changes nothing.
type input struct {
	src    io.Reader
	srcErr error  // what src returned at last; nothing is read after it
	base   int64  // the offset of buf[0] in the stream
	pos    uint   // the next byte of buf to take
	end    uint   // buf[:end] was read
	bits   uint64 // the next bits, lowest first
	count  uint64 // how many of them, at most 63
	buf    [inputSize]byte
}

func (in *input) reset(src io.Reader) {
	in.src, in.srcErr = src, nil
	in.base, in.pos, in.end = 0, 0, 0
	in.bits, in.count = 0, 0
}

// offset is how many bytes are used, in whole or in part.
func (in *input) offset() int64 { return in.base + int64(in.pos) - int64(in.count>>3) }

// fill reads at least a byte into the buffer, all of which must have been taken.
func (in *input) fill() error {
	for range maxEmpty {
		if in.srcErr != nil {
			return in.srcErr
		}
		n, err := in.src.Read(in.buf[:])
		in.srcErr = err
		if n > 0 {
			in.base += int64(in.end)
			in.pos, in.end = 0, uint(n)
			return nil
		}
	}
	if in.srcErr == nil {
		in.srcErr = io.ErrNoProgress
	}
	return in.srcErr
}

// need makes sure that there are n bits, at most 32. It must not ask for more than
// will be used: what is in bits when the buffer is filled anew cannot be put back.
func (in *input) need(n uint64) error {
	if in.end-in.pos >= 8 {
		in.bits |= binary.LittleEndian.Uint64(in.buf[in.pos:]) << (in.count & 63)
		in.pos += uint(63-in.count) >> 3
		in.count |= 56
		return nil
	}
	for in.count < n {
		c, err := in.nextByte()
		if err != nil {
			return err
		}
		in.bits |= uint64(c) << (in.count & 63)
		in.count += 8
	}
	return nil
}

// use drops n bits.
func (in *input) use(n uint64) {
	in.bits >>= n & 63
	in.count -= n
}

// take returns the next n bits, at most 32.
func (in *input) take(n uint64) (uint, error) {
	if in.count < n {
		if err := in.need(n); err != nil {
			return 0, err
		}
	}
	v := uint(in.bits & (1<<(n&63) - 1))
	in.use(n)
	return v, nil
}

// align drops the bits up to the next byte, and puts whole bytes back.
func (in *input) align() {
	in.pos -= uint(in.count >> 3)
	in.bits, in.count = 0, 0
}

// nextByte takes a byte from the buffer. An input that ends is io.ErrUnexpectedEOF.
func (in *input) nextByte() (byte, error) {
	if in.pos == in.end {
		if err := in.fill(); err != nil {
			return 0, noEOF(err)
		}
	}
	c := in.buf[in.pos]
	in.pos++
	return c, nil
}

// rest is what was read and not used.
func (in *input) rest() []byte { return in.buf[in.pos-uint(in.count>>3) : in.end] }
