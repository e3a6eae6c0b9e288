package layer

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
)

// jarSniff finds the manifest of a Java archive, which is a zip. It stands among the
// first entries, by the format's rules and by what reads it as a stream; the zip's
// own table of contents, at its end, is not asked.
type jarSniff struct{ head []byte }

const (
	jarHead     = 64 << 10 // bytes of the archive that the manifest must lie in
	jarManifest = 64 << 10 // bytes of a manifest
	jarSkipped  = 1 << 20  // bytes of contents inflated to find where they end
	jarEntry    = 30       // bytes of an entry's header
	jarStored   = 0
	jarDeflated = 8
	jarSizes    = 8 // the flag: the sizes follow the content
)

func (j *jarSniff) start() { j.head = j.head[:0] }

// Write takes the next bytes of the archive.
func (j *jarSniff) Write(p []byte) (int, error) {
	j.head = append(j.head, p[:min(len(p), jarHead-len(j.head))]...)
	return len(p), nil
}

// found goes through the entries up to the manifest.
func (j *jarSniff) found() []byte {
	skipped := int64(jarSkipped)
	for b := j.head; ; {
		e, ok := parseJarEntry(b)
		if !ok {
			return nil
		}
		if e.name == "META-INF/MANIFEST.MF" {
			content, _, _ := e.read(jarManifest)
			return content
		}
		content, rest, ok := e.read(skipped)
		if !ok {
			return nil
		}
		if e.sizeUnknown {
			rest = skipDescriptor(rest)
			skipped -= int64(len(content))
		}
		b = rest
	}
}

// zipEntry is an entry with what follows its header.
type zipEntry struct {
	name        string
	method      uint16
	sizeUnknown bool
	stored      uint64
	rest        []byte
}

func parseJarEntry(b []byte) (e zipEntry, ok bool) {
	if len(b) < jarEntry || string(b[:4]) != "PK\x03\x04" {
		return e, false
	}
	le := binary.LittleEndian
	name, extra := int(le.Uint16(b[26:])), int(le.Uint16(b[28:]))
	e.method = le.Uint16(b[8:])
	e.stored = uint64(le.Uint32(b[18:]))
	e.sizeUnknown = le.Uint16(b[6:])&jarSizes != 0
	if b = b[jarEntry:]; len(b) < name+extra {
		return e, false
	}
	e.name, e.rest = string(b[:name]), b[name+extra:]
	return e, true
}

// read returns up to limit bytes of the content, and what is behind it all. It is
// not ok if there is more of it, or if it does not end in what is at hand. What is
// passed over by its size alone is not inflated.
func (e *zipEntry) read(limit int64) (content, rest []byte, ok bool) {
	if !e.sizeUnknown {
		if e.stored > uint64(len(e.rest)) {
			return nil, nil, false
		}
		content, rest = e.rest[:e.stored], e.rest[e.stored:]
	}
	switch {
	case e.name != "META-INF/MANIFEST.MF" && !e.sizeUnknown:
		return nil, rest, true
	case e.method == jarStored && !e.sizeUnknown:
		return content, rest, int64(len(content)) <= limit
	case e.method != jarDeflated:
		return nil, nil, false
	case e.sizeUnknown:
		content = e.rest
	}
	r := bytes.NewReader(content)
	inflated, err := io.ReadAll(io.LimitReader(flate.NewReader(r), limit+1))
	if err != nil || int64(len(inflated)) > limit {
		return nil, nil, false
	}
	if e.sizeUnknown {
		rest = content[len(content)-r.Len():]
	}
	return inflated, rest, true
}

// skipDescriptor passes over the sizes behind a content: with a signature or not,
// and of 4 bytes each or of 8, which is told by what comes next.
func skipDescriptor(b []byte) []byte {
	if bytes.HasPrefix(b, []byte("PK\x07\x08")) {
		b = b[4:]
	}
	for _, n := range []int{12, 20} {
		if len(b) >= n && bytes.HasPrefix(b[n:], []byte("PK")) {
			return b[n:]
		}
	}
	return nil
}
