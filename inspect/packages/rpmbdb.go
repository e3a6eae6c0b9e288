package packages

import "encoding/binary"

// A hash of Berkeley DB, as rpm had it up to RHEL 8: db_page.h of its sources. Pages
// start with 26 bytes: LSN, number, previous, next, entries, free offset, level, type.
// On a hash page the offsets of entries follow, keys and values in turn, the entries
// themselves grow down from its end. A value that is large is a type, the first of a
// chain of overflow pages, and its length.
const (
	bdbMagic        = 0x061561
	bdbPageHead     = 26
	bdbHashUnsorted = 2
	bdbOverflow     = 7
	bdbHash         = 13
	bdbKeyData      = 1 // an entry on the page itself
	bdbOffPage      = 3 // one on overflow pages
	bdbOffPageSize  = 12
)

// bdb is a database in memory. Each overflow page is read once at most.
type bdb struct {
	data  []byte
	page  int // bytes
	order binary.ByteOrder
	seen  []bool
}

// isBDB tells a hash by its magic, in either order of bytes.
func isBDB(db []byte) bool {
	return len(db) >= 512 && (binary.LittleEndian.Uint32(db[12:]) == bdbMagic || binary.BigEndian.Uint32(db[12:]) == bdbMagic)
}

// readBDB yields the values of all hash pages, but for that of key 0, which is a number.
func readBDB(data []byte, yield func([]byte) bool) error {
	db := bdb{data: data, order: binary.LittleEndian}
	if db.order.Uint32(data[12:]) != bdbMagic {
		db.order = binary.BigEndian
	}
	db.page = int(db.order.Uint32(data[20:]))
	if db.page < 512 || db.page > 64<<10 || db.page&(db.page-1) != 0 || data[24] != 0 {
		return errRPMDamage
	}
	db.seen = make([]bool, len(data)/db.page)
	bad := int64(db.order.Uint32(data[32:])) >= int64(len(db.seen)) // the last page
	for n := range db.seen {
		page := db.data[n*db.page:][:db.page]
		if kind := page[25]; n == 0 || kind != bdbHash && kind != bdbHashUnsorted {
			continue
		}
		entries := int(db.order.Uint16(page[20:]))
		if bdbPageHead+2*entries > len(page) {
			bad = true
			continue
		}
		for i := 1; i < entries; i += 2 {
			value, ok := db.value(page, i)
			if !ok {
				bad = true
			} else if len(value) > 4 && !yield(value) {
				return nil
			}
		}
	}
	if bad {
		return errRPMDamage
	}
	return nil
}

// value is the i-th entry of a page.
func (db *bdb) value(page []byte, i int) ([]byte, bool) {
	offset := func(i int) int { return int(db.order.Uint16(page[bdbPageHead+2*i:])) }
	at, end := offset(i), offset(i-1)
	if at >= end || end > len(page) {
		return nil, false
	}
	switch entry := page[at:end]; {
	case entry[0] == bdbKeyData:
		return entry[1:], true
	case entry[0] == bdbOffPage && len(entry) >= bdbOffPageSize:
		return db.chain(db.order.Uint32(entry[4:]), int(db.order.Uint32(entry[8:])))
	}
	return nil, false
}

// chain puts together what overflow pages hold.
func (db *bdb) chain(next uint32, size int) ([]byte, bool) {
	var value []byte
	for next != 0 {
		if int64(next) >= int64(len(db.seen)) || db.seen[next] {
			return nil, false
		}
		db.seen[next] = true
		page := db.data[int(next)*db.page:][:db.page]
		if page[25] != bdbOverflow {
			return nil, false
		}
		held := page[bdbPageHead:]
		if next = db.order.Uint32(page[16:]); next == 0 {
			held = held[:min(len(held), int(db.order.Uint16(page[22:])))]
		}
		value = append(value, held...)
	}
	return value, len(value) == size
}
