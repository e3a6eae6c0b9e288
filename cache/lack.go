package cache

import (
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Lack is what a pull would have to fetch of one layer.
type Lack struct {
	Digest v1.Hash
	Size   int64 // compressed bytes of the blob
	Here   bool  // the blob is in the store
	// Partial is the compressed bytes that a download has left that was cut, and from
	// where the next one goes on.
	Partial int64
}

// Lacks says what is here of each of an image's layers, bottom first. Only names and
// sizes of files are looked at; nothing is written. That a blob is damaged is not seen.
func (s *Store) Lacks(img v1.Image, display string) ([]Lack, error) {
	p, err := newPlan(img, display)
	if err != nil {
		return nil, err
	}
	all := make([]Lack, len(p.parts))
	for i, l := range p.parts {
		all[i] = Lack{Digest: l.digest, Size: l.size, Here: s.hasBlob(l.digest, l.size)}
		fi, err := os.Lstat(s.ingestPath(l.digest))
		if err == nil && !all[i].Here && fi.Mode().IsRegular() && fi.Size() <= l.size { // a longer one begins anew
			all[i].Partial = fi.Size()
		}
	}
	return all, nil
}

// Unpacked returns the unpacked bytes of each of an image's layers, bottom first; nil
// of those that were not read yet. No layer is read for it.
func (s *Store) Unpacked(img v1.Image, display string) ([]*int64, error) {
	p, err := newPlan(img, display)
	if err != nil {
		return nil, err
	}
	all := make([]*int64, len(p.parts))
	for i, part := range p.parts {
		l, ok, err := s.derived(part)
		if err != nil {
			return nil, part.fail(err)
		}
		if ok {
			sums := l.TOC.Totals()
			all[i] = &sums.Unpacked
			_ = l.Close() // files that were only read
		}
	}
	return all, nil
}
