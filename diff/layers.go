package diff

import (
	"cmp"
	"context"
	"slices"

	"github.com/layers/layers/cache/layer"
)

// layerPairs says what became of each layer, and why that changes the image.
func (c *comparison) layerPairs(ctx context.Context) (pairs []LayerPair, causes []Cause, err error) {
	err = c.eachPair(ctx, func(p *LayerPair, d *layerDelta) {
		pairs = append(pairs, *p)
		if d != nil {
			causes = append(causes, p.cause(d))
		}
	})
	slices.SortStableFunc(causes, weightier)
	return pairs, causes, err
}

// weightier puts the causes first that explain most.
func weightier(a, b Cause) int {
	return cmp.Or(cmp.Compare(abs(b.Unpacked), abs(a.Unpacked)), cmp.Compare(b.Rewritten, a.Rewritten))
}

// eachPair aligns the layers, and tells of each pair; what differs in it is nil if nothing
// does.
func (c *comparison) eachPair(ctx context.Context, tell func(*LayerPair, *layerDelta)) error {
	couples, err := align(c.old.Layers, c.new.Layers)
	if err != nil {
		return err
	}
	oldContent, newContent := c.old.counted(), c.new.counted()
	for _, at := range couples {
		p, d, err := c.layerPair(ctx, at)
		if err != nil {
			return err
		}
		if c.old.blobs() && c.new.blobs() {
			change := contentAt(newContent, at.new) - contentAt(oldContent, at.old)
			p.Content = &change
		}
		tell(&p, d)
	}
	return nil
}

func contentAt(sizes []int64, n int) int64 {
	if n < 0 {
		return 0
	}
	return sizes[n]
}

// layerPair describes a couple; what differs in it is nil if nothing does.
func (c *comparison) layerPair(ctx context.Context, at couple) (p LayerPair, d *layerDelta, err error) {
	var old, new *layer.TOC
	if at.old >= 0 {
		p.Old, old = c.old.layerSide(at.old), c.old.Layers[at.old].TOC
		p.Unpacked -= p.Old.Unpacked
	}
	if at.new >= 0 {
		p.New, new = c.new.layerSide(at.new), c.new.Layers[at.new].TOC
		p.Unpacked += p.New.Unpacked
	}
	if at.old >= 0 && at.new >= 0 {
		p.StepChanged = p.Old.Step != nil && p.New.Step != nil && *p.Old.Step != *p.New.Step
		if p.Old.DiffID == p.New.DiffID {
			p.Relation = sameTar(&p, at)
			return p, nil, nil
		}
		p.Elsewhere = at.elsewhere
	}
	if at.old >= 0 && old == nil || at.new >= 0 && new == nil {
		p.Relation = unreadRelation(at)
		return p, &layerDelta{}, nil
	}
	if d, err = c.delta(ctx, old, new); err != nil {
		return p, nil, err
	}
	d.describe(&p)
	return p, d, nil
}

// unreadRelation is what can be said of a couple of which a layer was not read.
func unreadRelation(at couple) Relation {
	switch {
	case at.old < 0:
		return New
	case at.new < 0:
		return Gone
	}
	return Changed
}

func sameTar(p *LayerPair, at couple) Relation {
	switch {
	case at.elsewhere:
		return Moved
	case p.Old.Digest != p.New.Digest:
		return Recompressed
	}
	return Shared
}

// layerDelta is how one layer differs from another, or from none.
type layerDelta struct {
	old, new  *layer.TOC
	partition partition
	sum       weights
	same      bool               // but for times
	what      map[Attribute]bool // other is what is no attribute
	biggest   biggest            // of the files, if they are asked for
	oldOnly   int64              // names that are files in the old layer only, or differ in kind or content
	newOnly   int64              // names that are files in the new layer only
}

const other Attribute = ""

// delta compares what two layers hold, when each is looked at alone.
func (c *comparison) delta(ctx context.Context, old, new *layer.TOC) (*layerDelta, error) {
	d := &layerDelta{old: old, new: new, what: map[Attribute]bool{}, biggest: biggest{limit: c.biggest}}
	d.partition.owner, d.partition.packages = c.owned.owner, map[*PackageChange]*weights{}
	for change, err := range Files(alone(old), alone(new), FilesOptions{}) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		d.add(&change)
	}
	if old == nil || new == nil || d.what[other] {
		return d, nil
	}
	return d, d.compareHidden()
}

func alone(t *layer.TOC) *layer.Tree {
	if t == nil {
		return layer.Squash(nil)
	}
	return layer.Squash([]*layer.TOC{t})
}

func (d *layerDelta) add(c *Change) {
	d.sum.add(weigh(c))
	d.partition.add(c)
	d.biggest.add(c)
	for _, a := range c.What {
		d.what[a] = true
	}
	another := c.Kind == Replaced || slices.Contains(c.What, Content) || slices.Contains(c.What, Target)
	switch {
	case c.Kind == Added && c.notDir():
		d.newOnly++
	case c.Kind == Deleted && c.notDir(), another && c.Old.Kind != layer.Dir:
		d.oldOnly++
	case another:
		d.newOnly++
	}
	if c.Kind != Modified || another {
		d.what[other] = true
	}
}

// compareHidden looks, of two layers whose files are the same but for attributes, at what
// they hide, and at what only links to lower layers.
func (d *layerDelta) compareHidden() error {
	old, err := d.old.Fingerprint()
	if err != nil {
		return err
	}
	new, err := d.new.Fingerprint()
	if err != nil {
		return err
	}
	if len(d.what) == 0 && old.Content == new.Content {
		d.same = true
		return nil
	}
	if len(d.what) == 0 || d.old.Totals().Files != d.new.Totals().Files {
		d.what[other] = true
		return nil
	}
	for _, err := range whiteouts(d.old, d.new) {
		d.what[other] = true
		return err
	}
	return nil
}

// describe says what the difference makes of a pair.
func (d *layerDelta) describe(p *LayerPair) {
	switch {
	case d.old == nil:
		p.Relation = New
	case d.new == nil:
		p.Relation = Gone
	case d.same:
		p.Relation = Rebuilt
	case !d.what[other]:
		p.Relation = Reattributed
		for _, a := range attributes {
			if d.what[a] {
				p.What = append(p.What, a)
			}
		}
	default:
		p.Relation = Changed
		likeness := d.likeness(p.Old.Files, p.New.Files)
		p.Likeness = &likeness
	}
}

// likeness is the part of all names that are the same, in thousandths.
func (d *layerDelta) likeness(old, new int64) float64 {
	all := old + d.newOnly
	if all <= 0 {
		return 1
	}
	return float64((old-d.oldOnly)*1000/all) / 1000
}

func (p *LayerPair) cause(d *layerDelta) Cause {
	c := Cause{Relation: p.Relation, Content: p.Content, Unpacked: p.Unpacked, Parts: d.partition.parts(), Rewritten: d.sum.rewritten}
	if p.Old != nil {
		c.Old, c.Step = p.Old.Number, p.Old.Step
	}
	if p.New != nil {
		c.New, c.Step = p.New.Number, p.New.Step
	}
	return c
}
