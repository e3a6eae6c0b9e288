package layer

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/zstd"
)

// The file is the magic, the kept files in the order of the tar, the index and a
// trailer. A file is zstd frames of up to 1 MiB of content each, none if it is
// empty. Of a Go program and of a Java archive only what keptSniff finds in it is
// kept, in place of its content. The index has three varints a file: how many blocks of the tar it starts
// behind the one before it (the first: behind 0), its bytes, and its bytes in
// frames. The trailer:
//
//	 0  DiffID
//	32  bytes of the index, 40 number of files
//	48  zeros, 52 CRC-32C of the index and of the trailer up to here
//	56  magic
//
// Numbers are little-endian.
const (
	keptMagic   = "lyrskpt\x02"
	keptTrailer = 64
	keptPiece   = 1 << 20
	keptTotal   = 256 << 20 // bytes of content kept of one layer; what would pass it is not kept
)

var keptEncoder = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true))
})

var errKeptShort = errors.New("a kept file ended before its size")

// keptWriter writes a Kept while contents stream by: begin, and then as many bytes
// by Write as begin was told. It holds one piece of a file in memory, and what it
// writes depends on nothing but the tar.
type keptWriter struct {
	w       io.Writer
	encoder *zstd.Encoder
	piece   []byte // content that is not encoded yet
	frame   []byte // memory for a frame
	left    int64  // bytes to come of the file
	index   []byte
	count   int64
	offset  int64 // of the last file in the tar
	file    struct{ offset, size, stored int64 }
	total   int64
	err     error
	sniffs  keptSniff
}

func newKeptWriter(w io.Writer) *keptWriter {
	k := &keptWriter{w: w}
	k.encoder, k.err = keptEncoder()
	k.write([]byte(keptMagic))
	return k
}

// begin reports whether the file at a clean path, with its first header block at
// offset in the tar, is one to keep. If so, its content must follow. Offsets ascend.
func (k *keptWriter) begin(path string, offset, size int64) bool {
	limit, ok := keeps(path)
	return ok && k.start(offset, size, limit)
}

// start is begin for what has no more than limit bytes.
func (k *keptWriter) start(offset, size, limit int64) bool {
	if size > limit || size > keptTotal-k.total || k.err != nil {
		return false
	}
	if k.left > 0 {
		k.err = errKeptShort
		return false
	}
	k.file.offset, k.file.size, k.file.stored = offset, size, 0
	k.left = size
	k.total += size
	if size == 0 {
		k.end()
	}
	return true
}

// Write takes content of the file begun last; what is more than its size is an error.
func (k *keptWriter) Write(p []byte) (int, error) {
	if int64(len(p)) > k.left && k.err == nil {
		k.err = io.ErrShortWrite
	}
	n := len(p)
	for len(p) > 0 && k.err == nil {
		m := min(len(p), keptPiece-len(k.piece))
		k.piece = append(k.piece, p[:m]...)
		k.left -= int64(m)
		p = p[m:]
		if len(k.piece) == keptPiece || k.left == 0 {
			k.flush()
		}
		if k.left == 0 {
			k.end()
		}
	}
	return n - len(p), k.err
}

// flush encodes the piece as a frame.
func (k *keptWriter) flush() {
	k.frame = k.encoder.EncodeAll(k.piece, k.frame[:0])
	k.file.stored += int64(len(k.frame))
	k.piece = k.piece[:0]
	k.write(k.frame)
}

// end puts the file into the index.
func (k *keptWriter) end() {
	k.index = binary.AppendUvarint(k.index, uint64(k.file.offset-k.offset)/blockSize)
	k.index = binary.AppendUvarint(k.index, uint64(k.file.size))
	k.index = binary.AppendUvarint(k.index, uint64(k.file.stored))
	k.offset = k.file.offset
	k.count++
}

func (k *keptWriter) write(p []byte) {
	if k.err == nil {
		_, k.err = k.w.Write(p)
	}
}

// close writes the index. It does not close the underlying writer.
func (k *keptWriter) close(id DiffID) error {
	if k.left > 0 && k.err == nil {
		k.err = errKeptShort
	}
	raw, err := rawSHA256(v1.Hash(id))
	if err != nil {
		return err
	}
	t := append(make([]byte, 0, keptTrailer), raw[:]...)
	t = binary.LittleEndian.AppendUint64(t, uint64(len(k.index)))
	t = binary.LittleEndian.AppendUint64(t, uint64(k.count))
	t = binary.LittleEndian.AppendUint32(t, 0)
	sum := crc32.Update(crc32.Checksum(k.index, castagnoli), castagnoli, t)
	t = binary.LittleEndian.AppendUint32(t, sum)
	k.write(k.index)
	k.write(append(t, keptMagic...))
	return k.err
}
