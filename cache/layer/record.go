package layer

import (
	"encoding/binary"
	"errors"
	"slices"
)

var le = binary.LittleEndian

// A record is an entry without its path, in the bytes that TOCs hold:
//
//	kind | hides<<4 | implied<<6 | grouped<<7     1 byte
//	presence bits                                 1 byte, see has*
//	mode uid gid sec                              varints (sec zigzag)
//	nsec size link major+minor xattrs offset      where present
//	digest, times                                 32 bytes each, where present
//
// The group number and its count of names follow where grouped; they are known
// only at the end of the layer and so are kept apart until then.
type record struct {
	kind         Kind
	hides        Hides
	implied      bool
	mode         uint32
	uid, gid     uint32
	sec          int64
	nsec         int32
	size         int64
	link         []byte
	major, minor uint32
	xattrs       []byte // count, then name and value, each with its length
	offset       int64
	digest       []byte // 32 bytes, or none
	times        []byte
	group, links uint32
}

const (
	hasNsec = 1 << iota
	hasSize
	hasLink
	hasDevice
	hasXattrs
	hasOffset
	hasDigest
	hasTimes
)

func (r *record) presence() (bits byte) {
	set := func(bit byte, present bool) {
		if present {
			bits |= bit
		}
	}
	set(hasNsec, r.nsec != 0)
	set(hasSize, r.size != 0)
	set(hasLink, len(r.link) > 0)
	set(hasDevice, r.major != 0 || r.minor != 0)
	set(hasXattrs, len(r.xattrs) > 0)
	set(hasOffset, r.offset >= 0)
	set(hasDigest, len(r.digest) > 0)
	set(hasTimes, len(r.times) > 0)
	return bits
}

func (r *record) append(b []byte) []byte {
	head := byte(r.kind) | byte(r.hides)<<4
	if r.implied {
		head |= 1 << 6
	}
	if r.group != 0 {
		head |= 1 << 7
	}
	bits := r.presence()
	b = append(b, head, bits)
	b = binary.AppendUvarint(b, uint64(r.mode))
	b = binary.AppendUvarint(b, uint64(r.uid))
	b = binary.AppendUvarint(b, uint64(r.gid))
	b = binary.AppendVarint(b, r.sec)
	if bits&hasNsec != 0 {
		b = binary.AppendUvarint(b, uint64(r.nsec))
	}
	if bits&hasSize != 0 {
		b = binary.AppendUvarint(b, uint64(r.size))
	}
	if bits&hasLink != 0 {
		b = appendBytes(b, r.link)
	}
	if bits&hasDevice != 0 {
		b = binary.AppendUvarint(b, uint64(r.major))
		b = binary.AppendUvarint(b, uint64(r.minor))
	}
	if bits&hasXattrs != 0 {
		b = appendBytes(b, r.xattrs)
	}
	if bits&hasOffset != 0 {
		b = binary.AppendUvarint(b, uint64(r.offset))
	}
	b = append(b, r.digest...)
	b = append(b, r.times...)
	if r.group != 0 {
		b = binary.AppendUvarint(b, uint64(r.group))
		b = binary.AppendUvarint(b, uint64(r.links))
	}
	return b
}

func appendBytes(b, p []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(p)))
	return append(b, p...)
}

var errRecord = errors.New("malformed record")

// parse reads a record from the front of b and returns what follows. The
// record's slices point into b.
func (r *record) parse(b []byte) ([]byte, error) {
	if len(b) < 2 {
		return nil, errRecord
	}
	head, bits := b[0], b[1]
	*r = record{kind: Kind(head & 15), hides: Hides(head >> 4 & 3), implied: head&(1<<6) != 0, offset: -1}
	d := decoder{b: b[2:]}
	r.mode, r.uid, r.gid, r.sec = d.uint32(), d.uint32(), d.uint32(), d.varint()
	if bits&hasNsec != 0 {
		nsec := d.uint32()
		if nsec > 999_999_999 {
			d.fail()
		}
		r.nsec = int32(nsec)
	}
	if bits&hasSize != 0 {
		r.size = int64(d.uvarint())
	}
	if bits&hasLink != 0 {
		r.link = d.bytes()
	}
	if bits&hasDevice != 0 {
		r.major, r.minor = d.uint32(), d.uint32()
	}
	if bits&hasXattrs != 0 {
		r.xattrs = d.bytes()
	}
	if bits&hasOffset != 0 {
		r.offset = int64(d.uvarint())
	}
	if bits&hasDigest != 0 {
		r.digest = d.take(32)
	}
	if bits&hasTimes != 0 {
		r.times = d.take(32)
	}
	if head&(1<<7) != 0 {
		r.group, r.links = d.uint32(), d.uint32()
	}
	return d.b, d.err
}

// entry gives the record as an Entry that owns its memory.
func (r *record) entry(path string) Entry {
	e := Entry{
		Path: path, Kind: r.kind, Hides: r.hides, Implied: r.implied,
		Mode: r.mode, UID: r.uid, GID: r.gid, Size: r.size,
		ModTime: Time{Sec: r.sec, Nsec: r.nsec}, Link: string(r.link),
		Major: r.major, Minor: r.minor, Xattrs: parseXattrs(r.xattrs),
		Group: r.group, Links: r.links, Offset: r.offset,
	}
	copy(e.Digest[:], r.digest)
	copy(e.TimesDigest[:], r.times)
	return e
}

// appendXattrs writes attributes sorted by name; of two with one name the last counts.
func appendXattrs(b []byte, xattrs []Xattr) []byte {
	sorted := slices.Clone(xattrs)
	slices.SortStableFunc(sorted, func(x, y Xattr) int {
		if x.Name < y.Name {
			return -1
		}
		if x.Name > y.Name {
			return 1
		}
		return 0
	})
	kept := sorted[:0]
	for i, x := range sorted {
		if i+1 == len(sorted) || sorted[i+1].Name != x.Name {
			kept = append(kept, x)
		}
	}
	if len(kept) == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(kept)))
	for _, x := range kept {
		b = appendBytes(b, []byte(x.Name))
		b = appendBytes(b, []byte(x.Value))
	}
	return b
}

func parseXattrs(b []byte) []Xattr {
	if len(b) == 0 {
		return nil
	}
	d := decoder{b: b}
	n := d.uvarint()
	var xattrs []Xattr
	for range n {
		x := Xattr{Name: string(d.bytes()), Value: string(d.bytes())}
		if d.err != nil {
			break
		}
		xattrs = append(xattrs, x)
	}
	return xattrs
}

// decoder takes numbers and bytes off the front of b; after a fault it gives
// zeros and keeps the error.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) uvarint() uint64 {
	if len(d.b) > 0 && d.b[0] < 0x80 {
		v := d.b[0]
		d.b = d.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v := d.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (d *decoder) uint32() uint32 {
	v := d.uvarint()
	if v > 1<<32-1 {
		d.fail()
		return 0
	}
	return uint32(v)
}

func (d *decoder) bytes() []byte { return d.take(d.uvarint()) }

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	p := d.b[:n:n]
	d.b = d.b[n:]
	return p
}

func (d *decoder) fail() {
	d.b = nil
	if d.err == nil {
		d.err = errRecord
	}
}
