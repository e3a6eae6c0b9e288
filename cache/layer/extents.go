package layer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sort"
)

// Extents tells where the entries of a layer lie in its blob. It depends on the
// compressor, and is kept by the blob's digest. It is safe for concurrent use.
type Extents struct {
	meta   extentsMeta
	tail   int64
	count  int
	spans  []byte // see encodeExtents
	groups []extentsGroup
}

// Span is the part of a blob that carries one entry of the tar: headers, content
// and padding. Where the decoder gives several entries at once it is shared out
// by their uncompressed bytes.
type Span struct{ Start, Bytes int64 }

// extentsGroup is where decoding can begin: at every groupSize-th entry.
type extentsGroup struct {
	before, start int64 // of the entry before the group
	at            int   // in the bytes of the spans
}

const (
	groupSize  = 64
	maxExtents = 1 << 30 // bytes of a file
)

// OpenExtents reads the file at path; ReadExtents takes its bytes, and keeps them.
// Both check all of it.
func OpenExtents(path string) (*Extents, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > maxExtents {
		return nil, fmt.Errorf("%s: %w", path, errExtents)
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	x, err := ReadExtents(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return x, nil
}

// ReadExtents is OpenExtents for a file in memory.
func ReadExtents(data []byte) (*Extents, error) {
	x, err := parseExtentsHeader(data)
	if err != nil {
		return nil, err
	}
	return x, x.check()
}

var errExtents = errors.New("the extents are damaged")

// check decodes all spans once and remembers where the groups begin, so that no
// later look-up can fail.
func (x *Extents) check() error {
	end := x.meta.Size - x.tail
	x.groups = make([]extentsGroup, 0, x.count/groupSize+1)
	c := spanCursor{rest: x.spans}
	for i := range x.count {
		if i%groupSize == 0 {
			x.groups = append(x.groups, extentsGroup{c.offset, c.start, len(x.spans) - len(c.rest)})
		}
		first := i == 0
		if !c.next() || !first && c.step == 0 || first && c.start != 0 || c.start > end {
			return errExtents
		}
	}
	if len(c.rest) != 0 || x.count == 0 && end != 0 {
		return errExtents
	}
	return nil
}

// spanCursor decodes entries one after another.
type spanCursor struct {
	rest          []byte
	offset, start int64
	step          int64 // from the offset before
}

func (c *spanCursor) next() bool {
	blocks, n := binary.Uvarint(c.rest)
	if n <= 0 || blocks > 1<<53 {
		return false
	}
	bytes, m := binary.Uvarint(c.rest[n:])
	if m <= 0 || bytes > 1<<62 {
		return false
	}
	c.rest = c.rest[n+m:]
	c.step = int64(blocks) * blockSize
	c.offset += c.step
	c.start += int64(bytes)
	return c.offset >= 0 && c.start >= 0
}

// Compression is how the blob is compressed.
func (x *Extents) Compression() Compression { return x.meta.Compression }

// DiffID is what the blob uncompresses to: the proof that digest and DiffID belong together.
func (x *Extents) DiffID() DiffID { return x.meta.DiffID }

// Size is the number of bytes of the blob.
func (x *Extents) Size() int64 { return x.meta.Size }

// Ignored is the number of bytes at the blob's end that are no compressed data; see Decoder.
func (x *Extents) Ignored() int64 { return x.meta.Ignored }

// Tail is the number of bytes of the blob that carry no entry: the archive's end
// and what follows. Tail and the bytes of all spans add up to Size.
func (x *Extents) Tail() int64 { return x.tail }

// Len is the number of entries in the tar.
func (x *Extents) Len() int { return x.count }

// Span returns the part of the blob that carries the entry whose Entry.Offset is
// offset; false if there is none.
func (x *Extents) Span(offset int64) (Span, bool) {
	i := sort.Search(len(x.groups), func(i int) bool { return x.groups[i].before >= offset })
	for at, span := range x.from(max(i-1, 0)) {
		if at >= offset {
			return span, at == offset
		}
	}
	return Span{}, false
}

// Spans yields every entry of the tar, also those that later ones replaced, by
// ascending offset in the tar.
func (x *Extents) Spans() iter.Seq2[int64, Span] { return x.from(0) }

// from yields the entries from a group on.
func (x *Extents) from(group int) iter.Seq2[int64, Span] {
	return func(yield func(int64, Span) bool) {
		if group >= len(x.groups) {
			return
		}
		g := x.groups[group]
		c := spanCursor{rest: x.spans[g.at:], offset: g.before, start: g.start}
		ok := c.next()
		for ok {
			offset, start, end := c.offset, c.start, x.meta.Size-x.tail
			if ok = c.next(); ok {
				end = c.start
			}
			if !yield(offset, Span{Start: start, Bytes: end - start}) {
				return
			}
		}
	}
}
