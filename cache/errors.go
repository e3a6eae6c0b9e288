package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

// LayerError says which layer of which image an error is about.
type LayerError struct {
	Image  string
	Number int // from 0; printed from 1; negative if not known
	Digest v1.Hash
	Err    error
}

// Error begins with the image's name, if it is known, and says which layer it is.
func (e *LayerError) Error() string {
	s := fmt.Sprintf("layer %d (%.19s…): %v", e.Number+1, e.Digest, e.Err)
	if e.Number < 0 {
		s = fmt.Sprintf("layer %.19s…: %v", e.Digest, e.Err)
	}
	if e.Image != "" {
		s = e.Image + ": " + s
	}
	return s
}

// Unwrap returns what went wrong with the layer.
func (e *LayerError) Unwrap() error { return e.Err }

// ImageError says that an image's manifest and config are not what the OCI image
// specification demands, or do not belong together.
type ImageError struct {
	Image string // its name for people, or its digest
	Err   error
}

// Error begins with the image's name.
func (e *ImageError) Error() string { return fmt.Sprintf("%s: %v", e.Image, e.Err) }

// Unwrap returns what is wrong with the image, or why it could not be read.
func (e *ImageError) Unwrap() error { return e.Err }

// ConfigError says that a layer's blob is the one that the manifest names, and that
// the image's config claims another DiffID for it than it has. The image was built or
// rewritten wrongly: fetching it again brings the same.
type ConfigError struct {
	Err *layer.MismatchError // of the DiffID
}

// Error names both DiffIDs.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("the image's config is wrong: it claims diff_id %s, and the layer that the manifest names has %s",
		e.Err.Want, e.Err.Got)
}

// Unwrap returns the *layer.MismatchError.
func (e *ConfigError) Unwrap() error { return e.Err }

// blameConfig makes a *ConfigError of a pass's error about the DiffID, which is held
// against the config when the blob has been found to be what the manifest names.
func blameConfig(err error) error {
	var mismatch *layer.MismatchError
	if errors.As(err, &mismatch) && mismatch.What == "diffid" {
		return &ConfigError{Err: mismatch}
	}
	return err
}

// NotStoredError says that the store has no such image or blob.
type NotStoredError struct {
	Dir    string
	Digest v1.Hash
}

// Error names the store and the whole digest.
func (e *NotStoredError) Error() string {
	return fmt.Sprintf("store %s has no %s", e.Dir, e.Digest)
}

// Is makes the error an fs.ErrNotExist.
func (e *NotStoredError) Is(target error) bool { return target == fs.ErrNotExist }

// BlobError says that a blob in the store is damaged: its bytes are not those of
// its digest. Verify with Repair puts it right.
type BlobError struct {
	Path   string
	Digest v1.Hash
	Err    error
}

// Error names the whole digest and what is wrong with the bytes, and not the path.
func (e *BlobError) Error() string {
	return fmt.Sprintf("blob %s in the store is damaged: %v", e.Digest, e.Err)
}

// Unwrap returns a *layer.MismatchError, or the error of reading the file.
func (e *BlobError) Unwrap() error { return e.Err }

// IndexError says that the file of the store's names cannot be understood.
type IndexError struct {
	Path string
	Err  error
}

// Error begins with the file's path.
func (e *IndexError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }

// Unwrap returns what is wrong with the file's JSON.
func (e *IndexError) Unwrap() error { return e.Err }

// VersionError says that the store was made by a program that this one does not know.
type VersionError struct{ Dir, Version string }

// Error names the store's directory and its version.
func (e *VersionError) Error() string {
	return fmt.Sprintf("store %s has layout version %s, which this program does not know", e.Dir, e.Version)
}

// ForeignError says that a directory that is to be a store holds something else.
// It was not touched.
type ForeignError struct{ Dir, Found string }

// Error names the directory and one of the files in it.
func (e *ForeignError) Error() string {
	return fmt.Sprintf("%s is not a store and not empty: it holds %q", e.Dir, e.Found)
}

// AccessError says that the store cannot be used by this user, or not for writing.
type AccessError struct {
	Dir string
	Err error
}

// Error names the store's directory.
func (e *AccessError) Error() string { return fmt.Sprintf("store %s: %v", e.Dir, e.Err) }

// Unwrap returns why: often an fs.ErrPermission, or the errno of a disk that is
// read-only.
func (e *AccessError) Unwrap() error { return e.Err }

// SpaceError says that the disk is full, or would be.
type SpaceError struct {
	Dir        string
	Need, Free int64 // bytes; 0 if not known
	Outside    bool  // Dir is not the store, but where something is unpacked
	Err        error
}

// Error says how many bytes are missing, if that is known.
func (e *SpaceError) Error() string {
	what := "store " + e.Dir
	if e.Outside {
		what = e.Dir
	}
	if e.Need > 0 {
		return fmt.Sprintf("%s: %d bytes are needed and %d are free", what, e.Need, e.Free)
	}
	return what + ": no space left on the disk"
}

// Unwrap returns the errno of the write that failed; nil if none was tried, because
// it was known before.
func (e *SpaceError) Unwrap() error { return e.Err }

// writing turns an error of writing to the store into the kind that says what a
// user can do about it.
func (s *Store) writing(err error) error {
	switch {
	case err == nil, isA[*SpaceError](err), isA[*AccessError](err):
		return err
	case isFull(err):
		return &SpaceError{Dir: s.dir, Err: err}
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return &AccessError{Dir: s.dir, Err: err}
	}
	return err
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func isA[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}
