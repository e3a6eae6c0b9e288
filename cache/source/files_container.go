package source

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// blobFile is an open file of a container. It is read by large reads as it stands.
type blobFile interface {
	io.ReadCloser
	io.ReaderAt
}

// container is a set of files: a directory, or a tar that is read in place.
// It is safe for concurrent use.
type container interface {
	// open gives a file by its path, with its size. A path that leaves the
	// container is refused.
	open(name string) (blobFile, int64, error)
	// has says that there is such a file.
	has(name string) bool
	Close() error
}

// directory is a container. Symbolic links in it are followed, as build systems
// make layouts of links: what matters is read against its digest.
type directory string

func (d directory) open(name string) (blobFile, int64, error) {
	if !filepath.IsLocal(name) {
		return nil, 0, fmt.Errorf("%q is not a path inside the directory", name)
	}
	f, err := openRegular(filepath.Join(string(d), name))
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

func (d directory) has(name string) bool {
	if !filepath.IsLocal(name) {
		return false
	}
	info, err := os.Stat(filepath.Join(string(d), name))
	return err == nil && info.Mode().IsRegular()
}

// Close does nothing: each file of a directory is opened by itself.
func (d directory) Close() error { return nil }

// readAll reads a small file of a container.
func readAll(c container, name string, limit int64) ([]byte, error) {
	f, size, err := c.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > limit {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", name, size, limit)
	}
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", name, limit)
	}
	return raw, nil
}

// firstBytes reads the beginning of a file of a container, and gives its size.
func firstBytes(c container, name string) ([]byte, int64, error) {
	f, size, err := c.open(name)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	buf := make([]byte, min(size, sniffLength))
	n, err := io.ReadFull(f, buf)
	if err == io.ErrUnexpectedEOF {
		err = nil
	}
	return buf[:n], size, err
}

// share gives several images one thing that the last of them closes.
func share(images []*Image, c io.Closer) {
	var open atomic.Int64
	open.Store(int64(len(images)))
	for _, i := range images {
		i.close = sync.OnceValue(func() error {
			if open.Add(-1) > 0 {
				return nil
			}
			return c.Close()
		})
	}
}
