package inflate

import "math/bits"

const (
	maxBits    = 15  // of a code
	maxSymbols = 288 // of the fixed literal code, the largest
	endOfBlock = 256
)

// code is a canonical Huffman code.
type code struct {
	max     uint                // the longest length, 0 if there is no symbol
	count   [maxBits + 1]uint16 // symbols by length
	symbols [maxSymbols]uint16  // by length, then by value
}

// set takes the lengths of the symbols' codes, where 0 is none. It reports whether
// they make a complete code; a single symbol of length 1 and no symbol at all are
// allowed too.
func (c *code) set(lengths []uint8) bool {
	c.count, c.max = [maxBits + 1]uint16{}, 0
	for _, l := range lengths {
		c.count[l&maxBits]++
	}
	c.count[0] = 0
	var start [maxBits + 1]uint16
	var total, kraft uint
	for l := uint(1); l <= maxBits; l++ {
		n := c.count[l]
		start[l] = uint16(total)
		total += uint(n)
		kraft += uint(n) << (maxBits - l)
		if n > 0 {
			c.max = l
		}
	}
	for s, l := range lengths {
		if l != 0 {
			i := start[l&maxBits]
			start[l&maxBits]++
			c.symbols[i] = uint16(s)
		}
	}
	return kraft == 1<<maxBits || total == 0 || total == 1 && c.max == 1
}

// decode takes the next symbol, bit by bit, so that it takes no bit more than
// that. It returns badCode if no symbol has the code.
func (c *code) decode(in *input) (uint, error) {
	var word, first, index uint
	for l := uint(1); l <= c.max; l++ {
		bit, err := in.take(1)
		if err != nil {
			return 0, err
		}
		word |= bit
		n := uint(c.count[l])
		if word < first+n {
			return uint(c.symbols[index+word-first]), nil
		}
		index += n
		first = (first + n) << 1
		word <<= 1
	}
	return 0, badCode
}

// nextReversed is the code of l bits after r; both have their bits reversed.
func nextReversed(r, l uint) uint {
	free := bits.Len(^r & (1<<l - 1)) // the highest bit that is 0
	if free == 0 {
		return 0
	}
	top := uint(1) << (free - 1)
	return r&(top-1) | top
}
