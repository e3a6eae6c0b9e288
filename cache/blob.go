package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

// What a manifest and a config may weigh, in bytes.
const (
	manifestLimit = 4 << 20
	configLimit   = 8 << 20
)

// hasBlob reports whether a blob of the size is there. Its bytes were checked
// before it got its name.
func (s *Store) hasBlob(h v1.Hash, size int64) bool {
	fi, err := os.Lstat(s.blobPath(h))
	return err == nil && fi.Mode().IsRegular() && fi.Size() == size
}

// openBlob opens a blob for reading. A wrong size is found here; the bytes are not
// read.
func (s *Store) openBlob(h v1.Hash, size int64) (*os.File, error) {
	f, err := os.Open(s.blobPath(h))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &NotStoredError{Dir: s.dir, Digest: h}
	}
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil && fi.Size() != size {
		err = &BlobError{Path: f.Name(), Digest: h, Err: wrongSize(size, fi.Size())}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// smallBlob reads a manifest or a config and holds it against its digest.
func (s *Store) smallBlob(h v1.Hash, limit int64) ([]byte, error) {
	if !usable(h) {
		return nil, fmt.Errorf("%s is not a digest that this program knows", h)
	}
	f, err := os.Open(s.blobPath(h))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &NotStoredError{Dir: s.dir, Digest: h}
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, &BlobError{Path: f.Name(), Digest: h, Err: err}
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("blob %s is larger than %d bytes and cannot be a manifest or config", h, limit)
	}
	if got := digestOf(data); got != h {
		return nil, &BlobError{Path: f.Name(), Digest: h, Err: wrongDigest(h, got)}
	}
	return data, nil
}

// putSmall stores a manifest or a config whose digest was checked.
func (s *Store) putSmall(h v1.Hash, data []byte, limit int64) error {
	if _, err := s.smallBlob(h, limit); err == nil {
		return nil
	}
	return s.writeFile(s.blobPath(h), data, 0o444)
}

// quarantine takes a damaged blob away from its name and keeps its bytes. It
// returns where, as a path in the store.
func (s *Store) quarantine(h v1.Hash) (string, error) {
	for n := 1; ; n++ {
		to := filepath.Join(quarantineDir, h.Hex+"."+strconv.Itoa(n))
		if _, err := os.Lstat(s.path(to)); err == nil {
			continue
		}
		if err := os.Rename(s.blobPath(h), s.path(to)); err != nil {
			return "", s.writing(err)
		}
		return to, s.writing(syncDir(s.path(blobDir)))
	}
}

func digestOf(data []byte) v1.Hash {
	sum := sha256.Sum256(data)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}

func wrongSize(want, got int64) error {
	return &layer.MismatchError{What: "size", Want: strconv.FormatInt(want, 10), Got: strconv.FormatInt(got, 10)}
}

func wrongDigest(want, got v1.Hash) error {
	return &layer.MismatchError{What: "digest", Want: want.String(), Got: got.String()}
}
