package layer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"os"
	"slices"
	"sort"
)

// TOC is the table of contents of one layer: its entries, sorted by ComparePaths,
// on disk or in memory. It is safe for concurrent use.
type TOC struct {
	r      io.ReaderAt
	file   *os.File // nil if in memory
	size   int64
	blocks []tocRef
	meta   tocMeta
}

// tocRef is where a block lies, and the path of its first entry.
type tocRef struct {
	first  string
	at     int64
	length int
	sum    uint32
}

// Totals are sums over one layer.
type Totals struct {
	Entries   int64 `json:"entries"`   // in the tar, duplicates included
	Files     int64 `json:"files"`     // names that are neither directories nor whiteouts
	Dirs      int64 `json:"dirs"`      // directories that the tar names
	Whiteouts int64 `json:"whiteouts"` // whiteouts and opaque markers
	Unpacked  int64 `json:"unpacked"`  // bytes of regular files, each link group once
	TarSize   int64 `json:"tarSize"`   // bytes of the uncompressed tar
}

// ErrFormat says that a derived file (a TOC, Extents or Kept) is damaged or of
// another version: it is to be made again.
var ErrFormat = errors.New("damaged, or of another version")

// smallTOC is read whole, so that no file stays open for it.
const smallTOC = 64 << 10

// OpenTOC opens the file at path, by a few small reads.
func OpenTOC(path string) (*TOC, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if info.Size() <= smallTOC {
		data, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		return ReadTOC(data)
	}
	t := &TOC{r: f, file: f, size: info.Size()}
	if err := t.load(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return t, nil
}

// ReadTOC takes the bytes of a TOC file, which it keeps, and checks them all.
func ReadTOC(data []byte) (*TOC, error) {
	t := &TOC{r: bytes.NewReader(data), size: int64(len(data))}
	if err := t.load(); err != nil {
		return nil, err
	}
	for _, b := range t.blocks {
		if crc32.Checksum(data[b.at:b.at+int64(b.length)], castagnoli) != b.sum {
			return nil, fmt.Errorf("table of contents: %w", ErrFormat)
		}
	}
	return t, nil
}

// Close frees the file. Walks that are under way end with an error.
func (t *TOC) Close() error {
	if t.file == nil {
		return nil
	}
	return t.file.Close()
}

// DiffID is the layer's.
func (t *TOC) DiffID() DiffID { return t.meta.DiffID }

// Totals are the layer's sums, which need no walk.
func (t *TOC) Totals() Totals { return t.meta.Totals }

// Linked reports whether any file of the layer has several names: in the layer, or as
// hard links to lower layers' files.
func (t *TOC) Linked() bool { return t.meta.Groups > 0 || t.meta.LowerLinks > 0 }

// Lints returns the first 1,000 odd constructs by path, and how many there are in all.
func (t *TOC) Lints() (first []Lint, total int) { return slices.Clone(t.meta.Lints), t.meta.LintCount }

func (t *TOC) load() error {
	bad := fmt.Errorf("table of contents: %w", ErrFormat)
	trailer := make([]byte, tocTrailer)
	if t.size < int64(len(tocMagic))+tocTrailer {
		return bad
	}
	if _, err := t.r.ReadAt(trailer, t.size-tocTrailer); err != nil {
		return fmt.Errorf("reading the table of contents: %w", err)
	}
	if string(trailer[36:]) != tocMagic {
		return bad
	}
	indexAt, indexLen := int64(le.Uint64(trailer)), int64(le.Uint64(trailer[8:]))
	metaAt, metaLen := int64(le.Uint64(trailer[16:])), int64(le.Uint64(trailer[24:]))
	if indexLen < 0 || metaLen < 0 || indexLen > maxTOCIndex || metaLen > maxTOCIndex ||
		indexAt < int64(len(tocMagic)) || metaAt != indexAt+indexLen || metaAt+metaLen != t.size-tocTrailer {
		return bad
	}
	both := make([]byte, indexLen+metaLen)
	if _, err := t.r.ReadAt(both, indexAt); err != nil {
		return fmt.Errorf("reading the table of contents: %w", err)
	}
	sum := crc32.Update(crc32.Checksum(both, castagnoli), castagnoli, trailer[:32])
	if sum != le.Uint32(trailer[32:]) || json.Unmarshal(both[indexLen:], &t.meta) != nil || !t.loadIndex(both[:indexLen], indexAt) {
		return bad
	}
	return nil
}

func (t *TOC) loadIndex(index []byte, end int64) bool {
	d := decoder{b: index}
	at := int64(len(tocMagic))
	var path []byte
	for len(d.b) > 0 {
		shared := d.uvarint()
		suffix := d.bytes()
		length := d.uvarint()
		sum := d.take(4)
		if d.err != nil || shared > uint64(len(path)) || length > maxTOCRecord+tocBlock {
			return false
		}
		path = append(path[:shared], suffix...)
		t.blocks = append(t.blocks, tocRef{first: string(path), at: at, length: int(length), sum: le.Uint32(sum)})
		at += int64(length)
	}
	return d.err == nil && at == end
}

// block reads block i into buf[:0] and checks it.
func (t *TOC) block(i int, buf []byte) ([]byte, error) {
	b := t.blocks[i]
	if cap(buf) < b.length {
		buf = make([]byte, b.length)
	}
	buf = buf[:b.length]
	if _, err := t.r.ReadAt(buf, b.at); err != nil {
		return nil, fmt.Errorf("reading the table of contents: %w", err)
	}
	if crc32.Checksum(buf, castagnoli) != b.sum {
		return nil, fmt.Errorf("table of contents: %w", ErrFormat)
	}
	return buf, nil
}

// Lookup returns the entry at a clean path, or ErrNotExist.
func (t *TOC) Lookup(path string) (Entry, error) {
	c := cursor{toc: t}
	ok, err := c.find(path)
	if err == nil && !ok {
		err = ErrNotExist
	}
	if err != nil {
		return Entry{}, err
	}
	return c.rec.entry(path), nil
}

// Entries yields the entry at the clean path prefix, if there is one, and all
// below it, in order. "" is everything.
func (t *TOC) Entries(prefix string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		c := t.seek(prefix)
		for {
			ok, err := c.next()
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if !ok || !within(c.path, prefix) || !yield(c.rec.entry(string(c.path)), nil) {
				return
			}
		}
	}
}

// within reports whether path is prefix or below it.
func within(path []byte, prefix string) bool {
	if prefix == "" {
		return true
	}
	return len(path) >= len(prefix) && string(path[:len(prefix)]) == prefix &&
		(len(path) == len(prefix) || path[len(prefix)] == '/')
}

// Verify reads all of the TOC and checks every checksum and the order of the paths.
func (t *TOC) Verify() error {
	c := t.seek("")
	var last []byte
	for first := true; ; first = false {
		ok, err := c.next()
		if err != nil || !ok {
			return err
		}
		if !first && comparePaths(last, c.path) >= 0 {
			return fmt.Errorf("table of contents: %w", ErrFormat)
		}
		last = append(last[:0], c.path...)
	}
}

// cursor goes through a TOC's entries. Its path and record are valid until next.
type cursor struct {
	toc  *TOC
	at   int // next block
	buf  []byte
	rest []byte
	path []byte
	rec  record
	held bool // next was read ahead by seek
	done bool
	err  error
}

// seek returns a cursor whose first next gives the first entry at or after path.
func (t *TOC) seek(path string) *cursor {
	c := &cursor{toc: t}
	c.seek(path)
	return c
}

// seek moves the cursor, so that next gives the first entry at or after path. The
// block that was read last is not read again.
func (c *cursor) seek(path string) {
	blocks := c.toc.blocks
	i := max(sort.Search(len(blocks), func(i int) bool { return ComparePaths(blocks[i].first, path) > 0 })-1, 0)
	c.held, c.done = false, false
	if c.err == nil && c.at == i+1 && len(c.buf) > 0 {
		c.rest, c.path = c.buf, c.path[:0]
	} else {
		c.at, c.rest, c.err = i, nil, nil
	}
	for {
		ok, err := c.next()
		if !ok || err != nil {
			c.done, c.err = true, err
			return
		}
		if comparePaths(c.path, path) >= 0 {
			c.held = true
			return
		}
	}
}

// find moves the cursor to the entry at path, and reports whether there is one.
func (c *cursor) find(path string) (bool, error) {
	c.seek(path)
	ok, err := c.next()
	return ok && string(c.path) == path, err
}

// skip moves the cursor, which stands at path past, so that next gives the first
// entry that is not below it.
func (c *cursor) skip(past string) error {
	isPast := func(path []byte) bool { return !within(path, past) }
	blocks := c.toc.blocks[c.at:]
	i := sort.Search(len(blocks), func(i int) bool { return isPast([]byte(blocks[i].first)) })
	if i > 0 {
		c.at += i - 1
		c.rest = nil
	}
	for {
		ok, err := c.next()
		if !ok || err != nil {
			return err
		}
		if isPast(c.path) {
			c.held = true
			return nil
		}
	}
}

func (c *cursor) next() (bool, error) {
	if c.held {
		c.held = false
		return true, nil
	}
	if c.done {
		return false, c.err
	}
	if len(c.rest) == 0 {
		if c.at == len(c.toc.blocks) {
			c.done = true
			return false, nil
		}
		var err error
		if c.buf, err = c.toc.block(c.at, c.buf); err != nil {
			c.done, c.err = true, err
			return false, err
		}
		c.rest = c.buf
		c.path = c.path[:0]
		c.at++
	}
	return c.parse()
}

func (c *cursor) parse() (bool, error) {
	d := decoder{b: c.rest}
	shared := d.uvarint()
	suffix := d.bytes()
	rest, err := d.b, d.err
	if err == nil && shared > uint64(len(c.path)) {
		err = errRecord
	}
	if err == nil {
		c.path = append(c.path[:shared], suffix...)
		rest, err = c.rec.parse(rest)
	}
	if err != nil {
		c.done, c.err = true, fmt.Errorf("table of contents: %w", ErrFormat)
		return false, c.err
	}
	c.rest = rest
	return true, nil
}
