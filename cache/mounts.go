package cache

import (
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Mounted is an image, or a part of one, that a directory shows.
type Mounted struct {
	Image  string  // the name that it was mounted by
	Digest v1.Hash // of its manifest
	// Layers is how many of its layers are shown, from the bottom. Only is the number
	// of the one layer that is shown, from 1, or 0.
	Layers, Only int
	Since        time.Time
	// Dirs are where it is mounted, in the mount namespace of whoever asks: none if it
	// is mounted only elsewhere. Asked is the directory that it was mounted on first.
	Dirs  []string
	Asked string
}

// NotMountedError says that no image of the store is mounted on a directory.
type NotMountedError struct {
	Dir string
	// Other says that something else is.
	Other bool
}

// Error says what is there.
func (e *NotMountedError) Error() string {
	if e.Other {
		return fmt.Sprintf("what is mounted on %s is not an image of this store", e.Dir)
	}
	return fmt.Sprintf("nothing is mounted on %s", e.Dir)
}
