package layer

import (
	"bytes"
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

// linkGroup is the names that are one file. Numbers are given in path order.
type linkGroup struct{ number, links, first uint32 }

// pendingLink is a hard link whose target had not come yet.
type pendingLink struct {
	node   uint32
	ref    uint32 // the node's record, as long as nothing has replaced the link
	target string
	name   string // as in the tar
}

func newBuilder(tempDir string, limits Limits) *builder {
	return &builder{
		nodes:  newNodeTable(limits.Entries),
		spool:  spool{dir: tempDir},
		limits: limits,
		links:  make(map[uint32]linkGroup),
	}
}

// place is where a name leads: a directory of this layer and a last component.
type place struct {
	dir  uint32
	base []byte
	root bool // the name is the root itself
}

const (
	whiteoutPrefix = ".wh."
	aufsPrefix     = ".wh..wh."
	opaqueMarker   = ".wh..wh..opq"
	maxHops        = 255
)

// nameClass says what a tar name is, before anything is looked up.
type nameClass uint8

const (
	plainName nameClass = iota
	whiteoutName
	opaqueName
	aufsName
)

// classify looks at a name's components for AUFS marks.
func classify(h *Header) (nameClass, error) {
	name := bytes.TrimRight(h.Name, "/")
	class := plainName
	for len(name) > 0 {
		component, rest, more := bytes.Cut(name, []byte("/"))
		name = rest
		if !bytes.HasPrefix(component, []byte(whiteoutPrefix)) {
			continue
		}
		c, reason := classifyMark(string(component), more)
		if reason == "" && c == whiteoutName && h.Type == '5' {
			reason = "a whiteout that is a directory"
		}
		if reason != "" {
			return 0, &RefusedError{Entry: string(h.Name), Reason: reason}
		}
		if c == aufsName {
			return aufsName, nil
		}
		class = c
	}
	return class, nil
}

func classifyMark(component string, more bool) (nameClass, string) {
	switch {
	case component == opaqueMarker && !more:
		return opaqueName, ""
	case component == ".wh..wh..":
		return 0, "a whiteout of a whiteout of the parent"
	case strings.HasPrefix(component, aufsPrefix):
		return aufsName, ""
	}
	switch strings.TrimPrefix(component, whiteoutPrefix) {
	case "", ".", "..":
		return 0, "a whiteout of no name, of the directory itself or of its parent"
	}
	if more {
		return 0, "a whiteout with a slash: a whiteout cannot have anything below it"
	}
	return whiteoutName, ""
}

// add takes the next entry of the tar, and the digest of its content if it is a
// regular file.
func (b *builder) add(h *Header, digest []byte) error {
	b.entries++
	if b.entries > b.limits.Entries {
		return &LimitError{What: "entries", Limit: b.limits.Entries, Entry: string(h.Name)}
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
	b.replace(i, kind, h.Name)
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

// replace makes way at a node for an entry of the kind.
func (b *builder) replace(i uint32, kind Kind, name []byte) {
	n := b.nodes.at(i)
	if n.kind == Absent {
		return
	}
	switch {
	case n.kind == Dir && kind == Dir:
		if !n.implied {
			b.lint(LintDuplicate, name, "", 0)
		}
	case n.kind == Dir:
		n.gen++
		b.lint(LintReplacedDir, name, "by a "+kind.String(), 0)
	default:
		b.lint(LintDuplicate, name, "", b.drop(n))
		if kind == Dir {
			// What stood here before hid all that lower layers have here, and a
			// directory that takes its place does not bring it back.
			n.hides = HidesAll
		}
	}
}

// drop takes a name away from its file and returns the bytes that are lost with it.
func (b *builder) drop(n *node) int64 {
	if n.kind != File || n.ref == 0 {
		return 0
	}
	if g := b.links[n.ref]; g.links > 1 {
		g.links--
		b.links[n.ref] = g
		return 0
	}
	var r record
	buf, err := b.spool.get(n.ref, b.buf)
	if err != nil {
		return 0 // the same read fails again when the TOC is written
	}
	b.buf = buf
	if _, err := r.parse(buf); err != nil {
		return 0
	}
	return r.size
}

// addLink makes a name for a file that this layer has, or notes that it wants one.
// A target that comes later in the tar is found at the end.
func (b *builder) addLink(h *Header, at place) error {
	target, err := b.lookup(h.Link, h.Name)
	if err != nil {
		return err
	}
	i, err := b.nodes.add(at.dir, at.base)
	if err != nil {
		return err
	}
	if target == i && b.nodes.at(i).kind != Dir {
		b.lint(LintDuplicate, h.Name, "a hard link to itself", 0)
		return nil
	}
	if target != 0 {
		t := *b.nodes.at(target)
		if t.kind != Dir && t.kind != Absent && t.kind != HardLink {
			b.join(i, t.kind, t.ref, h.Name)
			return nil
		}
	}
	clean, escaped := cleanPath(h.Link)
	if escaped {
		b.lint(LintEscapes, h.Link, "the target of a hard link", 0)
	}
	return b.addPending(h, i, clean)
}

// addPending gives a node a hard link whose target this layer does not hold yet.
func (b *builder) addPending(h *Header, i uint32, target string) error {
	r := record{kind: HardLink, link: []byte(target), offset: h.Offset}
	ref, err := b.spool.add(r.append(nil))
	if err != nil {
		return err
	}
	b.replace(i, HardLink, h.Name)
	n := b.nodes.at(i)
	n.kind, n.ref, n.implied = HardLink, ref, false
	b.pending = append(b.pending, pendingLink{node: i, ref: ref, target: string(h.Link), name: string(h.Name)})
	return nil
}

// join makes node i a further name of the file with the record.
func (b *builder) join(i uint32, kind Kind, ref uint32, name []byte) {
	if n := b.nodes.at(i); n.kind == kind && n.ref == ref {
		return
	}
	g, ok := b.links[ref]
	if !ok {
		g.links = 1
	}
	g.links++
	b.links[ref] = g
	b.replace(i, kind, name)
	n := b.nodes.at(i)
	n.kind, n.ref, n.implied = kind, ref, false
}

// resolveLinks joins the hard links that came before their targets. What is left
// can only be in a lower layer.
func (b *builder) resolveLinks() error {
	byNode := make(map[uint32]int, len(b.pending))
	for i, p := range b.pending {
		if b.nodes.at(p.node).ref == p.ref && b.reachable(p.node) {
			byNode[p.node] = i
		}
	}
	for i, p := range b.pending {
		if _, ok := byNode[p.node]; !ok || b.nodes.at(p.node).ref != p.ref {
			continue
		}
		if err := b.resolveChain(i, byNode); err != nil {
			return err
		}
	}
	return nil
}

// resolveChain follows links to links up to a file, and joins all on the way to it.
func (b *builder) resolveChain(i int, byNode map[uint32]int) error {
	var chain []uint32
	for {
		p := b.pending[i]
		chain = append(chain, p.node)
		delete(byNode, p.node)
		target, err := b.lookup([]byte(p.target), []byte(p.name))
		if err != nil {
			return err
		}
		if next, ok := byNode[target]; ok {
			i = next
			continue
		}
		b.joinChain(chain, target, p)
		return nil
	}
}

func (b *builder) joinChain(chain []uint32, target uint32, last pendingLink) {
	t := *b.nodes.at(target)
	if target == 0 || t.kind == Dir || t.kind == Absent || t.kind == HardLink {
		b.lint(LintLowerLink, []byte(last.name), "to "+last.target, 0)
		return
	}
	for _, i := range chain {
		b.nodes.at(i).kind = Absent // nothing is replaced
		b.join(i, t.kind, t.ref, []byte(last.name))
	}
}

// reachable reports whether a node and all its parents live.
func (b *builder) reachable(i uint32) bool {
	for i != rootNode {
		n := b.nodes.at(i)
		if !b.nodes.lives(n) {
			return false
		}
		i = n.parent
	}
	return true
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

// pathLength counts the bytes of a node's path.
func (b *builder) pathLength(i uint32) int64 {
	var n int64
	for i != rootNode {
		p := b.nodes.at(i)
		n += int64(p.nameLen) + 1
		i = p.parent
	}
	return n
}
