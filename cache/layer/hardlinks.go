package layer

// linkGroup is the names that are one file. Numbers are given in path order.
type linkGroup struct{ number, links uint32 }

// pendingLink is a hard link whose target had not come yet, with its record as long
// as nothing has replaced it. There may be a million: the record has the rest.
type pendingLink struct{ node, ref uint32 }

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
		if clean, err = b.takeOver(&t); err != nil {
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
	b.pending = append(b.pending, pendingLink{node: i, ref: ref})
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
// can only be in a lower layer. Each is looked at once.
func (b *builder) resolveLinks() error {
	var chain []uint32
	for _, p := range b.pending {
		n := b.nodes.at(p.node)
		if n.kind != HardLink || n.ref != p.ref || n.state != alive || !b.nodes.reachable(p.node) {
			continue
		}
		var err error
		if chain, err = b.resolveChain(p.node, chain[:0]); err != nil {
			return err
		}
	}
	return nil
}

// resolveChain follows links to links up to a file, and joins all on the way to it.
func (b *builder) resolveChain(i uint32, chain []uint32) ([]uint32, error) {
	for {
		chain = append(chain, i)
		b.nodes.at(i).state = onChain
		r, err := b.recordOf(b.nodes.at(i))
		if err != nil {
			return chain, err
		}
		target, err := b.lookup(r.link, b.nodes.path(i, nil))
		if err != nil {
			return chain, err
		}
		if t := b.nodes.at(target); target != 0 && t.kind == HardLink && t.state == alive {
			i = target
			continue
		}
		return chain, b.endChain(chain, target)
	}
}

// endChain settles the links of a chain, the last of which leads to the target.
func (b *builder) endChain(chain []uint32, target uint32) error {
	t := *b.nodes.at(target)
	if target == 0 || t.kind == Dir || t.kind == Absent || t.kind == HardLink {
		return b.pointChain(chain, &t)
	}
	for _, i := range chain {
		b.nodes.at(i).kind = Absent // nothing is replaced
		if err := b.join(i, t.kind, t.ref, nil); err != nil {
			return err
		}
	}
	return nil
}

// pointChain makes all hard links of a chain lead where its end does, which only
// a lower layer can have: none is left that leads to a link of this layer.
func (b *builder) pointChain(chain []uint32, end *node) error {
	last := chain[len(chain)-1]
	own, err := b.linkOf(b.nodes.at(last))
	if err != nil {
		return err
	}
	b.lint(LintLowerLink, b.nodes.path(last, nil), "to "+own, 0)
	target := own
	if end.kind == HardLink {
		if target, err = b.linkOf(end); err != nil {
			return err
		}
	}
	for _, i := range chain {
		if err := b.point(b.nodes.at(i), target); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) point(n *node, target string) error {
	n.state = settled
	r, err := b.recordOf(n)
	if err != nil || string(r.link) == target {
		return err
	}
	if err := b.nodes.names.count(len(target)); err != nil {
		return err
	}
	r.link = []byte(target)
	n.ref, err = b.spool.add(r.append(nil))
	return err
}

// takeOver is linkOf for a link that is to lead there too: a short name in the tar
// stands for a long one then, and the sum of those is held to a limit.
func (b *builder) takeOver(n *node) (string, error) {
	link, err := b.linkOf(n)
	if err == nil {
		err = b.nodes.names.count(len(link))
	}
	return link, err
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
