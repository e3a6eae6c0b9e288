package layer

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Kept holds the few small files of a layer that later questions ask for. It is
// safe for concurrent use.
type Kept struct {
	r     io.ReaderAt
	close func() error
	id    DiffID
	files []keptFile // by offset
}

// keptFile is one file: where its first header block is in the tar, and where its
// frames are in the file of the Kept.
type keptFile struct{ offset, size, at, stored int64 }

var errKept = errors.New("the kept files are damaged")

var keptDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderLowmem(true))
})

// OpenKept opens the file at path and reads its index; ReadKept takes its bytes.
func OpenKept(path string) (*Kept, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		var k *Kept
		if k, err = newKept(f, info.Size()); err == nil {
			k.close = f.Close
			return k, nil
		}
	}
	f.Close()
	return nil, fmt.Errorf("%s: %w", path, err)
}

// ReadKept is OpenKept for a file in memory.
func ReadKept(data []byte) (*Kept, error) {
	return newKept(bytes.NewReader(data), int64(len(data)))
}

// newKept reads the trailer and the index of a file with size bytes.
func newKept(r io.ReaderAt, size int64) (*Kept, error) {
	end := size - keptTrailer
	if end < int64(len(keptMagic)) {
		return nil, errKept
	}
	t, err := readAt(r, end, keptTrailer)
	if err != nil {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint64(t[32:]))
	count := int64(binary.LittleEndian.Uint64(t[40:]))
	room := end - int64(len(keptMagic))
	if string(t[56:]) != keptMagic || length < 0 || length > min(room, keptTotal) || count < 0 || count > length/3 {
		return nil, errKept
	}
	index, err := readAt(r, end-length, length)
	if err != nil {
		return nil, err
	}
	sum := crc32.Update(crc32.Checksum(index, castagnoli), castagnoli, t[:52])
	if binary.LittleEndian.Uint32(t[52:]) != sum {
		return nil, errKept
	}
	k := &Kept{r: r, id: DiffID{Algorithm: "sha256", Hex: hex.EncodeToString(t[:32])}}
	k.files, err = parseKeptIndex(index, count, end-length)
	return k, err
}

func readAt(r io.ReaderAt, at, n int64) ([]byte, error) {
	p := make([]byte, n)
	if m, err := r.ReadAt(p, at); int64(m) < n {
		return nil, err
	}
	return p, nil
}

// parseKeptIndex decodes an index of count files, whose frames end at end.
func parseKeptIndex(index []byte, count, end int64) ([]keptFile, error) {
	files := make([]keptFile, count)
	offset, at := int64(0), int64(len(keptMagic))
	for i := range files {
		var n [3]int64
		for j := range n {
			x, m := binary.Uvarint(index)
			if m <= 0 || x > 1<<53 {
				return nil, errKept
			}
			n[j], index = int64(x), index[m:]
		}
		offset += n[0] * blockSize
		files[i] = keptFile{offset: offset, size: n[1], at: at, stored: n[2]}
		at += n[2]
		if offset < 0 || i > 0 && n[0] == 0 || n[1] > keptRPM || at > end {
			return nil, errKept
		}
	}
	if len(index) > 0 || at != end {
		return nil, errKept
	}
	return files, nil
}

// DiffID is the layer's.
func (k *Kept) DiffID() DiffID { return k.id }

// Content returns the content of the entry at an offset in the tar (Entry.Offset).
// It returns false if the file was not kept: not asked for, or too large.
//
// Of two kinds of files it is not the content: of a Go program (an executable ELF
// file) it is the build information, in the form of debug.BuildInfo.String, and of a
// Java archive (by the name's ending: jar, war, ear) the manifest.
func (k *Kept) Content(offset int64) ([]byte, bool, error) {
	i, ok := slices.BinarySearchFunc(k.files, offset, func(f keptFile, o int64) int { return cmp.Compare(f.offset, o) })
	if !ok {
		return nil, false, nil
	}
	f := k.files[i]
	frames, err := readAt(k.r, f.at, f.stored)
	if err != nil {
		return nil, false, err
	}
	z, err := keptDecoder()
	if err != nil {
		return nil, false, err
	}
	content, err := z.DecodeAll(frames, make([]byte, 0, f.size))
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", errKept, err)
	}
	if int64(len(content)) != f.size {
		return nil, false, errKept
	}
	return content, true, nil
}

// Close frees the file.
func (k *Kept) Close() error {
	if k.close == nil {
		return nil
	}
	return k.close()
}
