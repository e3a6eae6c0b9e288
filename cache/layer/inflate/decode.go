package inflate

import "encoding/binary"

// decode goes on with a block of codes, up to limit or a little further.
func (d *Reader) decode(limit uint) error {
	for d.pos < limit {
		err := d.decodeFast(limit)
		if err == errEndOfBlock {
			return d.endBlock()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// decodeSymbol decodes a literal or a match with no bit more than it has.
func (d *Reader) decodeSymbol() error {
	s, err := d.literals.decode(&d.in)
	if err != nil {
		return err
	}
	if s < endOfBlock {
		d.window[d.pos] = byte(s)
		d.pos++
		return nil
	}
	if s == endOfBlock {
		return errEndOfBlock
	}
	length, err := d.value(lengthKinds[:], s-endOfBlock-1)
	if err != nil {
		return err
	}
	s, err = d.distances.decode(&d.in)
	if err != nil {
		return err
	}
	distance, err := d.value(distanceKinds[:], s)
	if err != nil {
		return err
	}
	if distance > d.pos {
		return tooFar
	}
	d.copyMatch(d.pos, distance, length)
	d.pos += length
	return nil
}

// value takes the extra bits of the symbol with index i in kinds.
func (d *Reader) value(kinds []kind, i uint) (uint, error) {
	if i >= uint(len(kinds)) {
		return 0, badCode
	}
	v, err := d.in.take(uint64(kinds[i].extra))
	return v + uint(kinds[i].base), err
}

// copyMatch copies length bytes from distance before pos to pos. It may write up to
// 7 bytes more.
func (d *Reader) copyMatch(pos, distance, length uint) {
	switch {
	case distance >= length:
		copy(d.window[pos:pos+length], d.window[pos-distance:])
	case distance >= 8:
		to, from := d.window[pos:][:length+8], d.window[pos-distance:][:length+8]
		for i := uint(0); i < length; i += 8 {
			binary.LittleEndian.PutUint64(to[i:], binary.LittleEndian.Uint64(from[i:]))
		}
	default:
		d.repeat(pos, distance, length)
	}
}

// strides are the longest multiples of small distances in 8 bytes.
var strides = [8]uint{0, 8, 8, 6, 8, 5, 6, 7}

// repeat is copyMatch for a distance of less than 8.
func (d *Reader) repeat(pos, distance, length uint) {
	v := binary.LittleEndian.Uint64(d.window[pos-distance:])
	n := 8 * distance
	v &= 1<<(n&63) - 1
	v |= v << n
	v |= v << (2 * n)
	v |= v << (4 * n)
	to := d.window[pos:][:length+8]
	for i := uint(0); i < length; i += strides[distance&7] {
		binary.LittleEndian.PutUint64(to[i:], v)
	}
}
