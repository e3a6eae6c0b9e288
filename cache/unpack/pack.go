//go:build linux

package unpack

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// pack is a file with the contents of many small ones, by ascending offsets: of each
// its offset in the layer's tar in 8 bytes, its size in 4, and the content.
type pack struct {
	f *os.File
	w *bufio.Writer // nil until something is added, and after flush
}

const (
	packHead   = 12
	packBuffer = 256 << 10
)

var packOrder = binary.LittleEndian

func newPack(dir int) (*pack, error) {
	fd, err := openat(dir, "pack", fileFlags&^unix.O_WRONLY|unix.O_RDWR, 0o600)
	if err != nil {
		return nil, &os.PathError{Op: "create", Path: "pack", Err: err}
	}
	return &pack{f: os.NewFile(uintptr(fd), "pack")}, nil
}

func (p *pack) add(offset int64, data []byte) error {
	if p.w == nil {
		p.w = bufio.NewWriterSize(p.f, packBuffer)
	}
	var head [packHead]byte
	packOrder.PutUint64(head[:], uint64(offset))
	packOrder.PutUint32(head[8:], uint32(len(data)))
	_, err := p.w.Write(head[:])
	if err == nil {
		_, err = p.w.Write(data)
	}
	if err != nil {
		return stagedError("write", offset, err)
	}
	return nil
}

func (p *pack) flush() error {
	if p.w == nil {
		return nil
	}
	err := p.w.Flush()
	p.w = nil // there may be hundreds of packs
	return err
}

// each gives what was flushed, in the order in which it was added. The data are valid
// until the next.
func (p *pack) each(ctx context.Context, do func(offset int64, data []byte) error) error {
	r := bufio.NewReaderSize(io.NewSectionReader(p.f, 0, 1<<62), packBuffer)
	var head [packHead]byte
	data := make([]byte, packedFile)
	for {
		_, err := io.ReadFull(r, head[:])
		if err == io.EOF {
			return nil
		}
		size := packOrder.Uint32(head[8:])
		if err == nil && size > packedFile {
			err = fmt.Errorf("a file of %d bytes", size)
		}
		if err == nil {
			_, err = io.ReadFull(r, data[:size])
		}
		if err != nil {
			return fmt.Errorf("reading small files back: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := do(int64(packOrder.Uint64(head[:])), data[:size]); err != nil {
			return err
		}
	}
}

func (p *pack) close() error { return p.f.Close() }
