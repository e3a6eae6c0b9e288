package cache

import (
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// LayerError says which layer of which image an error is about.
type LayerError struct {
	Image  string
	Number int // from 0; printed from 1
	Digest v1.Hash
	Err    error
}

func (e *LayerError) Error() string {
	s := fmt.Sprintf("layer %d (%.19s…): %v", e.Number+1, e.Digest, e.Err)
	if e.Image != "" {
		s = e.Image + ": " + s
	}
	return s
}

func (e *LayerError) Unwrap() error { return e.Err }

// VersionError says that the store was made by a program that this one does not know.
type VersionError struct{ Dir, Version string }

func (e *VersionError) Error() string {
	return fmt.Sprintf("store %s has layout version %s, which this program does not know", e.Dir, e.Version)
}

// AccessError says that the store cannot be used by this user, or not for writing.
type AccessError struct {
	Dir string
	Err error
}

func (e *AccessError) Error() string { return fmt.Sprintf("store %s: %v", e.Dir, e.Err) }
func (e *AccessError) Unwrap() error { return e.Err }

// SpaceError says that the disk is full, or would be.
type SpaceError struct {
	Dir        string
	Need, Free int64 // bytes; 0 if not known
	Err        error
}

func (e *SpaceError) Error() string {
	if e.Need > 0 {
		return fmt.Sprintf("store %s: %d bytes are needed and %d are free", e.Dir, e.Need, e.Free)
	}
	return fmt.Sprintf("store %s: no space left on the disk", e.Dir)
}
func (e *SpaceError) Unwrap() error { return e.Err }
