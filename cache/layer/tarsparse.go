package layer

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
)

var (
	errSparse     = errors.New("the map of the sparse file is malformed")
	errSparseLong = errors.New("the map of the sparse file is longer than 1 MiB")
)

const (
	maxSparseMap  = 1 << 20 // bytes of a map as the tar holds it; in memory it is some times as large
	maxSparseLine = 64      // bytes of one number in a map of format 1.0
)

// sparseRecords are the PAX records of GNU's sparse formats 0.0, 0.1 and 1.0.
type sparseRecords struct {
	major, minor, name, size, realSize, numBlocks, fragments []byte
}

func (s *sparseRecords) set(key, value []byte) error {
	switch string(key) {
	case "GNU.sparse.major":
		s.major = value
	case "GNU.sparse.minor":
		s.minor = value
	case "GNU.sparse.name":
		s.name = value
		return noNUL(value)
	case "GNU.sparse.size":
		s.size = value
	case "GNU.sparse.realsize":
		s.realSize = value
	case "GNU.sparse.numblocks":
		s.numBlocks = value
	case "GNU.sparse.map":
		s.fragments = value
	}
	return nil
}

// addSparse00 appends one number of the map of format 0.0, where offsets and
// lengths take turns.
func (e *extensions) addSparse00(i int, isOffset bool, value []byte) bool {
	if isOffset != (i%2 == 0) || bytes.IndexByte(value, ',') >= 0 {
		return false
	}
	if i > 0 {
		e.map00 = append(e.map00, ',')
	}
	e.map00 = append(e.map00, value...)
	return true
}

// version reports whether the records are of a known sparse format, and which.
func (s *sparseRecords) version() (known, is1x0 bool) {
	major, minor := string(s.major), string(s.minor)
	switch {
	case major == "0" && (minor == "0" || minor == "1"):
		return true, false
	case major == "1" && minor == "0":
		return true, true
	case major != "" || minor != "":
		return false, false
	}
	return len(s.fragments) > 0, false // 0.0 and 0.1 may come without a version
}

// findSparse reads the map if the entry, whose header is in b, is a sparse file.
func (r *Reader) findSparse(b *block) (err error) {
	var list []fragment
	h, v := &r.hdr, &r.ext.records.sparse
	known, is1x0 := v.version()
	switch {
	case h.Type == 'S':
		list, err = r.oldSparseMap(b)
	case !known:
		return nil
	default:
		if len(v.name) > 0 {
			h.Name = v.name
		}
		size := v.size
		if len(size) == 0 {
			size = v.realSize
		}
		if err = paxInt(size, &h.Size); err != nil {
			break
		}
		if is1x0 {
			list, err = r.sparseMap10()
		} else {
			list, err = sparseMap01(v)
		}
	}
	if err != nil {
		return r.asCorrupt(err)
	}
	return r.startSparse(list)
}

// startSparse makes the body sparse, if the map fits the file and what is stored.
func (r *Reader) startSparse(list []fragment) error {
	h, end, sum := &r.hdr, int64(0), int64(0)
	for _, f := range list {
		if f.offset < end || f.length < 0 || f.offset > math.MaxInt64-f.length {
			return r.corrupt(errSparse)
		}
		end = f.end()
		sum += f.length
	}
	if hasNoBody(h.Type) || end > h.Size || sum != r.body.stored {
		return r.corrupt(errSparse)
	}
	if err := r.countHole(h.Size - sum); err != nil {
		return err
	}
	r.body.sparse, r.body.fragments = true, list
	r.body.size, r.body.pos = h.Size, 0
	return nil
}

// countHole holds the holes, which cost nothing in a tar and do cost those who
// read them, against the limits for what a layer may unpack to.
func (r *Reader) countHole(n int64) error {
	if n > math.MaxInt64-r.holes {
		n = math.MaxInt64 - r.holes
	}
	r.holes += n
	if r.holes > r.limits.Unpacked {
		return &LimitError{What: "unpacked", Limit: r.limits.Unpacked, Entry: string(r.hdr.Name)}
	}
	if r.holes > ratioFloor && r.holes/r.limits.Ratio > r.win.offset() {
		return &LimitError{What: "ratio", Limit: r.limits.Ratio, Entry: string(r.hdr.Name)}
	}
	return nil
}

// oldSparseMap reads the map of a file of GNU's type 'S': four fragments in the
// header b, and 21 in each block that follows it.
func (r *Reader) oldSparseMap(b *block) ([]fragment, error) {
	if b.format() != formatGNU {
		return nil, errSparse
	}
	var n numbers
	r.hdr.Size = n.parse(b[483:495])
	list := appendOld(nil, b[386:482], &n)
	more := b[482] != 0
	for size := 0; more && !n.bad; size += blockSize {
		if size+blockSize >= maxSparseMap {
			return nil, errSparseLong
		}
		next, err := r.win.block()
		if err == io.EOF || err == io.ErrUnexpectedEOF && r.win.err == io.EOF {
			return nil, r.corrupt(io.ErrUnexpectedEOF)
		}
		if err != nil {
			return nil, err
		}
		list = appendOld(list, next[:504], &n)
		more = next[504] != 0
	}
	if n.bad {
		return nil, errNumber
	}
	return list, nil
}

// appendOld appends the fragments in b, up to the first with no offset.
func appendOld(list []fragment, b []byte, n *numbers) []fragment {
	for ; len(b) > 0 && b[0] != 0; b = b[24:] {
		list = append(list, fragment{n.parse(b[:12]), n.parse(b[12:24])})
	}
	return list
}

// sparseMap01 takes the map of the formats 0.0 and 0.1 from the records.
func sparseMap01(v *sparseRecords) ([]fragment, error) {
	count, err := strconv.ParseInt(string(v.numBlocks), 10, 64)
	if err != nil {
		return nil, errSparse
	}
	numbers := 0
	if len(v.fragments) > 0 {
		numbers = bytes.Count(v.fragments, []byte(",")) + 1
	}
	if count < 0 || numbers%2 != 0 || int64(numbers/2) != count {
		return nil, errSparse
	}
	list := make([]fragment, count)
	rest := v.fragments
	for i := range list {
		var offset, length []byte
		offset, rest, _ = bytes.Cut(rest, []byte(","))
		length, rest, _ = bytes.Cut(rest, []byte(","))
		if list[i], err = parseFragment(offset, length); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func parseFragment(offset, length []byte) (fragment, error) {
	x, err := strconv.ParseInt(string(offset), 10, 64)
	y, err2 := strconv.ParseInt(string(length), 10, 64)
	if err != nil || err2 != nil {
		return fragment{}, errSparse
	}
	return fragment{x, y}, nil
}

// sparseMap10 reads the map of format 1.0, which is the first blocks of the body:
// lines with the number of fragments, and the offset and length of each.
func (r *Reader) sparseMap10() ([]fragment, error) {
	var m lines10
	first, err := m.line(r)
	if err != nil {
		return nil, err
	}
	count, err := strconv.ParseInt(string(first), 10, 64)
	if err != nil || count < 0 {
		return nil, errSparse
	}
	var list []fragment
	for range count {
		offset, err := m.line(r)
		if err != nil {
			return nil, err
		}
		length, err := m.line(r)
		if err != nil {
			return nil, err
		}
		f, err := parseFragment(offset, length)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}

// lines10 takes lines from the first blocks of a body.
type lines10 struct {
	buf  []byte // what was read and not used
	read int64
}

func (m *lines10) line(r *Reader) ([]byte, error) {
	for {
		if line, rest, ok := bytes.Cut(m.buf, []byte("\n")); ok {
			m.buf = rest
			return line, nil
		}
		if len(m.buf) > maxSparseLine {
			return nil, errSparse
		}
		if err := m.more(r); err != nil {
			return nil, err
		}
	}
}

// more appends a block.
func (m *lines10) more(r *Reader) error {
	if m.read += blockSize; m.read > maxSparseMap {
		return errSparseLong
	}
	if r.body.stored < blockSize {
		return errSparse
	}
	b, err := r.win.block()
	if err == io.EOF || err == io.ErrUnexpectedEOF && r.win.err == io.EOF {
		return r.corrupt(io.ErrUnexpectedEOF)
	}
	if err != nil {
		return err
	}
	r.body.stored -= blockSize
	m.buf = append(m.buf, b[:]...)
	return nil
}
