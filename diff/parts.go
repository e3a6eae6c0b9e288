package diff

import (
	"cmp"
	"slices"
	"strings"

	"github.com/layers/layers/cache/layer"
)

// weights are by how much something differs. added less removed is the change; rewritten
// is the bytes of files with another content.
type weights struct{ added, removed, rewritten, files int64 }

func (w *weights) add(o weights) {
	w.added += o.added
	w.removed += o.removed
	w.rewritten += o.rewritten
	w.files += o.files
}

// heavier orders by change, then by what was written again.
func heavier(a, b weights) int {
	return cmp.Or(
		cmp.Compare(abs(b.added-b.removed), abs(a.added-a.removed)),
		cmp.Compare(b.rewritten, a.rewritten), cmp.Compare(b.files, a.files))
}

func abs(n int64) int64 { return max(n, -n) }

// weigh says by how much a path differs.
func weigh(c *Change) weights {
	d := c.NewBytes - c.OldBytes
	w := weights{added: max(d, 0), removed: max(-d, 0)}
	if slices.Contains(c.What, Content) {
		w.rewritten = max(c.NewBytes, c.OldBytes)
	}
	if c.notDir() {
		w.files = 1
	}
	return w
}

// notDir reports whether there is something else than a directory on either side.
func (c *Change) notDir() bool {
	return c.Old != nil && c.Old.Kind != layer.Dir || c.New != nil && c.New.Kind != layer.Dir
}

// partition sorts the changes of a layer by what they are of: packages, and of what no
// package owns the directories that explain most. Memory is bounded: where very many
// directories differ, the deep ones are not told apart.
type partition struct {
	owner    func(c *Change) *PackageChange // nil where no package that differs owns the path
	packages map[*PackageChange]*weights
	root     place
	places   int
}

const mostPlaces = 50_000

// place is a directory or a file by which a layer changed.
type place struct {
	name   string
	sum    weights // of all below it
	below  map[string]*place
	parent *place
	file   bool // it is no directory
}

func (p *partition) add(c *Change) {
	w := weigh(c)
	if of := p.owner(c); of != nil {
		if p.packages[of] == nil {
			p.packages[of] = &weights{}
		}
		p.packages[of].add(w)
		return
	}
	at := &p.root
	at.sum.add(w)
	if c.Path == "" {
		return
	}
	for name := range strings.SplitSeq(c.Path, "/") {
		next := at.below[name]
		if next == nil {
			if p.places >= mostPlaces || w == (weights{}) {
				return
			}
			p.places++
			next = &place{name: name, parent: at}
			if at.below == nil {
				at.below = map[string]*place{}
			}
			at.below[name] = next
		}
		at = next
		at.sum.add(w)
	}
	at.file = c.notDir()
}

// parts are all of it, the heaviest first.
func (p *partition) parts() (all []Part) {
	for of, w := range p.packages {
		all = append(all, part(*w, Part{Kind: PartPackage, Package: of}))
	}
	measure := p.root.sum.measure()
	least := max(measure(p.root.sum)/10, 1)
	all = append(all, p.root.parts(least, measure)...)
	slices.SortFunc(all, func(a, b Part) int { return cmp.Or(heavier(a.weights(), b.weights()), cmp.Compare(a.name(), b.name())) })
	return all
}

// measure is what of weights tells places apart: bytes that came or went, else those
// that were written again, else files.
func (w weights) measure() func(weights) int64 {
	switch {
	case w.added+w.removed > 0:
		return func(w weights) int64 { return w.added + w.removed }
	case w.rewritten > 0:
		return func(w weights) int64 { return w.rewritten }
	}
	return func(w weights) int64 { return w.files }
}

func part(w weights, p Part) Part {
	p.Added, p.Removed, p.Change, p.Files, p.rewritten = w.added, w.removed, w.added-w.removed, w.files, w.rewritten
	return p
}

func (p *Part) weights() weights { return weights{p.Added, p.Removed, p.rewritten, p.Files} }

// name orders parts of the same weight.
func (p *Part) name() string {
	if p.Package != nil {
		return string(p.Package.Kind) + " " + p.Package.Name + " " + p.Package.Arch
	}
	return p.Path
}

// parts tells apart what is heavy below a place; what is left is one part, named by the
// directory that has all of it.
func (p *place) parts(least int64, measure func(weights) int64) (all []Part) {
	rest, at, light := p.sum, p, 0
	for _, child := range p.below {
		if measure(child.sum) < least {
			at, light = child, light+1
			continue
		}
		all = append(all, child.parts(least, measure)...)
		rest.add(child.sum.negative())
	}
	switch {
	case rest == (weights{}):
		return all
	case light == 1 && rest == at.sum: // all of it is there, and none of it is heavy
		return append(all, at.parts(least, measure)...)
	case p.file && p.below == nil:
		return append(all, part(rest, Part{Kind: PartFile, Named: p.named()}))
	}
	return append(all, part(rest, Part{Kind: PartDirectory, Named: p.named()}))
}

func (w weights) negative() weights { return weights{-w.added, -w.removed, -w.rewritten, -w.files} }

func (p *place) named() *layer.Named {
	name := layer.Name(p.path())
	return &name
}

func (p *place) path() string {
	if p.parent == nil {
		return ""
	}
	if dir := p.parent.path(); dir != "" {
		return dir + "/" + p.name
	}
	return p.name
}
