package packages

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/layers/layers/fixtures"
)

// sqliteDatabase was made by rpm 4.18 with --excludedocs: hello with an epoch, and
// many with so many files that its header takes several pages.
func sqliteDatabase(t testing.TB) []byte {
	t.Helper()
	f, err := os.Open("testdata/rpmdb.sqlite.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	db, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// headers reads all headers out of a database.
func headers(db []byte) (all [][]byte, err error) {
	err = rpmReader(db)(db, func(h []byte) bool {
		all = append(all, bytes.Clone(h))
		return true
	})
	return all, err
}

// ndbDatabase holds headers as rpm's own database does: slots of packages that are
// gone between them.
func ndbDatabase(headers [][]byte) []byte {
	le := binary.LittleEndian
	db := make([]byte, ndbPage)
	copy(db, ndbMagic)
	le.PutUint32(db[12:], 1)
	for at := ndbHead; at < ndbPage; at += ndbBlock {
		copy(db[at:], ndbSlot)
	}
	for i, h := range headers {
		slot := db[ndbHead+2*i*ndbBlock:]
		le.PutUint32(slot[4:], uint32(i+7))
		le.PutUint32(slot[8:], uint32(len(db)/ndbBlock))
		blob := append([]byte(ndbBlob), make([]byte, 12)...)
		le.PutUint32(blob[4:], uint32(i+7))
		le.PutUint32(blob[12:], uint32(len(h)))
		blob = append(blob, h...)
		blob = append(blob, make([]byte, (2*ndbBlock-(len(blob)+ndbBlobTail)%ndbBlock)%ndbBlock)...)
		blob = le.AppendUint32(blob, adler32.Checksum(blob))
		blob = le.AppendUint32(blob, uint32(len(h)))
		db = append(db, append(blob, ndbBlobEnd...)...)
	}
	return db
}

// bdbDatabase holds headers as a hash of Berkeley DB does: a page with all keys, and
// chains of overflow pages; in either order of bytes.
func bdbDatabase(order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}, headers [][]byte) []byte {
	const page = 1024
	db := make([]byte, 2*page)
	order.PutUint32(db[12:], bdbMagic)
	order.PutUint32(db[20:], page)
	db[25] = 8
	hash := make([]byte, page)
	hash[25] = bdbHash
	free, entries := page, 0
	entry := func(b []byte) {
		free -= len(b)
		copy(hash[free:], b)
		order.PutUint16(hash[bdbPageHead+2*entries:], uint16(free))
		entries++
	}
	entry([]byte{bdbKeyData, 0, 0, 0, 0})
	entry([]byte{bdbKeyData, 9, 0, 0, 0})
	for i, h := range headers {
		entry([]byte{bdbKeyData, byte(i + 1), 0, 0, 0})
		entry(order.AppendUint32(order.AppendUint32([]byte{bdbOffPage, 0, 0, 0}, uint32(len(db)/page)), uint32(len(h))))
		for len(h) > 0 {
			over := make([]byte, page)
			over[25] = bdbOverflow
			n := copy(over[bdbPageHead:], h)
			if h = h[n:]; len(h) > 0 {
				order.PutUint32(over[16:], uint32(len(db)/page+1))
			} else {
				order.PutUint16(over[22:], uint16(n))
			}
			db = append(db, over...)
		}
	}
	order.PutUint16(hash[20:], uint16(entries))
	copy(db[page:], hash)
	order.PutUint32(db[32:], uint32(len(db)/page-1))
	return db
}

// rpmDatabases are the same packages in databases of all kinds, by their paths.
func rpmDatabases(t testing.TB) map[string][]byte {
	t.Helper()
	sqlite := sqliteDatabase(t)
	all, err := headers(sqlite)
	if err != nil || len(all) != 2 {
		t.Fatal(len(all), err)
	}
	return map[string][]byte{
		"var/lib/rpm/rpmdb.sqlite":          sqlite,
		"usr/lib/sysimage/rpm/Packages.db":  ndbDatabase(all),
		"var/lib/rpm/Packages":              bdbDatabase(binary.LittleEndian, all),
		"usr/lib/sysimage/rpm/Packages":     bdbDatabase(binary.BigEndian, all),
		"usr/lib/sysimage/rpm/rpmdb.sqlite": sqlite,
	}
}

func TestRPMs(t *testing.T) {
	for path, db := range rpmDatabases(t) {
		layer := []fixtures.Entry{
			{Name: path, Body: string(db)},
			{Name: "usr/share/doc/hello/README", Body: "not from the package"},
			{Name: "usr/share/hello/data", Body: "hello\n"},
		}
		for i := range 300 {
			layer = append(layer, fixtures.Entry{Name: fmt.Sprintf("usr/share/many/file%d", i+1), Body: "x"})
		}
		in := open(t, fixtures.Build([][]fixtures.Entry{nil, layer}))
		got, set := find(t, in)
		wantLines(t, path, got, `
rpm hello 2:1.5-1 noarch, layer 2: 1 files, 6 bytes
rpm many 2.0-1 noarch, layer 2: 300 files, 300 bytes
`)
		if len(set.Notes) != 0 {
			t.Errorf("%s: %v", path, set.Notes)
		}
		pathsOf(t, in, set)
	}
}

func TestRPMNotes(t *testing.T) {
	in := open(t, fixtures.Build([][]fixtures.Entry{{
		{Name: "var/lib/rpm/Packages", Body: "no database"},
		{Name: "var/lib/rpm/rpmdb.sqlite", Body: string(sqliteDatabase(t)[:40960])},
		{Name: "var/lib/rpm/rpmdb.sqlite-wal", Body: "x"},
	}}))
	_, set := find(t, in)
	want := []Note{
		{"var/lib/rpm/Packages", errRPMKind.Error()},
		{"var/lib/rpm/rpmdb.sqlite-wal", "what the database holds in this log was not read"},
		{"var/lib/rpm/rpmdb.sqlite", errRPMDamage.Error()},
	}
	if !slices.Equal(set.Notes, want) {
		t.Errorf("%q", set.Notes)
	}
}

// TestDamagedDatabases cuts databases, and overwrites bytes of them: the packages that
// are found are no others, and what is missing is told of a database that was cut.
func TestDamagedDatabases(t *testing.T) {
	for path, db := range rpmDatabases(t) {
		whole, _ := headers(db)
		step := max(len(db)/300, 1)
		for at := 0; at < len(db); at += step {
			cut := db[:at]
			if read := rpmReader(cut); read != nil {
				n := 0
				err := read(cut, func(h []byte) bool {
					n++
					return true
				})
				if err == nil && n < len(whole) {
					t.Errorf("%s: cut at %d: %d packages and no error", path, at, n)
				}
			}
			for _, c := range []byte{0, 1, 0xff} {
				damaged := bytes.Clone(db)
				damaged[at] = c
				if read := rpmReader(damaged); read != nil {
					read(damaged, func(b []byte) bool { readAll(b); return true })
				}
			}
		}
	}
}

// readAll reads all of a header, and returns the number of its files.
func readAll(b []byte) (n int) {
	h, ok := parseRPMHeader(b)
	if !ok {
		return 0
	}
	_, _ = h.name(), h.version()
	for path := range h.files() {
		if strings.HasPrefix(path, "/") {
			panic(path)
		}
		n++
	}
	return n
}

// TestCircles has pages that lead to each other.
func TestCircles(t *testing.T) {
	all, _ := headers(sqliteDatabase(t))
	db := bdbDatabase(binary.LittleEndian, all)
	binary.LittleEndian.PutUint32(db[2*1024+16:], 2)
	if _, err := headers(db); err != errRPMDamage {
		t.Errorf("Berkeley DB: %v", err)
	}
	db = sqliteDatabase(t)
	root, _, _ := rootOf(t, db)
	page := db[(root-1)*4096:]
	page[0] = sqliteInterior
	binary.BigEndian.PutUint32(page[8:], uint32(root))
	if _, err := headers(db); err != errRPMDamage {
		t.Errorf("SQLite: %v", err)
	}
}

func rootOf(t testing.TB, data []byte) (root int, kind byte, cells int) {
	db, ok := openSQLite(data)
	if !ok || db.page != 4096 {
		t.Fatal("not the database that it was")
	}
	db.rows(1, func(row []byte) bool {
		if cols, ok := sqliteColumns(row, 4); ok && string(cols[1]) == "Packages" {
			root = int(sqliteInt(cols[3]))
		}
		return root == 0
	})
	page := data[(root-1)*4096:]
	return root, page[0], int(binary.BigEndian.Uint16(page[3:]))
}

func FuzzRPM(f *testing.F) {
	all, _ := headers(sqliteDatabase(f))
	f.Add(ndbDatabase(all[:1]))
	f.Add(bdbDatabase(binary.LittleEndian, all[:1]))
	f.Add(bdbDatabase(binary.BigEndian, all[:1]))
	f.Add(smallSQLite(all[0]))
	f.Fuzz(func(t *testing.T, db []byte) {
		read := rpmReader(db)
		if read == nil {
			return
		}
		n := 0
		read(db, func(h []byte) bool {
			n += readAll(h)
			return n < 10000
		})
	})
}

func FuzzRPMHeader(f *testing.F) {
	all, _ := headers(sqliteDatabase(f))
	for _, h := range all {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, h []byte) {
		if n := readAll(h); n > len(h) {
			t.Errorf("%d files in %d bytes", n, len(h))
		}
	})
}

// smallSQLite is a database of pages of 512 bytes: the schema, an interior page of the
// table, a leaf, and what of the header the leaf has no room for.
func smallSQLite(header []byte) []byte {
	const page, usable = 512, 512
	be := binary.BigEndian
	db := make([]byte, 3*page)
	copy(db, sqliteMagic)
	be.PutUint16(db[16:], page)
	schema := []byte{6, 23, 29, 29, 1, 0}
	schema = append(schema, "tablePackagesPackages\x02"...)
	leaf(db[:page], sqliteHeader, schema)
	interior := db[page : 2*page]
	interior[0] = sqliteInterior
	be.PutUint32(interior[8:], 3)
	kind := binary.AppendUvarint(nil, 0) // of the header: a blob
	for shift := 14; shift >= 0; shift -= 7 {
		c := byte((2*len(header)+12)>>shift) & 0x7f
		if shift > 0 {
			c |= 0x80
		}
		kind = append(kind, c)
	}
	row := append([]byte{byte(len(kind) + 1)}, kind...)
	row = append(row, header...)
	local := (&sqliteDB{usable: usable}).local(len(row))
	size := len(row)
	cell := append([]byte{}, row[:local]...)
	if local < size {
		cell = be.AppendUint32(cell, 4)
	}
	leafCell(db[2*page:3*page], 0, size, cell)
	for rest := row[local:]; len(rest) > 0; {
		over := make([]byte, page)
		n := copy(over[4:], rest)
		if rest = rest[n:]; len(rest) > 0 {
			be.PutUint32(over, uint32(len(db)/page+2))
		}
		db = append(db, over...)
	}
	return db
}

func leaf(page []byte, at int, row []byte) { leafCell(page, at, len(row), row) }

func leafCell(page []byte, at, size int, content []byte) {
	cell := []byte{byte(size>>14) | 0x80, byte(size>>7) | 0x80, byte(size) & 0x7f, 1}
	cell = append(cell, content...)
	start := len(page) - len(cell)
	copy(page[start:], cell)
	page[at] = sqliteLeaf
	binary.BigEndian.PutUint16(page[at+3:], 1)
	binary.BigEndian.PutUint16(page[at+8:], uint16(start))
}

func TestSmallSQLite(t *testing.T) {
	all, _ := headers(sqliteDatabase(t))
	for i, h := range append(all, []byte("short")) {
		got, err := headers(smallSQLite(h))
		if err != nil || len(got) != 1 || !bytes.Equal(got[0], h) {
			t.Errorf("header %d: %d, %v", i, len(got), err)
		}
	}
}
