package packages

import (
	"encoding/binary"
	"slices"
	"strings"
)

// The file format of SQLite, https://sqlite.org/fileformat2.html, as far as a table is
// read from its first to its last row.
const (
	sqliteMagic    = "SQLite format 3\x00"
	sqliteHeader   = 100 // bytes, on the first page before the page itself
	sqliteInterior = 5   // page of a table with other pages below
	sqliteLeaf     = 13  // page of a table with rows
)

// sqliteDB is a database in memory. Each page is read once at most: where pages refer to
// each other in circles, or two to the same, the database is damaged.
type sqliteDB struct {
	data   []byte
	page   int // bytes
	usable int // bytes of them
	seen   []bool
}

// readSQLite yields the blobs of the table Packages.
func readSQLite(data []byte, yield func([]byte) bool) error {
	db, ok := openSQLite(data)
	if !ok {
		return errRPMDamage
	}
	root := uint32(0)
	ok = db.rows(1, func(row []byte) bool {
		if cols, ok := sqliteColumns(row, 4); ok && string(cols[0]) == "table" && strings.EqualFold(string(cols[1]), "Packages") {
			root = sqliteInt(cols[3])
		}
		return root == 0
	})
	if !ok || root == 0 {
		return errRPMDamage
	}
	db.seen = make([]bool, len(db.seen))
	bad := false
	ok = db.rows(root, func(row []byte) bool {
		cols, ok := sqliteColumns(row, 2) // the number, which is the row's, and the header
		if !ok {
			bad = true
			return true
		}
		return yield(cols[1])
	})
	if !ok || bad {
		return errRPMDamage
	}
	return nil
}

func openSQLite(data []byte) (*sqliteDB, bool) {
	if len(data) < sqliteHeader {
		return nil, false
	}
	page := int(binary.BigEndian.Uint16(data[16:]))
	if page == 1 {
		page = 64 << 10
	}
	usable := page - int(data[20])
	if page < 512 || page&(page-1) != 0 || usable < 480 {
		return nil, false
	}
	return &sqliteDB{data: data, page: page, usable: usable, seen: make([]bool, len(data)/page)}, true
}

// claim reports, once for each page, that there is one of this number, from 1.
func (db *sqliteDB) claim(n uint32) bool {
	i := int64(n) - 1
	if i < 0 || i >= int64(len(db.seen)) || db.seen[i] {
		return false
	}
	db.seen[i] = true
	return true
}

// get returns the usable part of a page.
func (db *sqliteDB) get(n uint32) []byte { return db.data[int(n-1)*db.page:][:db.usable] }

// rows yields the rows of the table at a page, until yield returns false. It is not ok
// if any of them could not be read.
func (db *sqliteDB) rows(root uint32, yield func([]byte) bool) (ok bool) {
	ok = db.claim(root)
	stack := []uint32{root}
	if !ok {
		return false
	}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		below, sound, more := db.rowsOf(n, yield)
		if !more {
			return true
		}
		ok = ok && sound
		for _, n := range slices.Backward(below) {
			if !db.claim(n) {
				ok = false
				continue
			}
			stack = append(stack, n)
		}
	}
	return ok
}

// rowsOf yields the rows of one page, or returns the pages below it.
func (db *sqliteDB) rowsOf(n uint32, yield func([]byte) bool) (below []uint32, ok, more bool) {
	page, at := db.get(n), 0
	if n == 1 {
		at = sqliteHeader
	}
	kind, cells := page[at], int(binary.BigEndian.Uint16(page[at+3:]))
	head := at + 8
	if kind == sqliteInterior {
		head = at + 12
	}
	if kind != sqliteInterior && kind != sqliteLeaf || head+2*cells > len(page) {
		return nil, false, true
	}
	ok = true
	for i := range cells {
		cell := int(binary.BigEndian.Uint16(page[head+2*i:]))
		if cell+4 > len(page) {
			ok = false
		} else if kind == sqliteInterior {
			below = append(below, binary.BigEndian.Uint32(page[cell:]))
		} else if row, whole := db.row(page[cell:]); !whole {
			ok = false
		} else if !yield(row) {
			return nil, ok, false
		}
	}
	if kind == sqliteInterior {
		below = append(below, binary.BigEndian.Uint32(page[at+8:]))
	}
	return below, ok, true
}

// row puts a row together from its cell and the pages that the cell goes on in.
func (db *sqliteDB) row(cell []byte) ([]byte, bool) {
	size, n := sqliteVarint(cell)
	cell = cell[n:]
	_, m := sqliteVarint(cell) // the row's number
	cell = cell[m:]
	if n == 0 || m == 0 || size > uint64(len(db.data)) {
		return nil, false
	}
	local := db.local(int(size))
	if local > len(cell) {
		return nil, false
	}
	if local == int(size) {
		return cell[:local], true
	}
	if local+4 > len(cell) {
		return nil, false
	}
	row := append([]byte(nil), cell[:local]...)
	for next := binary.BigEndian.Uint32(cell[local:]); len(row) < int(size); {
		if !db.claim(next) {
			return nil, false
		}
		page := db.get(next)
		next = binary.BigEndian.Uint32(page)
		page = page[4:]
		row = append(row, page[:min(len(page), int(size)-len(row))]...)
	}
	return row, true
}

// local is how many bytes of a row are in its cell.
func (db *sqliteDB) local(size int) int {
	most := db.usable - 35
	if size <= most {
		return size
	}
	least := (db.usable-12)*32/255 - 23
	if k := least + (size-least)%(db.usable-4); k <= most {
		return k
	}
	return least
}

// sqliteColumns returns the first columns of a row.
func sqliteColumns(row []byte, want int) (cols [][]byte, ok bool) {
	length, n := sqliteVarint(row)
	if n == 0 || length < uint64(n) || length > uint64(len(row)) {
		return nil, false
	}
	types, values := row[n:length], row[length:]
	for range want {
		kind, n := sqliteVarint(types)
		if n == 0 {
			return nil, false
		}
		size := sqliteSize(kind)
		if size > uint64(len(values)) {
			return nil, false
		}
		cols = append(cols, values[:size])
		types, values = types[n:], values[size:]
	}
	return cols, true
}

func sqliteSize(kind uint64) uint64 {
	if kind >= 12 {
		return (kind - 12) / 2
	}
	return [...]uint64{0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0}[kind]
}

func sqliteInt(b []byte) (n uint32) {
	for _, c := range b {
		n = n<<8 | uint32(c)
	}
	return n
}

// sqliteVarint reads a number of up to nine bytes, seven bits of each but the last's
// eight, and returns how many it took, 0 if it is cut off.
func sqliteVarint(b []byte) (v uint64, n int) {
	for i, c := range b {
		if i == 8 {
			return v<<8 | uint64(c), 9
		}
		v = v<<7 | uint64(c&0x7f)
		if c < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}
