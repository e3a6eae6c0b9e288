package layer

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
)

var (
	errPAX     = errors.New("the tar's PAX records are malformed")
	errPAXName = errors.New("a name in the tar's PAX records holds a NUL")
	errPAXTime = errors.New("the tar's PAX records hold a malformed time")
)

// extensions is what the extension headers before an entry say about it. Its
// slices lie in the memory of the three buffers.
type extensions struct {
	any                    bool
	pax, longName, longRef []byte
	records                records
	xattrs                 []rawXattr
	map00                  []byte // the sparse map of format 0.0, joined as format 0.1 has it
}

// records are the values of PAX records; one that is absent is empty, and one
// that is empty counts as absent, as POSIX wants it.
type records struct {
	path, linkpath, size, uid, gid, mtime, atime, ctime []byte
	sparse                                              sparseRecords
}

type rawXattr struct{ name, value []byte }

func (e *extensions) reset() {
	if e.any {
		e.forgetPAX()
		e.longName, e.longRef, e.any = e.longName[:0], e.longRef[:0], false
	}
}

func (e *extensions) forgetPAX() {
	e.records = records{}
	e.xattrs, e.map00 = e.xattrs[:0], e.map00[:0]
}

// extension reads the extension header that was just parsed. One takes the place
// of an earlier one of its type. A global header is passed over, but what came
// before it is forgotten, as archive/tar does.
func (r *Reader) extension() (err error) {
	e := &r.ext
	switch r.hdr.Type {
	case 'g':
		e.reset()
	case 'L':
		e.any = true
		e.longName, err = r.longName(e.longName)
	case 'K':
		e.any = true
		e.longRef, err = r.longName(e.longRef)
	case 'x':
		e.any = true
		if r.body.size > r.limits.Xattrs {
			return &LimitError{What: "xattrs", Limit: r.limits.Xattrs, Entry: string(r.hdr.Name)}
		}
		if e.pax, err = r.readAll(e.pax); err == nil {
			e.forgetPAX()
			err = e.parsePAX(e.pax)
		}
		if err != nil {
			return r.asCorrupt(err)
		}
	}
	return err
}

// longName reads the body of a GNU long name or link into buf.
func (r *Reader) longName(buf []byte) ([]byte, error) {
	if r.body.size-1 > r.limits.Path {
		return buf[:0], &LimitError{What: "path", Limit: r.limits.Path, Entry: string(r.hdr.Name)}
	}
	buf, err := r.readAll(buf)
	return cString(buf), err
}

// readAll reads the body into buf, which grows only by what there is.
func (r *Reader) readAll(buf []byte) ([]byte, error) {
	buf = buf[:0]
	for r.body.pos < r.body.size {
		p, err := r.piece()
		if err != nil {
			return buf, err
		}
		buf = append(buf, p...)
		r.body.pos += int64(len(p))
	}
	return buf, nil
}

// asCorrupt makes a plain error of the parsers a *CorruptError.
func (r *Reader) asCorrupt(err error) error {
	switch err {
	case errPAX, errPAXName, errPAXTime, errNumber, errSparse, errSparseLong:
		return r.corrupt(err)
	}
	return err
}

// parsePAX takes the records in s apart; of a key that comes twice the last counts.
func (e *extensions) parsePAX(s []byte) error {
	parts := 0
	for len(s) > 0 {
		key, value, rest, err := paxRecord(s)
		if err != nil {
			return err
		}
		s = rest
		switch string(key) {
		case "GNU.sparse.offset", "GNU.sparse.numbytes":
			if !e.addSparse00(parts, string(key) == "GNU.sparse.offset", value) {
				return errSparse
			}
			parts++
		default:
			if err := e.set(key, value); err != nil {
				return err
			}
		}
	}
	if parts > 0 {
		e.records.sparse.fragments = e.map00
	}
	return nil
}

// paxRecord cuts one record, "length key=value\n", from the start of s.
func paxRecord(s []byte) (key, value, rest []byte, err error) {
	digits, _, ok := bytes.Cut(s, []byte(" "))
	if !ok {
		return nil, nil, nil, errPAX
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil || n < 5 || n > int64(len(s)) || n <= int64(len(digits)+1) || s[n-1] != '\n' {
		return nil, nil, nil, errPAX
	}
	key, value, ok = bytes.Cut(s[len(digits)+1:n-1], []byte("="))
	if !ok || len(key) == 0 || bytes.IndexByte(key, 0) >= 0 {
		return nil, nil, nil, errPAX
	}
	return key, value, s[n:], nil
}

// xattrPrefix names the records that are extended attributes. libarchive also
// writes LIBARCHIVE.xattr.*, beside these and encoded in another way: those are
// ignored, as by every container runtime.
const xattrPrefix = "SCHILY.xattr."

func (e *extensions) set(key, value []byte) error {
	v := &e.records
	switch string(key) {
	case "path":
		v.path = value
		return noNUL(value)
	case "linkpath":
		v.linkpath = value
		return noNUL(value)
	case "uname", "gname":
		return noNUL(value)
	case "size":
		v.size = value
	case "uid":
		v.uid = value
	case "gid":
		v.gid = value
	case "mtime":
		v.mtime = value
	case "atime":
		v.atime = value
	case "ctime":
		v.ctime = value
	default:
		if len(key) >= len(xattrPrefix) && string(key[:len(xattrPrefix)]) == xattrPrefix {
			e.xattrs = append(e.xattrs, rawXattr{key[len(xattrPrefix):], value})
			return nil
		}
		return v.sparse.set(key, value)
	}
	return nil
}

func noNUL(b []byte) error {
	if bytes.IndexByte(b, 0) >= 0 {
		return errPAXName
	}
	return nil
}

// applyExtensions lets the extensions take the place of what the header says. A
// GNU long name wins over a PAX path.
func (r *Reader) applyExtensions() error {
	h, v := &r.hdr, &r.ext.records
	if len(v.path) > 0 {
		h.Name = v.path
	}
	if len(v.linkpath) > 0 {
		h.Link = v.linkpath
	}
	if len(r.ext.longName) > 0 {
		h.Name = r.ext.longName
	}
	if len(r.ext.longRef) > 0 {
		h.Link = r.ext.longRef
	}
	err := cmp.Or(paxInt(v.uid, &h.UID), paxInt(v.gid, &h.GID), paxInt(v.size, &h.Size),
		paxTime(v.mtime, &h.ModTime), paxTime(v.atime, new(Time)), paxTime(v.ctime, new(Time)))
	if err != nil {
		return r.corrupt(err)
	}
	h.Xattrs = r.ext.sortedXattrs()
	return nil
}

// sortedXattrs returns the attributes by name. An empty value takes one back.
func (e *extensions) sortedXattrs() []Xattr {
	raw := e.xattrs
	slices.SortStableFunc(raw, func(a, b rawXattr) int { return bytes.Compare(a.name, b.name) })
	var all []Xattr
	for i, x := range raw {
		if i+1 < len(raw) && bytes.Equal(raw[i+1].name, x.name) || len(x.value) == 0 {
			continue
		}
		all = append(all, Xattr{Name: string(x.name), Value: string(x.value)})
	}
	return all
}

// paxInt stores the number in s, if there is one.
func paxInt(s []byte, to *int64) error {
	if len(s) == 0 {
		return nil
	}
	n, err := strconv.ParseInt(string(s), 10, 64)
	if err != nil {
		return errNumber
	}
	*to = n
	return nil
}

// paxTime stores the time in s, seconds with or without a fraction, of which nine
// digits count. The sign is that of the whole: -0.5 is before 1970.
func paxTime(s []byte, to *Time) error {
	if len(s) == 0 {
		return nil
	}
	whole, fraction, _ := strings.Cut(string(s), ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return errPAXTime
	}
	nsec := int32(0)
	for i := range max(9, len(fraction)) {
		digit := byte('0')
		if i < len(fraction) {
			digit = fraction[i]
		}
		if digit < '0' || digit > '9' {
			return errPAXTime
		}
		if i < 9 {
			nsec = nsec*10 + int32(digit-'0')
		}
	}
	if nsec > 0 && whole[0] == '-' {
		if sec == math.MinInt64 {
			return errPAXTime
		}
		sec, nsec = sec-1, 1e9-nsec
	}
	*to = Time{Sec: sec, Nsec: nsec}
	return nil
}
