package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// blob opens a blob at an offset. The body starts at start, which is the offset,
// or 0 where the registry cannot resume. It ends after one byte more than the blob
// has, so that an endless body is seen to be too long, and with a *TemporaryError
// where it is cut.
func (c *client) blob(ctx context.Context, d v1.Descriptor, offset int64) (body io.ReadCloser, start int64, err error) {
	if offset == d.Size && d.Size > 0 {
		return http.NoBody, offset, nil
	}
	if offset < 0 || offset > d.Size {
		offset = 0
	}
	var resp *http.Response
	err = c.retrying(ctx, fmt.Sprintf("%s: layer %.19s…", c.image, d.Digest), func() error {
		resp, start, err = c.blobOnce(ctx, d, offset)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return &blobBody{ReadCloser: resp.Body, c: c, ctx: ctx, left: d.Size - start}, start, nil
}

// small reads a whole blob into memory.
func (c *client) small(ctx context.Context, d v1.Descriptor, what string, limit int64) (raw []byte, err error) {
	err = c.retrying(ctx, c.image+": "+what, func() error {
		resp, _, err := c.blobOnce(ctx, d, 0)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		raw, err = c.readSmall(io.LimitReader(resp.Body, d.Size+1), what, limit)
		if err == nil && int64(len(raw)) < d.Size {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
	return raw, err
}

func (c *client) blobOnce(ctx context.Context, d v1.Descriptor, offset int64) (*http.Response, int64, error) {
	path := "blobs/" + d.Digest.String()
	if offset > 0 {
		resp, start, err := c.blobRange(ctx, d, path, offset)
		if resp != nil || err != nil {
			return resp, start, err
		}
	}
	resp, err := c.get(ctx, path, http.Header{})
	if err != nil {
		return nil, 0, c.blobError(d, err)
	}
	return c.wholeBlob(d, resp)
}

// blobRange asks for the end of a blob. It returns nothing where the registry does
// not understand that, so that the whole must be asked for.
func (c *client) blobRange(ctx context.Context, d v1.Descriptor, path string, offset int64) (*http.Response, int64, error) {
	// Some registries refuse ranges without an end.
	header := http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", offset, d.Size-1)}}
	resp, err := c.get(ctx, path, header)
	var status *statusError
	switch {
	case errors.As(err, &status) && status.status == http.StatusRequestedRangeNotSatisfiable:
		return nil, 0, nil
	case err != nil:
		return nil, 0, c.blobError(d, err)
	case resp.StatusCode != http.StatusPartialContent:
		return c.wholeBlob(d, resp)
	case isRange(resp, offset, d.Size):
		return resp, offset, nil
	}
	return nil, 0, resp.Body.Close()
}

// isRange says whether a 206 is what was asked for. A shorter range is: what is
// missing is asked for next.
func isRange(resp *http.Response, offset, size int64) bool {
	var start, end int64
	var total string
	if n, _ := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%s", &start, &end, &total); n != 3 {
		return false
	}
	if total != "*" && total != fmt.Sprint(size) {
		return false
	}
	length := resp.ContentLength
	return start == offset && end >= start && end < size && (length == -1 || length == end-start+1)
}

func (c *client) wholeBlob(d v1.Descriptor, resp *http.Response) (*http.Response, int64, error) {
	if resp.StatusCode != http.StatusOK {
		err := &ProtocolError{Name: c.image, Host: c.endpoint, Reason: fmt.Sprintf("answered %s to a request for a layer", resp.Status)}
		return nil, 0, errors.Join(err, resp.Body.Close())
	}
	if n := resp.ContentLength; n != -1 && n != d.Size {
		err := &DigestError{
			Name: c.image, What: "blob " + d.Digest.String(),
			Want: fmt.Sprintf("%d bytes", d.Size), Got: fmt.Sprintf("%d bytes", n),
		}
		return nil, 0, errors.Join(err, resp.Body.Close())
	}
	return resp, 0, nil
}

// blobError says of a missing blob what it is.
func (c *client) blobError(d v1.Descriptor, err error) error {
	var status *statusError
	if !errors.As(err, &status) || status.status != http.StatusNotFound {
		return err
	}
	if len(d.URLs) > 0 {
		return &UnavailableError{
			Name:   c.image,
			Err:    fmt.Errorf("layer %s is a foreign layer, which %s does not hold", d.Digest, c.endpoint),
			Detail: []string{"it is at " + oneLine(d.URLs[0], 200) + ", and is not fetched from there"},
		}
	}
	return &NotFoundError{Name: c.image, Reason: fmt.Sprintf("%s has the manifest, but not its blob %s", c.endpoint, d.Digest)}
}

// blobBody holds a body to the size of its blob.
type blobBody struct {
	io.ReadCloser
	c    *client
	ctx  context.Context
	left int64 // of the blob; -1 after the byte that is too much
}

// Read returns io.EOF only after as many bytes as the blob has. It lets one more
// pass, so that the caller sees that there are too many.
func (b *blobBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF && b.left <= 0:
		return n, io.EOF
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	if cerr := b.ctx.Err(); cerr != nil {
		return n, cerr
	}
	return n, b.c.cutShort(err)
}
