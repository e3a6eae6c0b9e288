package layer

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The file is a header, the spans, and then room for the check points of random
// access that a later version may add; this one writes none and passes over them.
//
//	 0  magic, the version in its last byte
//	 8  compression, and zeros
//	16  DiffID
//	48  bytes of the blob, 56 of them ignored, 64 in the tail
//	72  number of spans, 80 bytes of them, 88 CRC-32C of them, and zeros
//	96  bytes of the check points, and zeros
//	124 CRC-32C of the header up to here
//
// A span is two varints: how many blocks of the tar, and how many bytes of the
// blob, the entry starts behind the one before it (the first: behind 0). Numbers
// are little-endian.
const (
	extentsMagic  = "lyrsext\x01"
	extentsHeader = 128
)

var (
	errExtentsMagic = errors.New("this is no extents file of a version that is known here")
	errDiffID       = errors.New("the DiffID is not of SHA-256")
)

// extentsMeta is what is known of a blob when all of it was read.
type extentsMeta struct {
	Compression Compression
	DiffID      DiffID
	Size        int64 // bytes of the blob
	Ignored     int64 // see Decoder.Ignored
	TarEnd      int64 // where the last entry ends in the tar: Reader.End
}

// header encodes the header of a file with these spans.
func (m extentsMeta) header(tail int64, count int64, spans [][]byte) ([]byte, error) {
	id, err := rawSHA256(v1.Hash(m.DiffID))
	if err != nil {
		return nil, err
	}
	size, sum := 0, uint32(0)
	for _, s := range spans {
		size += len(s)
		sum = crc32.Update(sum, castagnoli, s)
	}
	b := make([]byte, extentsHeader)
	copy(b, extentsMagic)
	b[8] = byte(m.Compression)
	copy(b[16:], id[:])
	for i, n := range []int64{m.Size, m.Ignored, tail, count, int64(size)} {
		binary.LittleEndian.PutUint64(b[48+8*i:], uint64(n))
	}
	binary.LittleEndian.PutUint32(b[88:], sum)
	binary.LittleEndian.PutUint32(b[124:], crc32.Checksum(b[:124], castagnoli))
	return b, nil
}

// parseExtentsHeader takes the header apart and checks the spans' sum, but does
// not decode the spans.
func parseExtentsHeader(data []byte) (*Extents, error) {
	if len(data) < extentsHeader || string(data[:8]) != extentsMagic {
		return nil, errExtentsMagic
	}
	if binary.LittleEndian.Uint32(data[124:]) != crc32.Checksum(data[:124], castagnoli) {
		return nil, errExtents
	}
	number := func(at int) int64 { return int64(binary.LittleEndian.Uint64(data[at:])) }
	size, ignored, tail, count, length, points := number(48), number(56), number(64), number(72), number(80), number(96)
	room := int64(len(data) - extentsHeader)
	if size < 0 || ignored < 0 || ignored > size || tail < 0 || tail > size || Compression(data[8]) > Zstd ||
		length < 0 || length > room || points != room-length || count < 0 || count > length/2 {
		return nil, errExtents
	}
	spans := data[extentsHeader : extentsHeader+length]
	if binary.LittleEndian.Uint32(data[88:]) != crc32.Checksum(spans, castagnoli) {
		return nil, errExtents
	}
	meta := extentsMeta{
		Compression: Compression(data[8]), Size: size, Ignored: ignored,
		DiffID: DiffID{Algorithm: "sha256", Hex: hex.EncodeToString(data[16:48])},
	}
	return &Extents{meta: meta, tail: tail, count: int(count), spans: spans}, nil
}

// rawSHA256 returns the 32 bytes of a digest.
func rawSHA256(h v1.Hash) (raw [32]byte, err error) {
	if h.Algorithm != "sha256" || len(h.Hex) != 64 {
		return raw, fmt.Errorf("%w: %q", errDiffID, h.String())
	}
	_, err = hex.Decode(raw[:], []byte(h.Hex))
	return raw, err
}

// writeTo writes the file, after the last entry and the last check point.
func (b *extentsBuilder) writeTo(w io.Writer, m extentsMeta) error {
	tail, err := b.finish(m)
	if err != nil {
		return err
	}
	header, err := m.header(tail, b.count, b.chunks)
	if err != nil {
		return err
	}
	for _, p := range append([][]byte{header}, b.chunks...) {
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
	return nil
}
