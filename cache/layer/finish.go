package layer

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"
)

// finisher turns a builder's nodes into a TOC: one walk over the names sorts them,
// numbers the link groups, sums up and gives each directory its digests; a second
// writes the entries.
type finisher struct {
	b      *builder
	totals Totals
	groups uint32
	firsts [][16]byte // of each group, the hash of its first path
	lower  int64      // hard links to lower layers
	buf    []byte
	path   []byte
}

// finish settles the tree. After it, only writeEntries may be called.
func (b *builder) finish() (*finisher, error) {
	if err := b.resolveLinks(); err != nil {
		return nil, err
	}
	f := &finisher{b: b}
	f.totals.Entries, f.totals.Whiteouts = b.entries, b.marks
	for ref := range b.links {
		b.links[ref] = linkGroup{}
	}
	b.nodes.slots = nil // no more look-ups: memory for what follows
	f.prepare(rootNode)
	f.firsts = make([][16]byte, 0, len(b.links))
	return f, f.digest(rootNode, nil)
}

// prepare sorts the children of every directory, drops those that do not live and
// counts the names of link groups.
func (f *finisher) prepare(dir uint32) {
	nodes := f.b.nodes
	var children []uint32
	for i := nodes.at(dir).child; i != 0; i = nodes.at(i).next {
		if n := nodes.at(i); n.state != dead && (n.kind != Absent || n.hides != HidesNothing) {
			children = append(children, i)
		}
	}
	slices.SortFunc(children, func(x, y uint32) int {
		return bytes.Compare(nodes.name(nodes.at(x)), nodes.name(nodes.at(y)))
	})
	next := uint32(0)
	for _, i := range slices.Backward(children) {
		n := nodes.at(i)
		n.next, next = next, i
		if g, ok := f.b.links[n.ref]; ok {
			g.links++
			f.b.links[n.ref] = g
		}
		if n.kind == Dir {
			f.prepare(i)
		}
	}
	nodes.at(dir).child = next
}

// sums are the running digests of one directory.
type sums struct{ content, times hash.Hash }

// digest computes the digests of what is below a directory, and stores them with
// its record.
func (f *finisher) digest(dir uint32, parent *sums) error {
	nodes := f.b.nodes
	s := sums{content: sha256.New(), times: sha256.New()}
	for i := nodes.at(dir).child; i != 0; i = nodes.at(i).next {
		n := nodes.at(i)
		var err error
		if n.kind == Dir {
			err = f.digest(i, &s)
		} else {
			err = f.digestEntry(i, &s)
		}
		if err != nil {
			return err
		}
	}
	return f.closeDir(dir, parent, s)
}

func (f *finisher) closeDir(dir uint32, parent *sums, s sums) error {
	n := f.b.nodes.at(dir)
	r, err := f.record(n)
	if err != nil {
		return err
	}
	r.digest, r.times = s.content.Sum(nil), s.times.Sum(nil)
	if !n.implied {
		f.totals.Dirs++
	}
	if parent != nil {
		f.include(parent, f.b.nodes.name(n), r, nil)
	}
	n.ref, err = f.b.spool.add(r.append(nil))
	return err
}

func (f *finisher) digestEntry(i uint32, s *sums) error {
	n := f.b.nodes.at(i)
	r, err := f.record(n)
	if err != nil {
		return err
	}
	f.include(s, f.b.nodes.name(n), r, f.count(i, n, r))
	return nil
}

// count adds an entry to the totals and returns what its link group is told by in
// digests: a hash of its first path.
func (f *finisher) count(i uint32, n *node, r *record) (leader []byte) {
	if n.kind == Absent {
		return nil
	}
	f.totals.Files++
	if n.kind == HardLink {
		f.lower++
	}
	g := f.b.links[n.ref]
	if g.links < 2 {
		f.totals.Unpacked += r.size
		return nil
	}
	if g.number == 0 {
		f.groups++
		f.path = f.b.nodes.path(i, f.path[:0])
		first := sha256.Sum256(f.path)
		f.firsts = append(f.firsts, [16]byte(first[:]))
		g.number = f.groups
		f.totals.Unpacked += r.size
		f.b.links[n.ref] = g
	}
	return f.firsts[g.number-1][:]
}

// include adds one child to its directory's digests: all but its times to the
// one, its times to the other.
func (f *finisher) include(s *sums, name []byte, r *record, leader []byte) {
	timeless := *r
	timeless.sec, timeless.nsec, timeless.offset, timeless.times = 0, 0, -1, nil
	timeless.group, timeless.links = 0, 0
	f.buf = appendBytes(f.buf[:0], name)
	f.buf = timeless.append(f.buf)
	f.buf = appendBytes(f.buf, leader)
	s.content.Write(f.buf)
	f.buf = binary.AppendVarint(f.buf[:0], r.sec)
	f.buf = binary.AppendVarint(f.buf, int64(r.nsec))
	f.buf = append(f.buf, r.times...)
	s.times.Write(f.buf)
}

const impliedMode = 0o755

// record reads a node's record and completes it with what only the tree knows.
func (f *finisher) record(n *node) (*record, error) {
	r := &record{kind: n.kind, mode: impliedMode, offset: -1}
	if n.kind == Absent {
		r.mode = 0
	}
	if n.ref != 0 {
		buf, err := f.b.spool.get(n.ref, f.b.buf)
		if err != nil {
			return nil, err
		}
		f.b.buf = buf
		if _, err := r.parse(buf); err != nil {
			return nil, err
		}
	}
	r.hides, r.implied = n.hides, n.implied
	if g := f.b.links[n.ref]; g.links > 1 {
		r.group, r.links = g.number, g.links
	}
	return r, nil
}

// writeEntries gives every entry in path order. The path and the record are
// valid during the call only.
func (f *finisher) writeEntries(write func(path []byte, r *record) error) error {
	return f.writeDir(rootNode, nil, write)
}

func (f *finisher) writeDir(dir uint32, path []byte, write func([]byte, *record) error) error {
	nodes := f.b.nodes
	n := nodes.at(dir)
	r, err := f.record(n)
	if err != nil {
		return err
	}
	if err := write(path, r); err != nil {
		return err
	}
	if dir != rootNode {
		path = append(path, '/')
	}
	for i := n.child; i != 0; i = nodes.at(i).next {
		c := nodes.at(i)
		below := append(path, nodes.name(c)...)
		if c.kind == Dir {
			err = f.writeDir(i, below, write)
		} else {
			err = f.writeEntry(c, below, write)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *finisher) writeEntry(n *node, path []byte, write func([]byte, *record) error) error {
	r, err := f.record(n)
	if err != nil {
		return err
	}
	return write(path, r)
}
