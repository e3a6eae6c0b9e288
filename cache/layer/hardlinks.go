package layer

// linkGroup is the names that are one file. Numbers are given in path order.
type linkGroup struct{ number, links uint32 }

// pendingLink is a hard link whose target had not come yet.
type pendingLink struct {
	node   uint32
	ref    uint32 // the node's record, as long as nothing has replaced the link
	target string
	name   string // as in the tar
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
	if k := b.nodes.at(i).kind; target == i && k != Dir && k != Absent {
		b.lint(LintDuplicate, h.Name, "a hard link to itself", 0)
		return nil
	}
	clean, escaped := cleanPath(h.Link)
	if escaped {
		b.lint(LintEscapes, h.Link, "the target of a hard link", 0)
	}
	switch t := *b.nodes.at(target); {
	case target == 0 || t.kind == Dir || t.kind == Absent:
	case t.kind == HardLink:
		// It is a link to the same file, whatever becomes of that name.
		if clean, err = b.linkOf(&t); err != nil {
			return err
		}
	default:
		return b.join(i, t.kind, t.ref, h.Name)
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
	if i, err = b.replace(i, HardLink, h.Name); err != nil {
		return err
	}
	n := b.nodes.at(i)
	n.kind, n.ref, n.implied = HardLink, ref, false
	b.pending = append(b.pending, pendingLink{node: i, ref: ref, target: target, name: string(h.Name)})
	return nil
}

// join makes node i a further name of the file with the record.
func (b *builder) join(i uint32, kind Kind, ref uint32, name []byte) (err error) {
	if n := b.nodes.at(i); n.kind == kind && n.ref == ref {
		return nil
	}
	g, ok := b.links[ref]
	if !ok {
		g.links = 1
	}
	g.links++
	b.links[ref] = g
	if i, err = b.replace(i, kind, name); err != nil {
		return err
	}
	n := b.nodes.at(i)
	n.kind, n.ref, n.implied = kind, ref, false
	return nil
}

// resolveLinks joins the hard links that came before their targets. What is left
// can only be in a lower layer.
func (b *builder) resolveLinks() error {
	byNode := make(map[uint32]int, len(b.pending))
	for i, p := range b.pending {
		if b.nodes.at(p.node).ref == p.ref && b.nodes.reachable(p.node) {
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
		return b.joinChain(chain, target, p)
	}
}

func (b *builder) joinChain(chain []uint32, target uint32, last pendingLink) error {
	t := *b.nodes.at(target)
	if target == 0 || t.kind == Dir || t.kind == Absent || t.kind == HardLink {
		b.lint(LintLowerLink, []byte(last.name), "to "+last.target, 0)
		return b.pointChain(chain, &t, last.target)
	}
	for _, i := range chain {
		b.nodes.at(i).kind = Absent // nothing is replaced
		if err := b.join(i, t.kind, t.ref, []byte(last.name)); err != nil {
			return err
		}
	}
	return nil
}

// pointChain makes all hard links of a chain lead where its end does, which only
// a lower layer can have: none is left that leads to a link of this layer.
func (b *builder) pointChain(chain []uint32, end *node, target string) (err error) {
	if end.kind == HardLink {
		if target, err = b.linkOf(end); err != nil {
			return err
		}
	}
	for _, i := range chain {
		n := b.nodes.at(i)
		r, err := b.recordOf(n)
		if err != nil {
			return err
		}
		if string(r.link) == target {
			continue
		}
		r.link = []byte(target)
		if n.ref, err = b.spool.add(r.append(nil)); err != nil {
			return err
		}
	}
	return nil
}

// linkOf returns the clean target of a node that is a hard link.
func (b *builder) linkOf(n *node) (string, error) {
	r, err := b.recordOf(n)
	return string(r.link), err
}

// recordOf reads a node's record, which is valid until the next is read.
func (b *builder) recordOf(n *node) (r record, err error) {
	if b.buf, err = b.spool.get(n.ref, b.buf); err != nil {
		return r, err
	}
	_, err = r.parse(b.buf)
	return r, err
}
