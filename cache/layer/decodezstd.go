package layer

import (
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// maxZstdWindow bounds the memory that a zstd stream can ask for. It is what
// "zstd --ultra -22" and "zstd --long" use, and the most that the zstd program
// takes without being told.
const maxZstdWindow = 128 << 20

var errZstdWindow = fmt.Errorf("it needs a window of more than %d MiB", maxZstdWindow>>20)

// zstdCodec decodes zstd frames one after another, skippable ones included, in
// the caller's own goroutine.
type zstdCodec struct {
	z  *zstd.Decoder
	in *input
}

var zstds sync.Pool // of *zstd.Decoder

func newZstd(in *input) (codec, error) {
	if z, ok := zstds.Get().(*zstd.Decoder); ok {
		return zstdCodec{z, in}, z.Reset(in.br)
	}
	z, err := zstd.NewReader(in.br, zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
	return zstdCodec{z, in}, err
}

func (c zstdCodec) Read(p []byte) (int, error) {
	n, err := c.z.Read(p)
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		err = errZstdWindow
	}
	return n, err
}

func (c zstdCodec) used() int64    { return c.in.used() }
func (c zstdCodec) ignored() int64 { return 0 }

func (c zstdCodec) free() {
	if c.z.Reset(nil) == nil {
		zstds.Put(c.z)
	}
}
