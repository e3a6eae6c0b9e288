package budget

import (
	"cmp"
	"context"
	"slices"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/diff"
	"github.com/layers/layers/inspect/packages"
)

// mostParts is how many parts of a layer are told.
const mostParts = 5

// hold takes the largest causes; what they do not explain is the rest.
func (out *Result) hold(all []Cause) {
	all = slices.DeleteFunc(all, func(c Cause) bool { return c.Bytes <= 0 })
	slices.SortStableFunc(all, func(a, b Cause) int { return cmp.Compare(b.Bytes, a.Bytes) })
	out.Causes = all[:min(len(all), mostCauses)]
	out.Rest = out.Measured
	for _, c := range out.Causes {
		out.Rest -= c.Bytes
	}
}

// explain says which layers broke a limit, and what in them: those that differ from
// another image's, or, where there is none, the largest.
func (k *checking) explain(ctx context.Context, old *Image, r *Rule, out *Result) error {
	if r.Within.files() {
		return k.explainFiles(ctx, r, out)
	}
	var oldScope []int
	newScope, err := k.within(ctx, k.Image, r.Within, k.Image.all())
	if err != nil {
		return err
	}
	if old == nil {
		return k.explainLargest(ctx, newScope, out)
	}
	if oldScope, err = k.within(ctx, old, r.Within, old.all()); err != nil {
		return err
	}
	return k.explainLayers(ctx, old, oldScope, newScope, out)
}

// explainLargest names the largest of some layers, and what is in those of them that the
// baseline has not: the others are not read.
func (k *checking) explainLargest(ctx context.Context, indexes []int, out *Result) error {
	if err := k.explainLayers(ctx, &Image{}, nil, k.largest(indexes, out.Of), out); err != nil {
		return err
	}
	for i := range out.Causes {
		out.Causes[i].Relation = ""
	}
	return nil
}

// explainFetch says which layers a host must fetch.
func (k *checking) explainFetch(ctx context.Context, old *Image, out *Result) error {
	var missing []int
	for n, l := range k.Image.Layers {
		if !old.has(l.Digest) {
			missing = append(missing, n)
		}
	}
	return k.explainLargest(ctx, missing, out)
}

// largest are the largest of some layers.
func (k *checking) largest(indexes []int, of Measure) []int {
	content := k.Image.content()
	size := func(n int) int64 {
		if t := k.Image.Layers[n].Totals; of == Unpacked && t != nil {
			return t.Unpacked
		}
		return content[n]
	}
	slices.SortStableFunc(indexes, func(a, b int) int { return cmp.Compare(size(b), size(a)) })
	return slices.Sorted(slices.Values(indexes[:min(len(indexes), mostCauses)]))
}

// explainLayers compares some layers of both images.
func (k *checking) explainLayers(ctx context.Context, old *Image, oldScope, newScope []int, out *Result) error {
	oldSide, err := k.side(ctx, old, both(oldScope, old.unshared(k.Image)), oldScope)
	if err != nil {
		return err
	}
	own := both(k.Image.unshared(old), k.Image.unshared(k.Baseline.Image))
	newSide, err := k.side(ctx, k.Image, both(newScope, own), newScope)
	if err != nil {
		return err
	}
	causes, err := diff.Causes(ctx, oldSide, newSide, mostFiles)
	if err != nil {
		return err
	}
	var all []Cause
	for _, c := range causes {
		all = append(all, k.cause(&c, out.Of))
	}
	out.hold(all)
	if err := k.filesOfUnexplained(ctx, own, out); err != nil {
		return err
	}
	out.Hint = hintCauses(out)
	return nil
}

func both(a, b []int) []int {
	return slices.DeleteFunc(slices.Clone(a), func(n int) bool { return !slices.Contains(b, n) })
}

func (k *checking) cause(c *diff.LayerCause, of Measure) Cause {
	out := Cause{Layer: cmp.Or(c.New, c.Old), Relation: c.Relation, Step: c.Step, Bytes: c.Unpacked}
	if of == Content && c.Content != nil {
		out.Bytes, out.Unpacked = *c.Content, c.Unpacked
	}
	out.Parts = told(c.Parts)
	for _, f := range c.Biggest {
		if f.Change > 0 {
			out.Files = append(out.Files, File{f.Named, f.Change})
		}
	}
	return out
}

// told are the largest parts of a layer, and the largest package in any case: it says what
// a step was for.
func told(parts []diff.Part) []diff.Part {
	most := slices.Clone(parts[:min(len(parts), mostParts)])
	isPackage := func(p diff.Part) bool { return p.Package != nil && p.Change > 0 }
	if i := slices.IndexFunc(parts, isPackage); i >= len(most) {
		most[len(most)-1] = parts[i]
	}
	return most
}

// side is an image as package diff compares it: some of its layers, of which some are
// read.
func (k *checking) side(ctx context.Context, img *Image, read, scope []int) (*diff.Image, error) {
	side := &diff.Image{Name: img.Name, Digest: img.Digest, Platform: img.Platform}
	held := make([]packages.Layer, len(read))
	if img.Reader != nil {
		var err error
		if held, err = img.layers(ctx, read); err != nil {
			return nil, err
		}
	}
	for _, n := range scope {
		l := img.Layers[n]
		at := diff.Layer{DiffID: l.DiffID, Totals: l.Totals, Digest: l.Digest, Content: l.Content, Step: l.Step, Number: n + 1}
		if i := slices.Index(read, n); i >= 0 {
			at.TOC = held[i].TOC
		}
		side.Layers = append(side.Layers, at)
	}
	if img.Reader == nil {
		side.Packages = &packages.Set{}
		return side, nil
	}
	merged, err := mergedRoot()
	if err != nil {
		return nil, err
	}
	held = slices.Concat([]packages.Layer{merged}, held)
	side.Packages, err = packages.Find(ctx, held)
	side.Paths = func(ctx context.Context, of []packages.Package) ([][]string, error) {
		return packages.Paths(ctx, held, of)
	}
	return side, err
}

// filesOfUnexplained names the files of layers of which nothing else can be told, since
// those that they are compared with cannot be read.
func (k *checking) filesOfUnexplained(ctx context.Context, own []int, out *Result) error {
	for i := range out.Causes {
		c := &out.Causes[i]
		if len(c.Parts) > 0 || len(c.Files) > 0 || c.Relation == diff.Gone || !slices.Contains(own, c.Layer-1) {
			continue
		}
		held, err := k.Image.layers(ctx, []int{c.Layer - 1})
		if err != nil {
			return err
		}
		top := biggestFiles{limit: mostFiles}
		for e, err := range held[0].TOC.Entries("") {
			if err != nil {
				return err
			}
			if e.Kind == layer.File {
				top.add(e.Path, e.Size)
			}
		}
		for _, f := range top.list() {
			c.Files = append(c.Files, File{f.Named, f.Change})
		}
	}
	return nil
}

// explainFiles says in which layers the files of a scope are.
func (k *checking) explainFiles(ctx context.Context, r *Rule, out *Result) error {
	if r.Within.Package != "" {
		return k.explainPackages(ctx, r, out)
	}
	tree, err := k.Image.tree(ctx)
	if err != nil {
		return err
	}
	w := walker{matcher: newMatcher([]string{r.Within.Path})}
	found := newTally(len(k.Image.Layers))
	for n, err := range filesOnce(ctx, tree, w.takes) {
		if err != nil {
			return err
		}
		found.add(n.Carrier, n.Path, n.Size)
	}
	out.hold(found.causes(k.Image))
	out.Rest = 0
	return nil
}

func (k *checking) explainPackages(ctx context.Context, r *Rule, out *Result) error {
	all, err := k.Image.layers(ctx, k.Image.all())
	if err != nil {
		return err
	}
	found, err := packages.Find(ctx, all)
	if err != nil {
		return err
	}
	byLayer := map[int]*Cause{}
	for _, p := range found.Packages {
		if !r.Within.isPackage(&p) || p.Bytes == 0 {
			continue
		}
		c := byLayer[p.Layer]
		if c == nil {
			c = &Cause{Layer: p.Layer, Step: k.Image.Layers[p.Layer-1].Step}
			byLayer[p.Layer] = c
		}
		c.Bytes = plus(c.Bytes, p.Bytes)
		c.Parts = append(c.Parts, diff.Part{
			Kind: diff.PartPackage, Added: p.Bytes, Change: p.Bytes, Files: p.Files,
			Package: &diff.PackageChange{Kind: p.Kind, Name: p.Name, Arch: p.Arch, Path: p.Path, New: p.Version, Unpacked: p.Bytes, Files: p.Files},
		})
	}
	var causes []Cause
	for n := range k.Image.Layers {
		if c := byLayer[n+1]; c != nil {
			slices.SortStableFunc(c.Parts, func(a, b diff.Part) int { return cmp.Compare(b.Change, a.Change) })
			c.Parts = c.Parts[:min(len(c.Parts), mostParts)]
			causes = append(causes, *c)
		}
	}
	out.hold(causes)
	out.Rest = 0
	return nil
}
