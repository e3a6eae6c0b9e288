//go:build !linux

package cache

import (
	"context"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/unpack"
)

// Unpack is for Linux alone: other systems have no place for what an image holds.
func (s *Store) Unpack(context.Context, v1.Image, string, UnpackOptions) ([]unpack.Loss, error) {
	return nil, fmt.Errorf("unpacking an image: %w", errors.ErrUnsupported)
}
