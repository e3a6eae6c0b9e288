package source

import (
	"context"
	"errors"
)

func openEngine(ctx context.Context, ref Reference, o Options, all bool) ([]*Image, error) {
	return nil, errors.New("not yet")
}
