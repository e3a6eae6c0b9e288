package layer

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
)

// A TOC file is
//
//	magic
//	blocks     entries in path order, each its path (front-coded) and its record
//	index      for each block: its first path, length and CRC-32C
//	meta       JSON: DiffID, totals, lints
//	trailer    offsets and lengths of index and meta, a CRC-32C over both and
//	           over the trailer itself, magic
//
// so that it is written in one go, opened by reading its end, and looked up in by
// reading one block. A change of the format changes the magic.
const (
	tocMagic     = "layers\x00toc\x00\x00\x01"
	tocBlock     = 16 << 10
	tocTrailer   = int64(4*8 + 4 + len(tocMagic))
	maxTOCIndex  = 1 << 30
	maxTOCRecord = 16 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// tocMeta is what a TOC knows about the layer as a whole.
type tocMeta struct {
	DiffID     DiffID `json:"diffid"`
	Totals     Totals `json:"totals"`
	Groups     uint32 `json:"groups,omitempty"`
	LowerLinks int64  `json:"lowerLinks,omitempty"`
	Lints      []Lint `json:"lints,omitempty"`
	LintCount  int    `json:"lintCount,omitempty"`
}

// tocWriter writes a TOC's entries as they come.
type tocWriter struct {
	w     io.Writer
	at    int64
	block []byte
	first []byte // path of the block's first entry
	prev  []byte
	index []byte
	last  []byte // first path of the block before
	err   error
}

func newTOCWriter(w io.Writer) *tocWriter {
	t := &tocWriter{w: w}
	t.write([]byte(tocMagic))
	return t
}

func (t *tocWriter) write(p []byte) {
	if t.err != nil {
		return
	}
	n, err := t.w.Write(p)
	t.at += int64(n)
	t.err = err
}

// add writes the next entry. Paths must come in the order of ComparePaths.
func (t *tocWriter) add(path []byte, r *record) error {
	if len(t.block) == 0 {
		t.first = append(t.first[:0], path...)
		t.prev = t.prev[:0]
	}
	shared := sharedPrefix(t.prev, path)
	t.block = binary.AppendUvarint(t.block, uint64(shared))
	t.block = appendBytes(t.block, path[shared:])
	t.block = r.append(t.block)
	t.prev = append(t.prev[:0], path...)
	if len(t.block) >= tocBlock {
		t.flush()
	}
	return t.err
}

func sharedPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

func (t *tocWriter) flush() {
	if len(t.block) == 0 {
		return
	}
	shared := sharedPrefix(t.last, t.first)
	t.index = binary.AppendUvarint(t.index, uint64(shared))
	t.index = appendBytes(t.index, t.first[shared:])
	t.index = binary.AppendUvarint(t.index, uint64(len(t.block)))
	t.index = le.AppendUint32(t.index, crc32.Checksum(t.block, castagnoli))
	t.last = append(t.last[:0], t.first...)
	t.write(t.block)
	t.block = t.block[:0]
}

// close writes what follows the entries.
func (t *tocWriter) close(meta tocMeta) error {
	t.flush()
	text, err := json.Marshal(meta)
	if err != nil {
		return fmt.Errorf("encoding the table of contents: %w", err)
	}
	var trailer []byte
	for _, n := range []int64{t.at, int64(len(t.index)), t.at + int64(len(t.index)), int64(len(text))} {
		trailer = le.AppendUint64(trailer, uint64(n))
	}
	sum := crc32.Checksum(t.index, castagnoli)
	sum = crc32.Update(sum, castagnoli, text)
	sum = crc32.Update(sum, castagnoli, trailer)
	trailer = le.AppendUint32(trailer, sum)
	t.write(t.index)
	t.write(text)
	t.write(append(trailer, tocMagic...))
	return t.err
}
