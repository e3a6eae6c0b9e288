package cache

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

// OpenFile returns the content of a regular file that one layer of img carries
// (Node.Carrier, Version.Layer), read no further than needed: from what was kept of
// the layer, else from its blob. The content is held against the entry's size and
// digest: a Read that reaches the end of something else returns a *layer.MismatchError
// instead of io.EOF.
func (s *Store) OpenFile(ctx context.Context, img v1.Image, number int, e layer.Entry) (io.ReadCloser, error) {
	c, err := s.carried(ctx, img, number)
	if err != nil {
		return nil, err
	}
	r, err := c.open(&e)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return &stacked{Reader: r, closers: []io.Closer{c}}, nil
}

// partOf finds one layer of an image, by the manifest alone: other ways may have to
// read the layer.
func partOf(img v1.Image, number int) (*part, error) {
	m, err := img.Manifest()
	if err != nil {
		return nil, err
	}
	layers, err := img.Layers()
	if err != nil {
		return nil, err
	}
	if number < 0 || number >= min(len(layers), len(m.Layers)) {
		return nil, fmt.Errorf("the image has %d layers and none with number %d", len(layers), number+1)
	}
	d := m.Layers[number]
	p := &part{number: number, digest: d.Digest, size: d.Size, source: layers[number]}
	if !usable(d.Digest) {
		return nil, p.fail(errors.New("not named by SHA-256"))
	}
	return p, nil
}

// untilDone is a reader that stops when a context does.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

// Read returns the context's error once it is done; a Read that is under way is not
// broken off.
func (u *untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

// checkedFile holds a file's content against what the TOC says.
type checkedFile struct {
	r     io.Reader
	part  *part
	entry layer.Entry
	hash  hash.Hash
	size  int64
}

// Read returns io.EOF only if all that came was what it should be.
func (c *checkedFile) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	_, _ = c.hash.Write(p[:n]) // never fails
	c.size += int64(n)
	if err == io.EOF {
		if wrong := c.check(); wrong != nil {
			err = wrong
		}
	} else if err != nil {
		err = c.part.fail(err)
	}
	return n, err
}

func (c *checkedFile) check() error {
	if c.size != c.entry.Size {
		return c.part.fail(fmt.Errorf("%q: %w", c.entry.Path, wrongSize(c.entry.Size, c.size)))
	}
	var got layer.Digest
	c.hash.Sum(got[:0])
	if got != c.entry.Digest {
		return c.part.fail(fmt.Errorf("%q: %w", c.entry.Path,
			&layer.MismatchError{What: "digest", Want: c.entry.Digest.String(), Got: got.String()}))
	}
	return nil
}
