package layer

import (
	"bytes"
	"encoding/binary"
)

const blockSize = 512

// block is one block of a tar; the fields are those of a header.
type block [blockSize]byte

var zeroBlock block

func (b *block) isZero() bool { return b[0] == 0 && *b == zeroBlock }

func allZero(p []byte) bool {
	for len(p) >= blockSize {
		if *(*block)(p) != zeroBlock {
			return false
		}
		p = p[blockSize:]
	}
	return string(p) == string(zeroBlock[:len(p)])
}

// format is the dialect of a header.
type format uint8

const (
	formatV7 format = iota
	formatUSTAR
	formatGNU
	formatSTAR
)

func (b *block) format() format {
	switch magic := string(b[257:265]); {
	case magic[:6] == "ustar\x00" && string(b[508:512]) == "tar\x00":
		return formatSTAR
	case magic[:6] == "ustar\x00":
		return formatUSTAR
	case magic == "ustar  \x00":
		return formatGNU
	}
	return formatV7
}

// isHeader reports whether the checksum is right: POSIX's sum of the bytes, or
// Sun's of signed ones.
func (b *block) isHeader() bool {
	var n numbers
	want := n.octal(b[148:156])
	got := b.sum()
	return !n.bad && (want == got || want == got-256*b.highBytes())
}

// sum adds up the bytes, with blanks in place of the checksum itself. It takes
// eight bytes at a time, in four lanes of 16 bits that cannot overflow.
func (b *block) sum() int64 {
	const lanes = 0x00ff00ff00ff00ff
	var acc uint64
	for i := 0; i < blockSize; i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		acc += x&lanes + x>>8&lanes
	}
	sum := int64(acc&0xffff + acc>>16&0xffff + acc>>32&0xffff + acc>>48)
	for _, c := range b[148:156] {
		sum += ' ' - int64(c)
	}
	return sum
}

// highBytes counts the bytes that are negative when signed.
func (b *block) highBytes() (n int64) {
	for i, c := range b {
		if c >= 0x80 && (i < 148 || i >= 156) {
			n++
		}
	}
	return n
}

// parse takes the header in b apart.
func (r *Reader) parse(b *block) error {
	h := &r.hdr
	h.Name, h.Link = nil, nil
	if !b.isHeader() {
		return &CorruptError{Offset: r.win.offset() - blockSize, Err: errChecksum}
	}
	var n numbers
	h.Type = b[156]
	h.Mode = n.parse(b[100:108])
	h.UID = n.parse(b[108:116])
	h.GID = n.parse(b[116:124])
	h.Size = n.parse(b[124:136])
	h.ModTime = Time{Sec: n.parse(b[136:148])}
	h.Major, h.Minor = 0, 0
	var prefix []byte
	if f := b.format(); f != formatV7 {
		h.Major = n.parse(b[329:337])
		h.Minor = n.parse(b[337:345])
		prefix = n.prefix(b, f)
	}
	r.name = r.name[:0]
	if len(prefix) > 0 {
		r.name = append(append(r.name, prefix...), '/')
	}
	r.name = append(r.name, cString(b[:100])...)
	r.link = append(r.link[:0], cString(b[157:257])...)
	h.Name, h.Link = r.name, r.link
	if n.bad {
		return r.corrupt(errNumber)
	}
	return r.startBody(h.Size)
}

// prefix returns the part of the name that a header keeps in its second field.
func (n *numbers) prefix(b *block, f format) []byte {
	switch f {
	case formatSTAR:
		n.parse(b[476:488]) // the times of access and change, unused but never malformed
		n.parse(b[488:500])
		return cString(b[345:476])
	case formatGNU:
		// GNU tar has two times there. Go's writer before 1.8 put a prefix there
		// and still named the format GNU (golang.org/issue/12594): what is no
		// number and is ASCII is one.
		var times numbers
		if b[345] != 0 {
			times.parse(b[345:357])
		}
		if b[357] != 0 {
			times.parse(b[357:369])
		}
		if s := cString(b[345:500]); times.bad && isASCII(s) {
			return s
		}
		return nil
	}
	return cString(b[345:500])
}

// cString returns what comes before the first NUL.
func cString(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// numbers parses the numeric fields of a header, and remembers whether one was
// malformed.
type numbers struct{ bad bool }

// parse takes a number in octal, or in base 256 as GNU and star write it.
func (n *numbers) parse(b []byte) int64 {
	if b[0]&0x80 != 0 {
		return n.base256(b)
	}
	return n.octal(b)
}

// octal takes digits between blanks and NULs. What follows a NUL behind the
// digits is ignored; no digits at all are 0.
func (n *numbers) octal(b []byte) int64 {
	i := 0
	for i < len(b) && (b[i] == ' ' || b[i] == 0) {
		i++
	}
	if i == len(b) {
		return 0
	}
	var x int64
	first := i
	for i < len(b) && b[i]-'0' < 8 {
		x = x<<3 | int64(b[i]-'0')
		i++
	}
	if i == len(b) || i > first && b[i] == 0 {
		return x
	}
	if i == first || len(bytes.Trim(b[i:], " \x00")) > 0 {
		n.bad = true
	}
	return x
}

// base256 takes a big-endian two's complement number whose first bit is not part of it.
func (n *numbers) base256(b []byte) int64 {
	var inv byte
	if b[0]&0x40 != 0 {
		inv = 0xff
	}
	x := uint64((b[0] ^ inv) & 0x7f)
	for _, c := range b[1:] {
		if x>>56 != 0 {
			n.bad = true
			return 0
		}
		x = x<<8 | uint64(c^inv)
	}
	if x>>63 != 0 {
		n.bad = true
		return 0
	}
	if inv != 0 {
		return ^int64(x)
	}
	return int64(x)
}
