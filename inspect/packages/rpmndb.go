package packages

import (
	"encoding/binary"
	"hash/adler32"
)

// The format of rpm's own database, as SUSE uses it: lib/backend/ndb/rpmpkg.c of rpm.
// Numbers are little-endian. After a header of 32 bytes come slots of 16 bytes, up to
// the end of some pages: magic, number of the package (0: none), where its blob is and
// how long, in blocks of 16 bytes. A blob has 16 bytes before it (magic, number,
// generation, length) and 12 behind (checksum, length, magic).
const (
	ndbMagic    = "RpmP"
	ndbSlot     = "Slot"
	ndbBlob     = "BlbS"
	ndbBlobEnd  = "BlbE"
	ndbHead     = 32
	ndbBlock    = 16
	ndbPage     = 4096
	ndbBlobTail = 12
)

// readNDB yields the blobs of all slots. What they take together is no more than the
// file, as no two overlap in a sound one.
func readNDB(db []byte, yield func([]byte) bool) error {
	le := binary.LittleEndian
	if len(db) < ndbHead || le.Uint32(db[4:]) != 0 {
		return errRPMKind
	}
	end := int64(le.Uint32(db[12:])) * ndbPage
	if end < ndbHead || end > int64(len(db)) {
		return errRPMDamage
	}
	left := len(db)
	bad := false
	for slots := db[ndbHead:end]; len(slots) >= ndbBlock; slots = slots[ndbBlock:] {
		number, at := le.Uint32(slots[4:]), int64(le.Uint32(slots[8:]))*ndbBlock
		if string(slots[:4]) != ndbSlot {
			bad = true
			continue
		}
		if number == 0 {
			continue
		}
		blob, ok := ndbBlobAt(db, number, at, &left)
		if !ok {
			bad = true
			continue
		}
		if !yield(blob) {
			return nil
		}
	}
	if bad {
		return errRPMDamage
	}
	return nil
}

func ndbBlobAt(db []byte, number uint32, at int64, left *int) ([]byte, bool) {
	le := binary.LittleEndian
	if at+ndbBlock > int64(len(db)) {
		return nil, false
	}
	head := db[at : at+ndbBlock]
	length := int64(le.Uint32(head[12:]))
	if string(head[:4]) != ndbBlob || le.Uint32(head[4:]) != number || at+ndbBlock+length+ndbBlobTail > int64(len(db)) {
		return nil, false
	}
	if *left -= int(length); *left < 0 {
		return nil, false
	}
	// The tail stands at the end of the last block.
	tailEnd := (at + ndbBlock + length + ndbBlobTail + ndbBlock - 1) / ndbBlock * ndbBlock
	if tailEnd > int64(len(db)) {
		return nil, false
	}
	tail := db[tailEnd-ndbBlobTail : tailEnd]
	if string(tail[8:]) != ndbBlobEnd || int64(le.Uint32(tail[4:])) != length {
		return nil, false
	}
	if adler32.Checksum(db[at:tailEnd-ndbBlobTail]) != le.Uint32(tail) {
		return nil, false
	}
	return db[at+ndbBlock : at+ndbBlock+length], true
}
