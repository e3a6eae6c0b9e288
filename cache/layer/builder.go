package layer

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// builder makes one tree of what a layer adds and hides, from its entries in the
// order of the tar. Whether a whiteout comes before or after what the same layer
// adds makes no difference; of two entries for one path the later wins.
type builder struct {
	nodes   *nodeTable
	spool   spool
	limits  Limits
	links   map[uint32]linkGroup // by record, for files that have more names than one
	pending []pendingLink
	lints   lintLog
	entries int64
	marks   int64 // whiteouts and opaque markers
	buf     []byte
	xattrs  []byte
}

func newBuilder(tempDir string, limits Limits) *builder {
	return &builder{
		nodes:  newNodeTable(limits),
		spool:  spool{dir: tempDir},
		limits: limits,
		links:  make(map[uint32]linkGroup),
	}
}

// add takes the next entry of the tar, and the digest of its content if it is a
// regular file.
func (b *builder) add(h *Header, digest []byte) error {
	err := b.addHeader(h, digest)
	var limit *LimitError
	if errors.As(err, &limit) && limit.Entry == "" {
		return &LimitError{What: limit.What, Limit: limit.Limit, Entry: string(h.Name)}
	}
	return err
}

// memory is what the builder holds, in bytes, about.
func (b *builder) memory() int64 {
	const perLink = 64 // in a map, and what waits for its target
	return b.nodes.memory() + b.spool.memoryUsed() + int64(len(b.links)+len(b.pending))*perLink
}

func (b *builder) addHeader(h *Header, digest []byte) error {
	b.entries++
	if b.entries > b.limits.Entries {
		return &LimitError{What: "entries", Limit: b.limits.Entries}
	}
	class, err := classify(h)
	if err != nil {
		return err
	}
	if class == aufsName {
		b.lint(LintAUFS, h.Name, "", h.Size)
		return nil
	}
	if h.Type == '3' && h.Major == 0 && h.Minor == 0 && class == plainName {
		b.lint(LintOverlayWhiteout, h.Name, "", 0)
		return nil
	}
	if !utf8.Valid(h.Name) {
		b.lint(LintNotUTF8, h.Name, "", 0)
	}
	at, err := b.locate(h.Name)
	if err != nil {
		return err
	}
	if class != plainName {
		return b.addMark(h, class, at)
	}
	if at.root {
		return b.addRoot(h)
	}
	return b.addEntry(h, digest, at)
}

func (b *builder) addMark(h *Header, class nameClass, at place) error {
	b.marks++
	if h.Size > 0 || (h.Type != '0') {
		b.lint(LintOddWhiteout, h.Name, "", h.Size)
	}
	if class == opaqueName {
		n := b.nodes.at(at.dir)
		n.hides = max(n.hides, HidesChildren)
		return nil
	}
	i, err := b.nodes.add(at.dir, at.base[len(whiteoutPrefix):])
	if err != nil {
		return err
	}
	n := b.nodes.at(i)
	n.hides = HidesAll
	return nil
}

func (b *builder) addRoot(h *Header) error {
	if h.Type != '5' {
		b.lint(LintRootNotDir, h.Name, "", h.Size)
		return nil
	}
	ref, err := b.store(h, Dir, nil)
	if err != nil {
		return err
	}
	n := b.nodes.at(rootNode)
	if !n.implied {
		b.lint(LintDuplicate, h.Name, "", 0)
	}
	n.ref, n.implied = ref, false
	return nil
}

func (b *builder) addEntry(h *Header, digest []byte, at place) error {
	if h.Type == '1' {
		return b.addLink(h, at)
	}
	kind := kindOf(h.Type)
	ref, err := b.store(h, kind, digest)
	if err != nil {
		return err
	}
	i, err := b.nodes.add(at.dir, at.base)
	if err != nil {
		return err
	}
	if i, err = b.replace(i, kind, h.Name); err != nil {
		return err
	}
	n := b.nodes.at(i)
	n.kind, n.ref, n.implied = kind, ref, false
	return nil
}

func kindOf(typeflag byte) Kind {
	switch typeflag {
	case '2':
		return Symlink
	case '3':
		return Char
	case '4':
		return Block
	case '5':
		return Dir
	case '6':
		return Fifo
	}
	return File
}

// store writes an entry's attributes to the spool.
func (b *builder) store(h *Header, kind Kind, digest []byte) (uint32, error) {
	r := record{kind: kind, mode: uint32(h.Mode) & 0o7777, offset: h.Offset, sec: h.ModTime.Sec, nsec: h.ModTime.Nsec}
	r.uid, r.gid = b.owner(h.UID, h.Name), b.owner(h.GID, h.Name)
	switch kind {
	case File:
		r.size, r.digest = h.Size, digest
	case Symlink:
		r.link = h.Link
	case Char, Block:
		if h.Major < 0 || h.Major > math.MaxUint32 || h.Minor < 0 || h.Minor > math.MaxUint32 {
			return 0, &RefusedError{Entry: string(h.Name), Reason: fmt.Sprintf("device number %d:%d", h.Major, h.Minor)}
		}
		r.major, r.minor = uint32(h.Major), uint32(h.Minor)
	}
	b.xattrs = appendXattrs(b.xattrs[:0], b.safeXattrs(h))
	r.xattrs = b.xattrs
	b.buf = r.append(b.buf[:0])
	return b.spool.add(b.buf)
}

const (
	overflowID = 65534
	maxID      = math.MaxUint32 - 1
)

// owner takes an id that no kernel has for nobody's, never for root's (CVE-2024-40635).
func (b *builder) owner(id int64, name []byte) uint32 {
	if id < 0 || id > maxID {
		b.lint(LintOwnerRange, name, fmt.Sprint(id), 0)
		return overflowID
	}
	return uint32(id)
}

// safeXattrs leaves out what overlayfs would take for its own.
func (b *builder) safeXattrs(h *Header) []Xattr {
	for i, x := range h.Xattrs {
		if !isOverlayXattr(x.Name) {
			continue
		}
		safe := append([]Xattr(nil), h.Xattrs[:i]...)
		for _, x := range h.Xattrs[i:] {
			if isOverlayXattr(x.Name) {
				b.lint(LintOverlayXattr, h.Name, x.Name, 0)
				continue
			}
			safe = append(safe, x)
		}
		return safe
	}
	return h.Xattrs
}

func isOverlayXattr(name string) bool {
	return strings.HasPrefix(name, "trusted.overlay.") || strings.HasPrefix(name, "user.overlay.")
}

// lint notes an odd construct under its clean path, or, where the name itself is
// odd, as the tar has it.
func (b *builder) lint(code LintCode, name []byte, detail string, bytes int64) {
	path := string(name)
	if code != LintAUFS && code != LintEscapes {
		path, _ = cleanPath(name)
	}
	b.lints.add(Lint{Code: code, Path: path, Detail: detail, Bytes: bytes})
}
