package inflate

// A table is indexed by the next bits of the input. An entry is
//
//	0-5   how many bits to use: the code and, of a length or distance, its extra bits
//	6     set for a literal
//	8-13  how many bits the code alone has
//	14    set if there is something special
//	15    with 14: set if it is the end of the block or, with bit 16, no valid code
//	16-31 the literal; or what to add to the extra bits; of a length, the mask of
//	      those from 25 on
//
// If bit 14 is set and bit 15 is not, the code is longer than the index, and the entry
// leads to a second table: 8-13 is the number of further bits that index it, 16-31 is
// where it starts.
const (
	useMask    = 63
	codeShift  = 8
	baseShift  = 16
	extraShift = 25 // of a length
	lengthMask = 1<<(extraShift-baseShift) - 1

	literal  = 1 << 6
	special  = 1 << 14
	noSymbol = 1 << 15
	invalid  = special | noSymbol | 1<<16
)

const (
	literalBits  = 11
	distanceBits = 9
	// Each second table has two codes or more, and at most 1<<(maxBits-…) entries.
	literalSize  = 1<<literalBits + 143<<(maxBits-literalBits)
	distanceSize = 1<<distanceBits + 16<<(maxBits-distanceBits)
)

// kind is a symbol of a length or a distance: the least value and the number of
// extra bits to add.
type kind struct{ base, extra uint16 }

var (
	lengthKinds   = makeLengths()
	distanceKinds = makeDistances()

	literalEntries  = makeLiteralEntries()
	distanceEntries = makeDistanceEntries()
)

// makeLengths returns the lengths of the symbols from 257 on.
func makeLengths() (k [29]kind) {
	base := uint16(3)
	for i := range k[:28] {
		k[i].base = base
		if i >= 8 {
			k[i].extra = uint16(i/4 - 1)
		}
		base += 1 << k[i].extra
	}
	k[28].base = 258
	return k
}

func makeDistances() (k [30]kind) {
	base := uint16(1)
	for i := range k {
		k[i].base = base
		if i >= 4 {
			k[i].extra = uint16(i/2 - 1)
		}
		base += 1 << k[i].extra
	}
	return k
}

func makeLiteralEntries() (e [maxSymbols]uint32) {
	for s := range e {
		e[s] = invalid
	}
	for s := range endOfBlock {
		e[s] = uint32(s)<<baseShift | literal
	}
	e[endOfBlock] = special | noSymbol
	for i, k := range lengthKinds {
		mask := uint32(1)<<k.extra - 1
		e[endOfBlock+1+i] = uint32(k.base)<<baseShift | mask<<extraShift | uint32(k.extra)
	}
	return e
}

func makeDistanceEntries() (e [32]uint32) {
	e[30], e[31] = invalid, invalid
	for s, k := range distanceKinds {
		e[s] = uint32(k.base)<<baseShift | uint32(k.extra)
	}
	return e
}

// withLength is the entry e for a code of l bits.
func withLength(e uint32, l uint) uint32 { return e + uint32(l)<<codeShift + uint32(l) }

// fill makes the table of c, which index bits of the input look up at first.
func (c *code) fill(table []uint32, index uint, entries []uint32) {
	var word uint // the next code, reversed
	rest := c.symbols[:]
	table[0] = invalid
	for l := uint(1); l <= index; l++ {
		half := uint(1) << (l - 1)
		copy(table[half:2*half], table[:half])
		for _, s := range rest[:c.count[l]] {
			table[word] = withLength(entries[s], l)
			word = nextReversed(word, l)
		}
		rest = rest[c.count[l]:]
	}
	if c.max > index {
		c.fillLong(table, index, entries, rest, word)
	}
}

// fillLong makes the second tables, for the codes from word on.
func (c *code) fillLong(table []uint32, index uint, entries []uint32, rest []uint16, word uint) {
	width := c.max - index
	next := uint(1) << index
	var second []uint32
	prefix := ^uint(0)
	for l := index + 1; l <= c.max; l++ {
		for _, s := range rest[:c.count[l]] {
			if p := word & (1<<index - 1); p != prefix {
				prefix = p
				table[p] = uint32(special | width<<codeShift | next<<baseShift)
				second = table[next : next+1<<width]
				next += 1 << width
			}
			e := withLength(entries[s], l)
			for i := word >> index; i < uint(len(second)); i += 1 << (l - index) {
				second[i] = e
			}
			word = nextReversed(word, l)
		}
		rest = rest[c.count[l]:]
	}
}
