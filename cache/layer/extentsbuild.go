package layer

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
)

// checkpoint says that the first in bytes of the blob give the first out bytes
// of the tar.
type checkpoint struct{ out, in int64 }

// extentsBuilder makes Extents in the one pass, from check points and entries as
// they come. It holds the spans in their final form, about four bytes each, and
// of the check points only those that a coming entry can need.
type extentsBuilder struct {
	points  []checkpoint // final ones; the first is at or before all coming entries
	last    checkpoint   // may still move: see checkpoint
	waiting []int64      // entries beyond the final check points
	chunks  [][]byte     // encoded spans
	count   int64
	offset  int64 // of the entry encoded last
	start   int64
	newest  int64 // of the entry announced last
	err     error
}

const (
	chunkSize   = 32 << 10
	finePoints  = 512 // the newest check points, which stay as they are
	maxPoints   = 2 * finePoints
	minDistance = blockSize // of check points; no entry is smaller
)

var (
	errEntryOrder = errors.New("the entries of the tar came out of order")
	errEntryRange = errors.New("an entry of the tar lies beyond what was read of the blob")
)

func newExtentsBuilder() *extentsBuilder {
	return &extentsBuilder{points: []checkpoint{{}}, newest: -1}
}

// checkpoint records that in bytes of the blob were needed for the first out
// bytes of the tar; both may not decrease. Decoders hand a block out in pieces,
// all with the offset of the block's end: a check point with the offset of the
// one before takes its place.
func (b *extentsBuilder) checkpoint(out, in int64) {
	if out <= b.last.out || in < b.last.in {
		return
	}
	if p := b.points[len(b.points)-1]; in > b.last.in && b.last.out-p.out >= minDistance {
		b.points = append(b.points, b.last)
		b.settle()
	}
	b.last = checkpoint{out, in}
}

// entry announces the entry whose first header block is at offset in the tar, in
// ascending order. The first is at 0.
func (b *extentsBuilder) entry(offset int64) {
	if offset <= b.newest || offset%blockSize != 0 || b.newest < 0 && offset != 0 {
		b.err = errEntryOrder
		return
	}
	b.newest = offset
	b.waiting = append(b.waiting, offset)
	b.settle()
}

// settle encodes the entries that lie before the last final check point, and
// drops the check points before them.
func (b *extentsBuilder) settle() {
	done, i, end := 0, 0, b.points[len(b.points)-1].out
	for ; done < len(b.waiting) && b.waiting[done] < end; done++ {
		offset := b.waiting[done]
		for b.points[i+1].out <= offset {
			i++
		}
		b.encode(offset, between(b.points[i], b.points[i+1], offset))
	}
	b.waiting = slices.Delete(b.waiting, 0, done)
	b.points = slices.Delete(b.points, 0, i)
	if len(b.points) >= maxPoints {
		b.thin()
	}
}

// thin drops every other of the older check points, so that their number stays
// small in an endless file and the newest, where the next entry will begin, are
// all there.
func (b *extentsBuilder) thin() {
	old := len(b.points) - finePoints
	kept := b.points[:0]
	for i, p := range b.points {
		if i >= old || i%2 == 0 {
			kept = append(kept, p)
		}
	}
	b.points = kept
}

// between interpolates where in the blob the tar's byte at offset is, from the
// check points before and after it.
func between(p, q checkpoint, offset int64) int64 {
	hi, lo := bits.Mul64(uint64(offset-p.out), uint64(q.in-p.in))
	n, _ := bits.Div64(hi, lo, uint64(q.out-p.out))
	return p.in + int64(n)
}

// encode appends an entry to the spans.
func (b *extentsBuilder) encode(offset, start int64) {
	n := len(b.chunks)
	if n == 0 || len(b.chunks[n-1]) > chunkSize-2*binary.MaxVarintLen64 {
		b.chunks = append(b.chunks, make([]byte, 0, chunkSize))
		n++
	}
	c := binary.AppendUvarint(b.chunks[n-1], uint64(offset-b.offset)/blockSize)
	b.chunks[n-1] = binary.AppendUvarint(c, uint64(start-b.start))
	b.offset, b.start = offset, start
	b.count++
}

// finish encodes what waits, and returns the bytes of the tail.
func (b *extentsBuilder) finish(m extentsMeta) (tail int64, err error) {
	if b.last.out > b.points[len(b.points)-1].out {
		b.points = append(b.points, b.last)
	}
	b.settle()
	last := b.points[len(b.points)-1]
	if b.err != nil {
		return 0, b.err
	}
	if len(b.waiting) > 0 || m.TarEnd < b.newest || m.TarEnd > last.out || m.Size < last.in {
		return 0, errEntryRange
	}
	if b.count == 0 {
		return m.Size, nil
	}
	return m.Size - b.position(m.TarEnd), nil
}

// position is where the byte at offset, at or behind all entries, is in the blob.
func (b *extentsBuilder) position(offset int64) int64 {
	i := 0
	for i+1 < len(b.points) && b.points[i+1].out <= offset {
		i++
	}
	if i+1 == len(b.points) {
		return b.points[i].in
	}
	return between(b.points[i], b.points[i+1], offset)
}
