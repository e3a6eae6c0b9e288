package layer

import (
	"sync"

	"github.com/layers/layers/cache/layer/inflate"
)

// gzipCodec inflates gzip members one after another. The checksums and lengths of
// all members are checked.
type gzipCodec struct{ *inflate.GzipReader }

var gzips = sync.Pool{New: func() any { return inflate.NewGzipReader(nil) }}

func newGzip(in *input) codec {
	z := gzips.Get().(*inflate.GzipReader)
	z.Reset(in.br)
	return gzipCodec{z}
}

func (g gzipCodec) used() int64    { return g.InputOffset() }
func (g gzipCodec) ignored() int64 { return g.Ignored() }

func (g gzipCodec) free() {
	g.Reset(nil)
	gzips.Put(g.GzipReader)
}
