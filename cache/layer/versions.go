package layer

import "iter"

// Version is one layer's entry at a path, and what became of it.
type Version struct {
	Entry     // as in the layer's TOC
	Layer int // numbered from 0
	// Visible says whether the entry is what the tree shows at the path or, for a
	// directory, is merged into it.
	Visible  bool
	HiddenBy int    // the lowest layer above that hides it; -1 if none
	HiddenAt string // the path of the entry in HiddenBy that hides it: this path or a parent
	Useless  bool   // a whiteout or opaque marker that hides nothing
}

// Versions yields, for each path at or below the clean prefix that any layer names,
// what each layer has there, bottom first. The slice is reused.
func (t *Tree) Versions(prefix string) iter.Seq2[[]Version, error] {
	return func(yield func([]Version, error) bool) {
		var versions []Version
		for m, err := range t.merged(prefix) {
			if err != nil {
				yield(nil, err)
				return
			}
			versions = m.versions(versions[:0])
			if !yield(versions, nil) {
				return
			}
		}
	}
}

// merged goes through the paths at and below prefix. The merge stands at each in turn.
func (t *Tree) merged(prefix string) iter.Seq2[*merge, error] {
	return func(yield func(*merge, error) bool) {
		m, err := newMerge(t.layers, prefix)
		for err == nil {
			var ok bool
			if ok, err = m.next(); err != nil || !ok || !within(m.path, prefix) {
				break
			}
			if !yield(m, nil) {
				return
			}
			m.enter()
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func (m *merge) versions(to []Version) []Version {
	path := string(m.path)
	v := m.see()
	for i, h := range m.group {
		version := Version{
			Entry: h.rec.entry(path), Layer: h.layer, HiddenBy: -1,
			Visible: v.top >= 0 && i >= v.low && h.rec.kind != Absent,
			Useless: m.useless(i),
		}
		if !version.Visible {
			var at []byte
			version.HiddenBy, at = m.hiddenBy(i)
			version.HiddenAt = string(at)
		}
		to = append(to, version)
	}
	return to
}

// useless reports whether the entry of group[i] is a whiteout or opaque marker
// that hides nothing.
func (m *merge) useless(i int) bool {
	r := &m.group[i].rec
	if r.kind != Absent && r.hides != HidesChildren {
		return false
	}
	below := m.seeBelow(i)
	if r.kind == Absent {
		return below.top < 0
	}
	return below.top < 0 || m.group[below.top].rec.kind != Dir
}

// History returns what each layer has at one clean path, bottom first. Where an
// entry at a parent hides it, HiddenBy and HiddenAt say so.
func (t *Tree) History(path string) ([]Version, error) {
	for versions, err := range t.Versions(path) {
		if err != nil {
			return nil, err
		}
		if versions[0].Path == path {
			return versions, nil
		}
		break
	}
	return nil, ErrNotExist
}

// Lints yields what is odd about the stack and not about one layer alone, with the
// layer's number: whiteouts of nothing, dangling hard links, symbolic links of
// lower layers that an implied directory hides.
func (t *Tree) Lints() iter.Seq2[LayerLint, error] {
	return func(yield func(LayerLint, error) bool) {
		for m, err := range t.merged("") {
			if err != nil {
				yield(LayerLint{}, err)
				return
			}
			for i := range m.group {
				lint, odd, err := t.lint(m, i)
				if err != nil || odd {
					if !yield(lint, err) || err != nil {
						return
					}
				}
			}
		}
	}
}

// LayerLint is a lint of one layer (numbered from 0) of a stack.
type LayerLint struct {
	Layer int
	Lint
}

func (t *Tree) lint(m *merge, i int) (LayerLint, bool, error) {
	h := m.group[i]
	l := LayerLint{Layer: h.layer}
	found := func(code LintCode, detail string) (LayerLint, bool, error) {
		l.Lint = Lint{Code: code, Path: string(m.path), Detail: detail}
		return l, true, nil
	}
	if m.useless(i) {
		return found(LintUselessWhiteout, "")
	}
	if h.rec.kind == HardLink {
		e := h.rec.entry(string(m.path))
		_, ok, err := t.linked(Node{Entry: e, Layer: h.layer})
		if err != nil || ok {
			return l, false, err
		}
		return found(LintDanglingLink, "to "+e.Link)
	}
	if h.rec.kind == Dir && h.rec.implied && h.rec.hides != HidesAll {
		if below := m.seeBelow(i); below.top >= 0 && m.group[below.top].rec.kind == Symlink {
			return found(LintOverSymlink, "hides the link to "+string(m.group[below.top].rec.link))
		}
	}
	return l, false, nil
}
