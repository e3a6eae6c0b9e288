package layer

import (
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// gzipCodec inflates gzip members one after another, so that it knows where each
// ends. The checksums and lengths of all members are checked.
type gzipCodec struct {
	in       *input
	z        *gzip.Reader
	inMember bool
	first    bool  // no member was begun yet
	trailing int64 // bytes after the last member
}

var gzips = sync.Pool{New: func() any { return new(gzip.Reader) }}

func newGzip(in *input) codec {
	return &gzipCodec{in: in, z: gzips.Get().(*gzip.Reader), first: true}
}

func (g *gzipCodec) Read(p []byte) (int, error) {
	for {
		if !g.inMember {
			if err := g.nextMember(); err != nil {
				return 0, err
			}
		}
		n, err := g.z.Read(p)
		if err == io.EOF {
			g.inMember, err = false, nil
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// nextMember begins the next member. If what comes is none, it is read to its end
// and counted, and the error is io.EOF.
func (g *gzipCodec) nextMember() error {
	head, err := g.in.br.Peek(len(gzipMagic))
	if err != nil && err != io.EOF {
		return err
	}
	if !g.first && len(head) == 0 {
		return io.EOF
	}
	if !startsWith([]byte(gzipMagic), string(head)) {
		if g.trailing, err = io.Copy(io.Discard, g.in.br); err != nil {
			return err
		}
		return io.EOF
	}
	g.first = false
	err = g.z.Reset(g.in.br)
	if err == io.EOF { // in the middle of a header
		err = io.ErrUnexpectedEOF
	}
	g.z.Multistream(false)
	g.inMember = err == nil
	return err
}

func (g *gzipCodec) ignored() int64 { return g.trailing }

func (g *gzipCodec) free() {
	gzips.Put(g.z)
	g.z = nil
}
