package inflate

import "encoding/binary"

const (
	// fastInput is how many bytes of input a round of the fast loop may load.
	fastInput = 16
	// inlineCopy is the longest match that the fast loop copies itself, and how
	// many bytes it copies then whatever the length.
	inlineCopy = 32

	literalIndex  = 1<<literalBits - 1
	distanceIndex = 1<<distanceBits - 1
)

// refill makes sure that there are 56 bits. It loads 8 bytes at next.
func refill(buf *[inputSize]byte, next uint, bits, count uint64) (uint, uint64, uint64) {
	bits |= binary.LittleEndian.Uint64(buf[next:]) << (count & 63)
	return next + uint(^count>>3)&7, bits, count | 56
}

// decodeFast decodes until limit, the end of the block, or until less than fastInput
// bytes are in the buffer. If that is so from the start it decodes one symbol.
//
// All its state is in local variables, which fit into the registers of a 64-bit
// machine. Of count only the low 6 bits are kept right, so that an entry can be
// subtracted as it is. The lookup of the next code does not wait for the copy of a
// match or for more input.
func (d *Reader) decodeFast(limit uint) error {
	in := &d.in
	next, pos := in.pos, d.pos
	last := in.end - fastInput
	// The compiler learns here what it needs to leave out most checks of an index.
	if next > last || last > inputSize-fastInput || limit > windowSize-slack {
		return d.decodeSymbol()
	}
	var err error
	next, bits, count := refill(&in.buf, next, in.bits, in.count)
	e := uint64(d.literalTable[bits&literalIndex])
	for next <= last && pos < limit {
		next, bits, count = refill(&in.buf, next, bits, count)
		if e&literal != 0 {
			d.window[pos] = byte(e >> baseShift)
			pos++
			bits, count = bits>>(e&useMask), count-e
			e = uint64(d.literalTable[bits&literalIndex])
			continue
		}
		if e&special != 0 {
			if e&noSymbol != 0 {
				bits, count = bits>>(e&useMask), count-e
				err = endOrInvalid(e)
				break
			}
			e = uint64(d.literalTable[e>>baseShift+bits>>literalBits&(1<<(e>>codeShift&useMask)-1)])
			continue
		}
		length := uint(e>>baseShift&lengthMask + bits>>(e>>codeShift&useMask)&(e>>extraShift))
		bits, count = bits>>(e&useMask), count-e
		e = uint64(d.distanceTable[bits&distanceIndex])
		if e&(special|noSymbol) == special {
			e = uint64(d.distanceTable[e>>baseShift+bits>>distanceBits&(1<<(e>>codeShift&useMask)-1)])
		}
		distance := uint(e>>baseShift + bits&(1<<(e&useMask)-1)>>(e>>codeShift&useMask))
		if e&special != 0 || distance > pos {
			err = farOrInvalid(e)
			break
		}
		bits, count = bits>>(e&useMask), count-e
		e = uint64(d.literalTable[bits&literalIndex])
		from := pos - distance
		if distance >= 16 && length <= inlineCopy {
			*(*[16]byte)(d.window[pos:]) = *(*[16]byte)(d.window[from:])
			*(*[16]byte)(d.window[pos+16:]) = *(*[16]byte)(d.window[from+16:])
		} else {
			d.copyMatch(pos, distance, length)
		}
		pos += length
	}
	in.pos, in.bits, in.count, d.pos = next, bits, count&63, pos
	return err
}

// endOrInvalid says why a literal or length with noSymbol cannot be.
func endOrInvalid(e uint64) error {
	if e&invalid == invalid {
		return badCode
	}
	return errEndOfBlock
}

// farOrInvalid says why a distance cannot be.
func farOrInvalid(e uint64) error {
	if e&special != 0 {
		return badCode
	}
	return tooFar
}
