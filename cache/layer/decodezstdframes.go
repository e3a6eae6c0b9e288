package layer

import (
	"bufio"
	"encoding/binary"
	"io"
)

// zstdFrames passes a zstd stream on as it is, up to the first frame that needs a
// larger window than is allowed: there it returns io.EOF, until more is allowed. So
// a decoder meets no window that there is no room for.
//
// RFC 8878, section 3.1, has the format.
type zstdFrames struct {
	br     *bufio.Reader
	room   uint64 // the largest window that is allowed
	larger uint64 // the window of the next frame if that is more; else 0
	left   uint64 // bytes to pass on before the next header
	inside bool   // a frame, so that the next header is a block's
	sum    bool   // the frame ends with a checksum
	lost   bool   // what comes is malformed or cut, and the decoder is to say so
}

// allow lets frames with windows up to a size pass.
func (f *zstdFrames) allow(window uint64) { f.room, f.larger = window, 0 }

// Read never gives bytes of two blocks, or of two frames, at once.
func (f *zstdFrames) Read(p []byte) (int, error) {
	if f.left == 0 && !f.lost {
		if err := f.header(); err != nil {
			return 0, err
		}
	}
	if !f.lost && uint64(len(p)) > f.left {
		p = p[:f.left]
	}
	n, err := f.br.Read(p)
	f.left -= min(uint64(n), f.left)
	return n, err
}

// header looks at the next header, so that left is not 0.
func (f *zstdFrames) header() error {
	if f.inside {
		return f.block()
	}
	head, err := f.br.Peek(frameHeaderMax)
	if len(head) == 0 || err != nil && err != io.EOF {
		return err
	}
	if isSkippable(head) && len(head) >= 8 {
		f.left = 8 + uint64(binary.LittleEndian.Uint32(head[4:]))
		return nil
	}
	size, window, ok := frameHeader(head)
	switch {
	case !ok:
		f.lost = true
	case window > f.room:
		f.larger = window
		return io.EOF
	default:
		f.left, f.inside, f.sum = size, true, head[4]&4 != 0
	}
	return nil
}

// block looks at a block's header.
func (f *zstdFrames) block() error {
	head, err := f.br.Peek(3)
	if err != nil && err != io.EOF {
		return err
	}
	if len(head) < 3 {
		f.lost = true
		return nil
	}
	bits := uint64(head[0]) | uint64(head[1])<<8 | uint64(head[2])<<16
	last, kind, size := bits&1 != 0, bits>>1&3, bits>>3
	if kind == 1 { // one byte, many times
		size = 1
	}
	f.left = 3 + size
	if last {
		f.inside = false
		if f.sum {
			f.left += 4
		}
	}
	return nil
}

const frameHeaderMax = 4 + 1 + 1 + 4 + 8

// frameHeader returns the size of a frame's header and the window that the frame needs.
func frameHeader(b []byte) (size, window uint64, ok bool) {
	if !startsWith(b, zstdMagic) || len(b) < 6 {
		return 0, 0, false
	}
	flags := b[4]
	single := flags&0x20 != 0
	at := 5
	if !single {
		base := uint64(1) << (10 + b[5]>>3)
		window = base + base/8*uint64(b[5]&7)
		at++
	}
	at += [4]int{0, 1, 2, 4}[flags&3] // the dictionary's number
	sizeBytes := [4]int{0, 2, 4, 8}[flags>>6]
	if single && sizeBytes == 0 {
		sizeBytes = 1
	}
	if len(b) < at+sizeBytes {
		return 0, 0, false
	}
	if single { // the content itself is the window
		var content [8]byte
		copy(content[:], b[at:at+sizeBytes])
		window = binary.LittleEndian.Uint64(content[:])
		if sizeBytes == 2 {
			window += 256
		}
	}
	return uint64(at + sizeBytes), window, true
}
