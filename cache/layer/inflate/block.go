package inflate

const (
	maxLiterals  = 286
	maxDistances = 30
	meterBits    = 7 // of the code that the lengths of the codes are in
)

// lengthOrder is the order in which the lengths of the code of lengths are stored.
var lengthOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// nextBlock reads the header of a block.
func (d *Reader) nextBlock(uint) error {
	h, err := d.in.take(3)
	if err != nil {
		return err
	}
	d.final = h&1 != 0
	switch h >> 1 {
	case 0:
		return d.beginStored()
	case 1:
		d.beginFixed()
		return nil
	case 2:
		return d.beginDynamic()
	}
	return badBlock
}

func (d *Reader) beginStored() error {
	d.in.use(d.in.count & 7)
	n, err := d.in.take(32)
	if err != nil {
		return err
	}
	d.in.align()
	if n&0xffff != ^n>>16&0xffff {
		return badStored
	}
	d.stored = n & 0xffff
	if d.stored == 0 {
		d.flush = true // this is how compressors mark that all up to here may be used
		return d.endBlock()
	}
	d.step = (*Reader).copyStored
	return nil
}

// copyStored goes on with a stored block.
func (d *Reader) copyStored(limit uint) error {
	for d.stored > 0 {
		if d.pos >= limit {
			return nil
		}
		if d.in.pos == d.in.end {
			if err := d.in.fill(); err != nil {
				return noEOF(err)
			}
		}
		n := copy(d.window[d.pos:d.pos+min(d.stored, limit-d.pos)], d.in.buf[d.in.pos:d.in.end])
		d.pos += uint(n)
		d.in.pos += uint(n)
		d.stored -= uint(n)
	}
	return d.endBlock()
}

var (
	fixedLiterals, fixedDistances = makeFixed()

	meterEntries = makeMeterEntries()
)

func makeMeterEntries() (e [len(lengthOrder)]uint32) {
	for s := range e {
		e[s] = uint32(s) << baseShift
	}
	return e
}

func makeFixed() (lit [maxSymbols]uint8, dist [32]uint8) {
	for s := range lit {
		switch {
		case s < 144:
			lit[s] = 8
		case s < 256:
			lit[s] = 9
		case s < 280:
			lit[s] = 7
		default:
			lit[s] = 8
		}
	}
	for s := range dist {
		dist[s] = 5
	}
	return lit, dist
}

func (d *Reader) beginFixed() {
	if !d.fixed {
		d.fixed = true
		d.setCodes(fixedLiterals[:], fixedDistances[:])
	}
	d.step = (*Reader).decode
}

// setCodes makes the tables; it reports whether the codes are valid.
func (d *Reader) setCodes(literals, distances []uint8) bool {
	if !d.literals.set(literals) || !d.distances.set(distances) {
		return false
	}
	d.literals.fill(d.literalTable[:], literalBits, literalEntries[:])
	d.distances.fill(d.distanceTable[:], distanceBits, distanceEntries[:])
	return true
}

func (d *Reader) beginDynamic() error {
	h, err := d.in.take(5 + 5 + 4)
	if err != nil {
		return err
	}
	literals, distances := h&31+257, h>>5&31+1
	if literals > maxLiterals || distances > maxDistances {
		return badCount
	}
	if err := d.readMeter(h>>10 + 4); err != nil {
		return err
	}
	var lengths [maxLiterals + maxDistances]uint8
	if err := d.readLengths(lengths[:], literals+distances); err != nil {
		return err
	}
	d.fixed = false
	if !d.setCodes(lengths[:literals], lengths[literals:literals+distances]) {
		return badLengths
	}
	d.step = (*Reader).decode
	return nil
}

// readMeter reads the code that the lengths of the codes are in, of n symbols.
func (d *Reader) readMeter(n uint) error {
	var lengths [len(lengthOrder)]uint8
	for _, s := range lengthOrder[:n] {
		l, err := d.in.take(3)
		if err != nil {
			return err
		}
		lengths[s] = uint8(l)
	}
	if !d.meter.set(lengths[:]) {
		return badLengths
	}
	d.meter.fill(d.meterTable[:], meterBits, meterEntries[:])
	return nil
}

// readLengths reads the lengths of n codes.
func (d *Reader) readLengths(lengths []uint8, n uint) error {
	for i := uint(0); i < n; {
		s, err := d.meterSymbol()
		if err != nil {
			return err
		}
		if s < 16 {
			lengths[i] = uint8(s)
			i++
			continue
		}
		var last uint8
		if s == 16 {
			if i == 0 {
				return badLengths
			}
			last = lengths[i-1]
		}
		r := repeats[s-16]
		extra, err := d.in.take(r.bits)
		if err != nil {
			return err
		}
		end := i + r.least + extra
		if end > n {
			return badLengths
		}
		for ; i < end; i++ {
			lengths[i] = last
		}
	}
	return nil
}

// repeats are the symbols from 16 on.
var repeats = [3]struct {
	least uint
	bits  uint64
}{{3, 2}, {3, 3}, {11, 7}}

// meterSymbol takes a symbol of the code that the lengths are in.
func (d *Reader) meterSymbol() (uint, error) {
	for {
		// If bits are missing at the end, they count as 0, and the length found is
		// not more than the true one.
		e := d.meterTable[d.in.bits&(1<<meterBits-1)]
		if e&special != 0 {
			return 0, badCode
		}
		n := uint64(e & useMask)
		if n <= d.in.count {
			d.in.use(n)
			return uint(e >> baseShift), nil
		}
		if err := d.in.need(n); err != nil {
			return 0, err
		}
	}
}
