//go:build !linux

package cache

import (
	"context"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

var errNoMounts = fmt.Errorf("mounting an image: %w", errors.ErrUnsupported)

// mountNeeds has nothing to add: only Linux has overlayfs.
func (s *Store) mountNeeds(needs) ([]string, error) { return nil, nil }

// Snapshots is for Linux alone.
func (s *Store) Snapshots(context.Context, v1.Image, SnapshotOptions) (*Snapshots, error) {
	return nil, errNoMounts
}

// Mounts is for Linux alone.
func (s *Store) Mounts(context.Context) ([]Mounted, error) { return nil, errNoMounts }
