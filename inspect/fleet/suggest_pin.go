package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/layers/layers/cache/layer"
)

// base is a stack that images are built on.
type base struct {
	*node
	above []int // the images that are built on it, those that it consists of not included
}

// mostTargets is how many versions of a base are tried, those that most images are built
// on first.
const mostTargets = 16

// pins suggests to build on one of several versions of a base.
func (p *proposing) pins() (all []*change) {
	for _, versions := range p.versions() {
		slices.SortStableFunc(versions, func(a, b *base) int { return cmp.Compare(len(b.above), len(a.above)) })
		best, most := 0, int64(0)
		for i := range versions[:min(mostTargets, len(versions))] {
			saves := p.trial.alone(func(t *trial) { t.pin(versions, i) }).both()
			if saves > most {
				best, most = i, saves
			}
		}
		if most > 0 {
			all = append(all, p.pin(versions, best))
		}
	}
	return all
}

func (p *proposing) pin(versions []*base, to int) *change {
	c := &change{Suggestion: Suggestion{Kind: PinBase}, moved: map[int]bool{}}
	target := versions[to]
	changed := map[int]bool{}
	for i, b := range slices.Concat(versions[to:to+1], versions) {
		if b == target && i > 0 {
			continue
		}
		c.Bases = append(c.Bases, p.describe(b))
		for _, image := range b.images {
			c.moved[image] = true
		}
		for _, image := range b.above {
			c.moved[image], changed[image] = true, b != target
		}
	}
	c.Images = p.called(changed)
	c.How = fmt.Sprintf("bytes of the lowest layers of the images on %s, and of the images that consist of these, that then no image needs; layers above the base count as they are", others(len(versions)-1))
	c.apply = func(t *trial) { t.pin(versions, to) }
	return c
}

func others(n int) string {
	if n == 1 {
		return "the other version"
	}
	return fmt.Sprintf("the %d other versions", n)
}

func (p *proposing) describe(b *base) SuggestedBase {
	d := SuggestedBase{Layers: b.depth, Images: len(b.above)}
	d.Chain = layer.Chain(p.s.DiffIDs(b.some)[:b.depth]).String()
	for i, image := range b.images {
		if i == 0 {
			d.Digest = p.s.Digest(image).String()
		}
		d.Names = append(d.Names, p.s.Names(image)...)
	}
	return d
}

// pin builds all images on one version, and drops the others.
func (t *trial) pin(versions []*base, to int) {
	target := versions[to]
	bottom := t.layers[target.some][:target.depth]
	var moved []uint32
	for i, b := range versions {
		if i == to {
			continue
		}
		for _, image := range b.images {
			t.put(image, nil)
		}
		for _, image := range b.above {
			t.put(image, slices.Concat(bottom, t.layers[image][b.depth:]))
			moved = append(moved, uint32(image))
		}
	}
	t.gained = append(t.gained, gain{bottom, moved})
}

// versions are the stacks that images are built on, in groups of versions of one base, of
// which none is built on another: those that consist of images of one repository whose
// tags differ in numbers only, and those in which the same files, though in different
// layers, are more than half.
func (p *proposing) versions() (groups [][]*base) {
	at := map[string]int{}
	var found [][]*base
	var walk func(n *node, within map[string]bool) (images []int)
	walk = func(n *node, within map[string]bool) (above []int) {
		b := &base{node: n}
		is := n.depth > 0 && len(n.children) > 0
		var keys []string
		if is {
			keys = slices.DeleteFunc(p.keys(n), func(k string) bool { return within[k] })
		}
		for _, k := range keys {
			within[k] = true
			if _, has := at[k]; !has {
				at[k] = len(found)
				found = append(found, nil)
			}
			found[at[k]] = append(found[at[k]], b)
		}
		for _, child := range n.children {
			above = append(above, walk(child, within)...)
		}
		for _, k := range keys {
			delete(within, k)
		}
		b.above = above
		return slices.Concat(n.images, above)
	}
	walk(p.s.trie(p.order), map[string]bool{})
	for _, g := range found {
		if len(g) > 1 {
			groups = append(groups, g)
		}
	}
	return groups
}

// keys are what versions of one base have in common.
func (p *proposing) keys(n *node) (keys []string) {
	platform := p.s.images[n.some].platform
	for _, image := range n.images {
		for _, name := range p.s.Names(image) {
			if k := "name " + versionless(name) + " " + platform; !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
	}
	if g, ok := p.most(n); ok {
		keys = append(keys, fmt.Sprint("files ", g, " ", platform))
	}
	return keys
}

// most is the group of the layer that is more than half of a stack.
func (p *proposing) most(n *node) (group int, ok bool) {
	sum, most := int64(0), int64(0)
	for _, l := range p.s.layers(n.some)[:n.depth] {
		amount := p.s.tars.amount[l.tar]
		sum += max(amount, 0)
		if g, known := p.s.near.of[l.tar]; known && amount > most {
			group, most = g, amount
		}
	}
	return group, most > sum/2
}

// versionless is a name without the numbers of its tag: what its versions have in common.
func versionless(name string) string {
	name, _, _ = strings.Cut(name, "@")
	at := strings.LastIndexByte(name, ':')
	if at <= strings.LastIndexByte(name, '/') {
		return name + ":"
	}
	tag := strings.TrimPrefix(name[at+1:], "v")
	var parts []string
	for _, part := range strings.FieldsFunc(tag, func(r rune) bool { return strings.ContainsRune(".-_", r) }) {
		if strings.Trim(part, "0123456789") != "" && part != "latest" {
			parts = append(parts, part)
		}
	}
	return name[:at+1] + strings.Join(parts, "-")
}
