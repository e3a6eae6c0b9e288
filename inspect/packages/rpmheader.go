package packages

import (
	"bytes"
	"encoding/binary"
)

// Tags of a header that are read.
const (
	rpmName         = 1000
	rpmVersion      = 1001
	rpmRelease      = 1002
	rpmEpoch        = 1003
	rpmArch         = 1022
	rpmOldFileNames = 1027 // of rpm before 4
	rpmFileStates   = 1029
	rpmDirIndexes   = 1116
	rpmBaseNames    = 1117
	rpmDirNames     = 1118
)

// Types of their values.
const (
	rpmChar    = 1
	rpmInt32   = 4
	rpmString  = 6
	rpmStrings = 8
	rpmI18N    = 9
)

// rpmHeader is a package as rpm's databases hold it: the number of tags and the bytes
// of their values, big-endian as all of it; the tags with type, offset and count; the
// values. It refers to the bytes it was made of.
type rpmHeader struct{ tags map[uint32]rpmValue }

// rpmValue is from the start of a value; where it ends, its type and count tell.
type rpmValue struct {
	kind, count uint32
	data        []byte
}

const rpmTags = 64 << 10 // as rpm

func parseRPMHeader(b []byte) (*rpmHeader, bool) {
	if len(b) < 8 {
		return nil, false
	}
	be := binary.BigEndian
	count, length := int64(be.Uint32(b)), int64(be.Uint32(b[4:]))
	b = b[8:]
	if count > rpmTags || count*16+length > int64(len(b)) {
		return nil, false
	}
	tags, values := b[:count*16], b[count*16:count*16+length]
	h := &rpmHeader{tags: make(map[uint32]rpmValue, 10)}
	for ; len(tags) > 0; tags = tags[16:] {
		tag, kind, offset, n := be.Uint32(tags), be.Uint32(tags[4:]), be.Uint32(tags[8:]), be.Uint32(tags[12:])
		switch tag {
		case rpmName, rpmVersion, rpmRelease, rpmEpoch, rpmArch, rpmOldFileNames, rpmFileStates, rpmDirIndexes, rpmBaseNames, rpmDirNames:
		default:
			continue
		}
		if int64(offset) > length {
			return nil, false
		}
		v := rpmValue{kind, n, values[offset:]}
		if size, known := v.size(); known {
			if size > int64(len(v.data)) {
				return nil, false
			}
			v.data = v.data[:size]
		}
		h.tags[tag] = v
	}
	return h, true
}

// size is that of a value of a type with a fixed size.
func (v *rpmValue) size() (n int64, known bool) {
	switch v.kind {
	case rpmChar:
		return int64(v.count), true
	case rpmInt32:
		return int64(v.count) * 4, true
	}
	return 0, false
}

// text is a string; "" if there is none.
func (h *rpmHeader) text(tag uint32) string {
	for s := range h.strings(tag) {
		return s
	}
	return ""
}

// strings yields the strings of an array, or the only one.
func (h *rpmHeader) strings(tag uint32) func(func(string) bool) {
	return func(yield func(string) bool) {
		v, ok := h.tags[tag]
		if !ok || v.kind != rpmString && v.kind != rpmStrings && v.kind != rpmI18N {
			return
		}
		for range v.count {
			s, rest, ended := bytes.Cut(v.data, []byte{0})
			if !ended || !yield(string(s)) {
				return
			}
			v.data = rest
		}
	}
}

// number is the i-th number of an array; 0 if there is none.
func (h *rpmHeader) number(tag uint32, i int) uint32 {
	v := h.tags[tag]
	if v.kind != rpmInt32 || i >= len(v.data)/4 {
		return 0
	}
	return binary.BigEndian.Uint32(v.data[4*i:])
}
