package layer

import (
	"fmt"
	"io"
	"os"
)

// spool is an append-only log of small records. What does not fit in memory goes
// to an unlinked temporary file, so that a layer of millions of entries does not
// grow this process.
type spool struct {
	dir    string
	memory []byte // the log's first bytes, up to spoolMemory
	file   *os.File
	tail   []byte // appended, not yet written to file
	filed  int64  // bytes in file
	pages  map[int64]*spoolPage
	ring   []*spoolPage // the same pages, and those that are free
	next   int          // in ring: the page that was read first
}

// spoolPage is a part of the file in memory. Records may be asked for in any order:
// pages are small, so that each look at another one costs little.
type spoolPage struct {
	number int64 // -1 if free
	bytes  []byte
}

const (
	spoolMemory   = 8 << 20
	spoolPageSize = 8 << 10
	spoolPages    = 512
	spoolAlign    = 8
)

// add appends a record and returns its reference. References are never 0.
func (s *spool) add(record []byte) (uint32, error) {
	var head [8]byte
	n := 8 + (len(record)+spoolAlign-1)/spoolAlign*spoolAlign
	at := s.size()
	ref := at/spoolAlign + 1
	if ref > 1<<32-1 {
		return 0, &LimitError{What: "entries", Limit: 1<<32 - 1}
	}
	le.PutUint32(head[:], uint32(len(record)))
	pad := n - 8 - len(record)
	s.write(head[:])
	s.write(record)
	s.write(make([]byte, pad))
	if len(s.tail) >= 1<<20 {
		return uint32(ref), s.flush()
	}
	return uint32(ref), nil
}

func (s *spool) size() int64 { return int64(len(s.memory)) + s.filed + int64(len(s.tail)) }

// memoryUsed is what the spool holds, in bytes.
func (s *spool) memoryUsed() int64 {
	return int64(cap(s.memory)+cap(s.tail)) + int64(len(s.ring))*spoolPageSize
}

func (s *spool) write(p []byte) {
	if s.file == nil && len(s.tail) == 0 {
		if room := spoolMemory - len(s.memory); room > 0 {
			n := min(room, len(p))
			s.memory = append(s.memory, p[:n]...)
			p = p[n:]
		}
	}
	s.tail = append(s.tail, p...)
}

func (s *spool) flush() error {
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "layer-spool-")
		if err != nil {
			return fmt.Errorf("making a temporary file: %w", err)
		}
		s.file, s.pages = f, make(map[int64]*spoolPage)
		if err := os.Remove(f.Name()); err != nil {
			return fmt.Errorf("unlinking a temporary file: %w", err)
		}
	}
	if _, err := s.file.Write(s.tail); err != nil {
		return fmt.Errorf("writing a temporary file: %w", err)
	}
	if last, ok := s.pages[s.filed/spoolPageSize]; ok { // read when it was short
		delete(s.pages, last.number)
		last.number = -1
	}
	s.filed += int64(len(s.tail))
	s.tail = s.tail[:0]
	return nil
}

// get returns the record with the reference, appended to buf[:0].
func (s *spool) get(ref uint32, buf []byte) ([]byte, error) {
	at := int64(ref-1) * spoolAlign
	var head [4]byte
	if err := s.readAt(head[:], at); err != nil {
		return nil, err
	}
	n := int(le.Uint32(head[:]))
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	return buf, s.readAt(buf, at+8)
}

func (s *spool) readAt(p []byte, at int64) error {
	for len(p) > 0 {
		src, err := s.bytesAt(at)
		if err != nil {
			return err
		}
		n := copy(p, src)
		p, at = p[n:], at+int64(n)
	}
	return nil
}

// bytesAt returns some bytes of the log, at least one, from at on.
func (s *spool) bytesAt(at int64) ([]byte, error) {
	if at < int64(len(s.memory)) {
		return s.memory[at:], nil
	}
	at -= int64(len(s.memory))
	if at >= s.filed {
		return s.tail[at-s.filed:], nil
	}
	number := at / spoolPageSize
	page, ok := s.pages[number]
	if !ok {
		var err error
		if page, err = s.load(number); err != nil {
			return nil, err
		}
	}
	return page.bytes[at-number*spoolPageSize:], nil
}

func (s *spool) load(number int64) (*spoolPage, error) {
	page := s.spare()
	n, err := s.file.ReadAt(page.bytes[:spoolPageSize], number*spoolPageSize)
	if err == io.EOF && n > 0 {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a temporary file: %w", err)
	}
	page.number, page.bytes = number, page.bytes[:n]
	s.pages[number] = page
	return page, nil
}

// spare returns a free page: a new one, or that which was read first.
func (s *spool) spare() *spoolPage {
	if len(s.ring) < spoolPages {
		s.ring = append(s.ring, &spoolPage{number: -1, bytes: make([]byte, spoolPageSize)})
		return s.ring[len(s.ring)-1]
	}
	page := s.ring[s.next]
	s.next = (s.next + 1) % spoolPages
	delete(s.pages, page.number)
	page.number = -1
	return page
}

func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
