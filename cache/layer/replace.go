package layer

// replace makes way at a node for an entry of the kind, and returns the node that
// is to have it: another one where all that is below the node goes too.
func (b *builder) replace(i uint32, kind Kind, name []byte) (uint32, error) {
	n := b.nodes.at(i)
	switch {
	case n.kind == Absent:
		return i, nil
	case n.kind == Dir && kind == Dir:
		if !n.implied {
			b.lint(LintDuplicate, name, "", 0)
		}
		return i, nil
	case n.kind == Dir:
		lost, err := b.dropBelow(i)
		if err != nil {
			return 0, err
		}
		b.lint(LintReplacedDir, name, "by a "+kind.String(), lost)
		return b.nodes.bury(i)
	}
	lost, err := b.drop(n)
	if err != nil {
		return 0, err
	}
	b.lint(LintDuplicate, name, "", lost)
	if kind == Dir {
		// What stood here before hid all that lower layers have here, and a
		// directory that takes its place does not bring it back.
		n.hides = HidesAll
	}
	return i, nil
}

// dropBelow drops all that lies below a directory, which happens at most once to
// each name.
func (b *builder) dropBelow(dir uint32) (lost int64, err error) {
	for i := b.nodes.at(dir).child; i != 0 && err == nil; i = b.nodes.at(i).next {
		var bytes int64
		switch n := b.nodes.at(i); {
		case n.state == dead:
		case n.kind == Dir:
			bytes, err = b.dropBelow(i)
		default:
			bytes, err = b.drop(n)
		}
		lost += bytes
	}
	return lost, err
}

// drop takes a name away from its file and returns the bytes that are lost with it.
func (b *builder) drop(n *node) (int64, error) {
	if n.kind != File || n.ref == 0 {
		return 0, nil
	}
	if g := b.links[n.ref]; g.links > 1 {
		g.links--
		b.links[n.ref] = g
		return 0, nil
	}
	r, err := b.recordOf(n)
	return r.size, err
}
