package cache

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/zeebo/blake3"

	"github.com/layers/layers/cache/layer"
)

// Contents gives do the contents of regular files that one layer of img carries, as
// OpenFile does: one after another in the order of the layer's tar, so that its blob is
// read once, and no further than the last of them. Of several entries that are one file,
// by their Offset, do is given the first. What it leaves of a content is passed over. An
// error that do returns ends Contents and is returned as it is; the others are of the
// layer and name it.
func (s *Store) Contents(ctx context.Context, img v1.Image, number int, entries []layer.Entry, do func(layer.Entry, io.Reader) error) (err error) {
	files := slices.Clone(entries)
	slices.SortStableFunc(files, func(a, b layer.Entry) int { return cmp.Compare(a.Offset, b.Offset) })
	files = slices.CompactFunc(files, func(a, b layer.Entry) bool { return a.Offset == b.Offset })
	c, err := s.carried(ctx, img, number)
	if err != nil {
		return err
	}
	defer func() {
		if e := c.Close(); err == nil {
			err = e
		}
	}()
	for _, e := range files {
		r, err := c.open(&e)
		if err != nil {
			return err
		}
		if err := do(e, r); err != nil {
			return err
		}
	}
	return nil
}

// carried are the regular files that a layer carries, to be opened in the order of its
// tar.
type carried struct {
	ctx   context.Context
	store *Store
	part  *part
	kept  *layer.Kept   // nil if nothing is
	blob  io.ReadCloser // nil until it is needed
	files *layer.Files  // in blob
}

func (s *Store) carried(ctx context.Context, img v1.Image, number int) (*carried, error) {
	p, err := partOf(img, number)
	if err != nil {
		return nil, err
	}
	return &carried{ctx: ctx, store: s, part: p, kept: s.keptOf(img, number)}, nil
}

// keptOf opens the kept files of a layer; nil if there are none. It is no error if they
// cannot be had: they are in the blob too.
func (s *Store) keptOf(img v1.Image, number int) *layer.Kept {
	config, err := img.ConfigFile()
	if err != nil || number >= len(config.RootFS.DiffIDs) || !usable(config.RootFS.DiffIDs[number]) {
		return nil
	}
	kept, err := layer.OpenKept(s.keptPath(layer.DiffID(config.RootFS.DiffIDs[number])))
	if err != nil {
		return nil
	}
	return kept
}

// open returns the content of a file, which is valid until the next is opened.
func (c *carried) open(e *layer.Entry) (io.Reader, error) {
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	if !e.HasContent() || e.Offset < 0 {
		return nil, c.part.fail(fmt.Errorf("%q is not a regular file", e.Path))
	}
	if content, ok := c.keptContent(e); ok {
		return bytes.NewReader(content), nil
	}
	if err := c.openBlob(); err != nil {
		return nil, c.part.fail(err)
	}
	file, err := c.files.Open(e.Offset)
	if err != nil {
		return nil, c.part.fail(err)
	}
	return &checkedFile{r: file, part: c.part, entry: *e, hash: blake3.New()}, nil
}

// heldWhole is how large a file may be, in bytes, that is held in memory as a whole.
const heldWhole = 4 << 20

// keptContent returns a file's content if it was kept. That the config names the layer
// that was read then is not asked: what has the entry's digest is its content.
func (c *carried) keptContent(e *layer.Entry) ([]byte, bool) {
	if c.kept == nil || e.Size > heldWhole {
		return nil, false
	}
	content, ok, err := c.kept.Content(e.Offset)
	ok = ok && err == nil && int64(len(content)) == e.Size && blake3.Sum256(content) == e.Digest
	return content, ok
}

func (c *carried) openBlob() (err error) {
	if c.files != nil {
		return nil
	}
	if c.blob == nil {
		if c.blob, _, err = c.store.open(c.part); err != nil {
			c.blob = nil
			return err
		}
	}
	c.files, err = layer.NewFiles(&untilDone{c.ctx, c.blob})
	return err
}

// Close frees what is open.
func (c *carried) Close() error {
	var errs []error
	if c.files != nil {
		errs = append(errs, c.files.Close())
	}
	if c.blob != nil {
		errs = append(errs, c.blob.Close())
	}
	if c.kept != nil {
		errs = append(errs, c.kept.Close())
	}
	return errors.Join(errs...)
}
