package layer

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/semaphore"
)

const (
	// maxZstdWindow bounds the memory that a zstd stream can ask for. It is what
	// "zstd --ultra -22" and "zstd --long" use, and the most that the zstd program
	// takes without being told.
	maxZstdWindow = 128 << 20
	// smallZstdWindow is the largest that image builders use without being told.
	// Decoders that have no larger one are kept for the next stream.
	smallZstdWindow = 8 << 20
)

var errZstdWindow = fmt.Errorf("it needs a window of more than %d MiB", maxZstdWindow>>20)

// windows is what the windows of all zstd streams may take together that are read
// in passes: a few large ones take turns. A pass waits for nothing that another one
// does, so whoever has a window comes to an end and gives it back.
var windows = semaphore.NewWeighted(maxZstdWindow)

// zstdCodec decodes zstd frames one after another, skippable ones included, in
// the caller's own goroutine.
type zstdCodec struct {
	in     *input
	frames zstdFrames
	z      *zstd.Decoder
	held   int64 // of windows
}

var zstds sync.Pool // of *zstd.Decoder, with small windows

func newZstd(in *input) (codec, error) {
	c := &zstdCodec{in: in, frames: zstdFrames{br: in.br}}
	z, ok := zstds.Get().(*zstd.Decoder)
	if !ok {
		var err error
		if z, err = newZstdDecoder(smallZstdWindow); err != nil {
			return nil, err
		}
	}
	c.z = z
	return c, c.start()
}

func newZstdDecoder(window uint64) (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
}

// Read gives the window back with the error that ends the stream: what is done with
// it after that may take long.
func (c *zstdCodec) Read(p []byte) (int, error) {
	for {
		n, err := c.z.Read(p)
		if err == nil || n > 0 {
			return n, nil
		}
		if c.frames.larger > 0 {
			err = c.grow(c.frames.larger)
		}
		if err != nil {
			c.release()
			return 0, err
		}
	}
}

// grow makes room for the window of the next frame. What the stream had before is
// given up first, or two streams could wait for each other.
func (c *zstdCodec) grow(window uint64) error {
	if window > maxZstdWindow {
		return errZstdWindow
	}
	c.release()
	if ctx := c.in.ctx; ctx != nil {
		if err := windows.Acquire(ctx, int64(window)); err != nil {
			c.in.err = err
			return err
		}
		c.held = int64(window)
		if err := c.in.share.holdWindow(c.held); err != nil {
			c.in.err = err
			return err
		}
	}
	if window > smallZstdWindow {
		if err := c.renew(); err != nil {
			return err
		}
	}
	c.frames.allow(window)
	return c.start()
}

// start begins to decode at the next frame.
func (c *zstdCodec) start() error {
	return c.z.ResetWithOptions(&c.frames, zstd.IgnoreChecksum(c.in.hashed))
}

// renew takes a decoder for large windows. Those that are no longer used must not
// stand beside its own; it takes two collections to empty the pool.
func (c *zstdCodec) renew() (err error) {
	c.z = nil
	runtime.GC()
	runtime.GC()
	c.z, err = newZstdDecoder(maxZstdWindow)
	return err
}

// release gives the window back, and lets go of it if it is large.
func (c *zstdCodec) release() {
	if c.frames.room > smallZstdWindow {
		c.z = nil
	}
	if c.held > 0 {
		windows.Release(c.held)
		_ = c.in.share.holdWindow(0) // less is never too much
	}
	c.held = 0
}

func (c *zstdCodec) used() int64    { return c.in.used() }
func (c *zstdCodec) ignored() int64 { return 0 }

func (c *zstdCodec) free() {
	c.release()
	if c.z != nil && c.z.Reset(nil) == nil {
		zstds.Put(c.z)
	}
	c.z = nil
}
