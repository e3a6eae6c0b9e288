//go:build !linux

package cache

import (
	"context"
	"errors"
	"fmt"

	"github.com/layers/layers/cache/layer"
)

// staging is for Linux alone, as snapshots are: no layer has one.
type staging struct{}

type staged struct{ layer.Contents }

var errNoSnapshots = fmt.Errorf("unpacking an image: %w", errors.ErrUnsupported)

func (*Store) stage(*plan, SnapshotOptions) (func() error, error) { return nil, errNoSnapshots }

func (*Store) unpackPulled(context.Context, *plan, *lease, PullOptions) error { return errNoSnapshots }

func (*staging) begin() (*staged, error)          { return nil, errNoSnapshots }
func (*staging) keep(layer.DiffID, *staged) error { return errNoSnapshots }

// Flush says that there is nothing that could be staged.
func (*staged) Flush() error { return errNoSnapshots }

// Discard says the same.
func (*staged) Discard() error { return errNoSnapshots }
