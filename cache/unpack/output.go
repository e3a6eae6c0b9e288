//go:build linux

package unpack

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// output is a regular file that is being written.
type output struct {
	t    *Target
	file *file
	dir  *dirHandle
	fd   int
	size int64 // written, holes included
	hole bool  // it ends in a hole
}

func (o *output) open() error {
	dir, err := o.t.dirs.get(o.file.dir)
	if err != nil {
		return err
	}
	fd, err := openat(dir.fd, o.base(), fileFlags, 0o600)
	if err != nil {
		o.t.dirs.put(dir)
		return o.failed("create", err)
	}
	o.dir, o.fd = dir, fd
	return nil
}

func (o *output) base() string { return o.t.plan.name(o.file.name) }

func (o *output) failed(op string, err error) error {
	o.abandon()
	return &PathError{Op: op, Path: o.t.pathOf(o.file), Err: err}
}

// abandon frees what a file that failed holds.
func (o *output) abandon() {
	if o.dir == nil {
		return
	}
	unix.Close(o.fd)
	o.t.dirs.put(o.dir)
	o.dir = nil
}

// holeSize is from which length on zeros become a hole.
const holeSize = 64 << 10

var zeros [holeSize]byte

// Write adds to the content. Long runs of zeros take no place on the disk.
func (o *output) Write(p []byte) (n int, err error) {
	for n < len(p) {
		piece := p[n:]
		if len(piece) > holeSize {
			piece = piece[:holeSize]
		}
		o.hole = len(piece) == holeSize && bytes.Equal(piece, zeros[:])
		if !o.hole {
			// What is no hole goes to the disk in as few calls as it came.
			piece = p[n:solid(p, n+len(piece))]
			if err := o.put(piece); err != nil {
				return n, err
			}
		}
		n += len(piece)
		o.size += int64(len(piece))
	}
	return n, nil
}

// solid returns where the next hole in p begins, looking from a place on.
func solid(p []byte, from int) int {
	for len(p)-from >= holeSize && !bytes.Equal(p[from:from+holeSize], zeros[:]) {
		from += holeSize
	}
	if len(p)-from < holeSize {
		return len(p)
	}
	return from
}

func (o *output) put(p []byte) error {
	at := o.size
	for len(p) > 0 {
		n, err := unix.Pwrite(o.fd, p, at)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return o.failed("write", err)
		}
		p, at = p[n:], at+int64(n)
	}
	return nil
}

// close gives the file its attributes.
func (o *output) close() error {
	if o.hole {
		if err := unix.Ftruncate(o.fd, o.size); err != nil {
			return o.failed("truncate", err)
		}
	}
	p := place{dir: o.dir.fd, fd: o.fd, base: o.base(), path: func() string { return o.t.pathOf(o.file) }}
	if err := o.t.apply(p, o.t.attributesOf(o.file)); err != nil {
		o.abandon()
		return err
	}
	err := unix.Close(o.fd)
	o.t.dirs.put(o.dir)
	o.dir = nil
	if err != nil {
		return &PathError{Op: "close", Path: o.t.pathOf(o.file), Err: err}
	}
	return nil
}
