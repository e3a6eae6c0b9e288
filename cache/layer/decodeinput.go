package layer

import (
	"bufio"
	"context"
	"io"
	"sync"
)

// input counts the bytes of a blob that a codec takes from br.
type input struct {
	br   *bufio.Reader
	src  io.Reader
	read int64           // from src, ahead of the codec
	err  error           // what src returned at last
	ctx  context.Context // until when the codec may wait for memory; nil if it must not wait

	share  *share // set with ctx
	hashed bool   // what the codec gives is held to a hash
}

const inputSize = 128 << 10

var buffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, inputSize) }}

func newInput(r io.Reader) *input {
	in := &input{src: r, br: buffers.Get().(*bufio.Reader)}
	in.br.Reset((*counter)(in))
	return in
}

// used is how much of the blob was taken out of the buffer.
func (in *input) used() int64 { return in.read - int64(in.br.Buffered()) }

// free gives the buffer back.
func (in *input) free() {
	in.br.Reset(nil)
	buffers.Put(in.br)
	in.br, in.src = nil, nil
}

// counter is the input as its buffer sees it.
type counter input

// Read counts what the source gives, and keeps the source's error: it tells a bad blob
// from one that could not be read.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.src.Read(p)
	c.read += int64(n)
	if err != nil {
		c.err = err
	}
	return n, err
}
