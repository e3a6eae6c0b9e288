package source

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// compression says how bytes are compressed, by their beginning: "gzip", "zstd" or
// "", which is not, or in a way that is not read here.
type compression string

const (
	uncompressed compression = ""
	gzipped      compression = "gzip"
	zstandard    compression = "zstd"
)

// sniffLength is how many bytes compressionOf wants to see, where there are so many.
const sniffLength = tarBlock

func compressionOf(head []byte) compression {
	switch {
	case isTarHeader(head): // whatever its first name begins with
		return uncompressed
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8}):
		return gzipped
	case len(head) < 4:
		return uncompressed
	}
	magic := binary.LittleEndian.Uint32(head)
	if magic == 0xfd2fb528 || magic&^0xf == 0x184d2a50 { // a frame, a skippable frame
		return zstandard
	}
	return uncompressed
}

// decompress reads what blob holds, whichever way it is compressed. Closing the
// result closes blob.
func decompress(blob io.ReadCloser) (io.ReadCloser, error) {
	r := bufio.NewReaderSize(blob, 1<<16)
	head, err := r.Peek(sniffLength)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	d, release, err := decompressor(r, compressionOf(head))
	if err != nil {
		return nil, err
	}
	return &decompressed{Reader: d, release: release, blob: blob}, nil
}

func decompressor(r io.Reader, c compression) (io.Reader, func(), error) {
	switch c {
	case gzipped:
		z, err := gzip.NewReader(r)
		return z, func() {}, err
	case zstandard:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(1<<27))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return r, func() {}, nil
}

type decompressed struct {
	io.Reader
	release func()
	blob    io.Closer
}

// Close frees the decompressor and closes what it reads from.
func (d *decompressed) Close() error {
	d.release()
	return d.blob.Close()
}
