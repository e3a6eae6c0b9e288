//go:build linux

package unpack

import (
	"io"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/layer"
)

// Contents takes the bytes of one layer's files, for layer.Index. Files that the
// items do not name are passed over. It is for one pass, and for one goroutine.
func (t *Target) Contents(carrier int) layer.Contents {
	c := &contents{t: t, files: t.plan.files[carrier]}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.streams = append(t.streams, c)
	return c
}

// Wanted says how many files are to come from a layer.
func (t *Target) Wanted(carrier int) int { return len(t.plan.files[carrier]) }

// Bytes is what the files that are to come from a layer weigh.
func (t *Target) Bytes(carrier int) (n int64) {
	for _, f := range t.plan.files[carrier] {
		n += f.size
	}
	return n
}

// contents is one layer's stream.
type contents struct {
	t     *Target
	files []file // what is still to come
	now   *file
	small *job
	large *output
}

// Begin says where the content of the file at the offset goes: nil if it is not
// wanted.
func (c *contents) Begin(offset int64) (io.Writer, error) {
	for len(c.files) > 0 && c.files[0].offset < offset {
		c.files = c.files[1:]
	}
	c.now = nil
	if len(c.files) == 0 || c.files[0].offset != offset {
		return nil, c.t.batch.failed()
	}
	c.now = &c.files[0]
	if c.now.done {
		return nil, &PathError{Op: "write", Path: c.t.pathOf(c.now), Err: errTwice}
	}
	if c.now.size <= smallFile {
		c.small = newJob()
		return c.small, c.t.batch.failed()
	}
	var err error
	if c.large, err = c.t.create(c.now); err != nil {
		return nil, err
	}
	return c.large, nil
}

// End closes the file that Begin began.
func (c *contents) End() error {
	f := c.now
	switch {
	case f == nil:
		return nil
	case c.large == nil:
		t := c.t
		t.batch.write(c.small, func(data []byte) error { return t.writeSmall(f, data) })
	default:
		if err := c.t.end(f, c.large); err != nil {
			return err
		}
	}
	f.done = true
	c.now, c.small, c.large = nil, nil, nil
	return nil
}

// abandon frees what a pass that has ended in the middle of a file has left open.
func (c *contents) abandon() {
	if c.large != nil {
		c.large.abandon()
	}
}

const fileFlags = unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_WRONLY | unix.O_CLOEXEC

const readFlags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC

func (t *Target) pathOf(f *file) string { return t.plan.path(f.dir, t.plan.name(f.name)) }

func (t *Target) attributesOf(f *file) *attributes {
	return &attributes{
		kind: layer.File, mode: uint32(f.mode), uid: f.uid, gid: f.gid,
		time: layer.Time{Sec: f.sec, Nsec: f.nsec}, xattrs: t.plan.xattrs[f.xattrs],
	}
}

// create makes the file that a plan's entry stands for.
func (t *Target) create(f *file) (*output, error) {
	dir, err := t.dirs.get(f.dir)
	if err != nil {
		return nil, err
	}
	return create(t.dirs, dir, t.plan.name(f.name), func(op string, err error) error {
		return &PathError{Op: op, Path: t.pathOf(f), Err: err}
	})
}

// end closes a file, with its attributes.
func (t *Target) end(f *file, o *output) error {
	return o.end(func(p place) error {
		p.path = func() string { return t.pathOf(f) }
		return t.apply(p, t.attributesOf(f))
	})
}

func (t *Target) writeSmall(f *file, data []byte) error {
	o, err := t.create(f)
	if err != nil {
		return err
	}
	if _, err := o.Write(data); err != nil {
		o.abandon()
		return err
	}
	return t.end(f, o)
}
