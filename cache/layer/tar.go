package layer

import (
	"errors"
	"fmt"
	"io"
)

// Header is one entry of a tar, as written there: nothing is cleaned or resolved.
// Its slices are valid until the next call of Next.
type Header struct {
	Name, Link   []byte
	Type         byte // the tar's type flag; '\0', '7' and 'S' are given as '0' (or as '5': '\0' with a name that ends in a slash); PAX, GNU and global headers are never seen
	Mode         int64
	UID, GID     int64
	Size         int64 // of regular files: the logical length, holes included; 0 for other kinds
	ModTime      Time
	Major, Minor int64
	Xattrs       []Xattr // sorted by name, each name once; the strings may be kept
	Offset       int64   // where the entry before ended: the entry's first block, extension and global headers included
}

// Reader reads a tar stream, entry by entry: V7, ustar, STAR, PAX and GNU, with
// sparse files of all kinds. It takes a tar as archive/tar does, and with it the
// container runtimes, but that global PAX headers are passed over, entries of an
// unknown type are a *RefusedError, and names are held to Limits.Path.
//
// Its errors are *CorruptError (a cut stream has io.ErrUnexpectedEOF inside),
// *RefusedError, *LimitError, or what the underlying reader returned. After an
// error every call but Drain and Offset returns it again.
type Reader struct {
	win    window
	limits Limits
	hdr    Header
	name   []byte // the memory of hdr.Name
	link   []byte // the memory of hdr.Link
	ext    extensions
	body   tarBody
	holes  int64 // bytes of holes of all sparse files so far
	start  int64 // where the last entry ended
	err    error
	ended  bool
}

// NewReader returns a Reader of the uncompressed tar in r. It reads ahead, in
// pieces of up to 256 KiB. Of the limits it holds Path and Xattrs, and Unpacked
// and Ratio for the holes of sparse files.
func NewReader(r io.Reader, limits Limits) *Reader {
	return &Reader{win: newWindow(r), limits: limits.WithDefaults()}
}

var (
	errChecksum  = errors.New("this is no tar header: its checksum is wrong")
	errNumber    = errors.New("the tar header holds a malformed number")
	errSize      = errors.New("the tar header holds a negative size")
	errZeroBlock = errors.New("a single zero block in the middle of the tar")
)

// Next goes to the next entry, skipping what was not read of the current one. At
// the end of the archive it returns io.EOF.
func (r *Reader) Next() (*Header, error) {
	if r.err != nil {
		return nil, r.err
	}
	if r.err = r.next(); r.err != nil {
		return nil, r.err
	}
	return &r.hdr, nil
}

// next reads headers until one of them is an entry.
func (r *Reader) next() error {
	if err := r.skipBody(); err != nil {
		return err
	}
	r.ext.reset()
	r.start = r.win.offset()
	for {
		b, err := r.block()
		if err != nil {
			return err
		}
		if err := r.parse(b); err != nil {
			return err
		}
		if !isExtension(r.hdr.Type) {
			r.hdr.Offset = r.start
			return r.entry(b)
		}
		if err := r.extension(); err != nil {
			return err
		}
		if err := r.skipBody(); err != nil {
			return err
		}
	}
}

// block returns the next header block, which stays in the window until the next
// read from it. At the end of the archive, marked or not, it returns io.EOF.
func (r *Reader) block() (*block, error) {
	at := r.win.offset()
	b, err := r.win.block()
	if err != nil {
		return nil, r.cut(at, err)
	}
	if !b.isZero() {
		return b, nil
	}
	b, err = r.win.block()
	if err != nil {
		return nil, r.cut(at+blockSize, err)
	}
	if !b.isZero() {
		return nil, &CorruptError{Offset: at, Err: errZeroBlock}
	}
	r.ended = true
	return nil, io.EOF
}

// cut gives the error of a read between entries, where the stream may end.
func (r *Reader) cut(at int64, err error) error {
	if err == io.ErrUnexpectedEOF && r.win.err == io.EOF {
		return &CorruptError{Offset: at, Err: err}
	}
	return err
}

// entry completes the header that parse took from b by what the extension
// headers said, and sets the body up.
func (r *Reader) entry(b *block) error {
	h := &r.hdr
	h.Xattrs = nil
	if r.ext.any {
		if err := r.applyExtensions(); err != nil {
			return err
		}
	}
	if h.Type == 0 {
		h.Type = '0'
		if n := len(h.Name); n > 0 && h.Name[n-1] == '/' {
			h.Type = '5'
		}
	}
	if err := r.startBody(h.Size); err != nil {
		return err
	}
	if err := r.findSparse(b); err != nil {
		return err
	}
	return r.check()
}

// check holds a complete header against the limits and the known types.
func (r *Reader) check() error {
	h := &r.hdr
	if int64(len(h.Name)) > r.limits.Path || int64(len(h.Link)) > r.limits.Path {
		return &LimitError{What: "path", Limit: r.limits.Path, Entry: string(h.Name)}
	}
	switch h.Type {
	case '0', '7', 'S':
		h.Type = '0'
	case '1', '2', '3', '4', '5', '6':
		h.Size = 0
	default:
		return &RefusedError{Entry: string(h.Name), Reason: fmt.Sprintf("its type %q in the tar is unknown", h.Type)}
	}
	return nil
}

// corrupt says that err is wrong with the current entry.
func (r *Reader) corrupt(err error) error {
	return &CorruptError{Entry: string(r.hdr.Name), Offset: r.win.offset(), Err: err}
}

// Ended reports, after io.EOF, whether the archive had its end marker.
func (r *Reader) Ended() bool { return r.ended }

// End returns, after io.EOF, where the last entry ended, padding included.
func (r *Reader) End() int64 { return r.start }

// Drain reads what follows the archive's end, to the last byte of the stream,
// and reports whether any byte of it was not zero. It may be called after an
// error too, and then reads what was not parsed.
func (r *Reader) Drain() (nonzero bool, err error) {
	for {
		p, err := r.win.next(maxWindow)
		if err == io.EOF {
			return nonzero, nil
		}
		if err != nil {
			return nonzero, err
		}
		nonzero = nonzero || !allZero(p)
	}
}

// Offset is the number of bytes of the stream up to the end of what was parsed.
func (r *Reader) Offset() int64 { return r.win.offset() }

func isExtension(flag byte) bool {
	return flag == 'x' || flag == 'g' || flag == 'L' || flag == 'K'
}

// hasNoBody reports whether entries of a type have no content, whatever size
// their header tells.
func hasNoBody(flag byte) bool { return '1' <= flag && flag <= '6' }
