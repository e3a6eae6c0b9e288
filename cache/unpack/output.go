//go:build linux

package unpack

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// output is a regular file that is being written.
type output struct {
	dirs *dirs
	dir  *dirHandle // nil when the file is closed
	fd   int
	base string
	what func(op string, err error) error // makes an error that names the file
	size int64                            // written, holes included
	hole bool                             // it ends in a hole
}

// create makes a file in an open directory, which is given back to dirs when the file
// is closed or abandoned.
func create(dirs *dirs, dir *dirHandle, base string, what func(op string, err error) error) (*output, error) {
	fd, err := openat(dir.fd, base, fileFlags, 0o600)
	if err != nil {
		dirs.put(dir)
		return nil, what("create", err)
	}
	return &output{dirs: dirs, dir: dir, fd: fd, base: base, what: what}, nil
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
			return o.what("write", err)
		}
		p, at = p[n:], at+int64(n)
	}
	return nil
}

// end makes the size what it should be, has more done with the open file, and closes
// it.
func (o *output) end(more func(place) error) error {
	defer o.abandon()
	if o.hole {
		if err := unix.Ftruncate(o.fd, o.size); err != nil {
			return o.what("truncate", err)
		}
	}
	if err := more(place{dir: o.dir.fd, fd: o.fd, base: o.base}); err != nil {
		return err
	}
	fd := o.fd
	o.fd = -1
	if err := unix.Close(fd); err != nil {
		return o.what("close", err)
	}
	return nil
}

// abandon frees what a file that is not closed holds.
func (o *output) abandon() {
	if o.dir == nil {
		return
	}
	if o.fd >= 0 {
		unix.Close(o.fd)
	}
	o.dirs.put(o.dir)
	o.dir = nil
}
