package report

import (
	"errors"
	"math"

	"github.com/dustin/go-humanize"
)

// ParseBytes reads a size as people write it: 512MB is 512,000,000 and 2GiB is 2<<30;
// a number alone is bytes.
func ParseBytes(text string) (int64, error) {
	n, err := humanize.ParseBytes(text)
	if err == nil && n > math.MaxInt64 {
		err = errors.New("too big")
	}
	return int64(n), err
}
