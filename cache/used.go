package cache

import (
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Use notes that an image is used now, so that a prune that keeps what was used lately
// can tell. It has no error: where it cannot be noted, the image counts as used when it
// was pulled.
func (s *Store) Use(digest v1.Hash) {
	if s.readOnly != nil || !usable(digest) {
		return
	}
	path, now := s.usedPath(digest), time.Now()
	if os.Chtimes(path, now, now) == nil {
		return
	}
	if _, err := os.Lstat(s.blobPath(digest)); err != nil {
		return // no image of this store
	}
	if f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
		_ = f.Close()
	}
}

// lastUse is when an image was used last, or pulled; the zero time if neither is known.
func (s *Store) lastUse(st Stored) time.Time {
	fi, err := os.Lstat(s.usedPath(st.Digest))
	if err != nil || fi.ModTime().Before(st.Pulled) {
		return st.Pulled
	}
	return fi.ModTime().UTC()
}

func (s *Store) usedPath(digest v1.Hash) string { return s.path(usedDir, digest.Hex) }
