package fleet

import "github.com/layers/layers/cache/refs"

// TreeVersion is the version of Report. It changes when a field goes or changes its
// meaning, not when one is added.
const TreeVersion = "layers.base-tree/v1"

// Report is what a set of images shares, as a tree.
type Report struct {
	Version string `json:"version"`
	Totals  Totals `json:"totals"`
	// Roots are the stacks that are built on no other, by the first name of their
	// images, or, where no image ends, of those above; then by digest.
	Roots []*Node `json:"roots"`
	// Near is what Set.Near finds, the most saved first; absent if nobody looked.
	Near []Near `json:"near,omitzero"`
	// Files is the same of files; absent if no table of contents was looked at.
	Files *Files `json:"files,omitempty"`
}

// Totals are sums over all images.
type Totals struct {
	Images         int   `json:"images"`
	Layers         int   `json:"layers"`         // each as often as an image has it
	DistinctLayers int   `json:"distinctLayers"` // by DiffID
	DistinctBlobs  int   `json:"distinctBlobs"`  // by digest
	Before         Bytes `json:"before"`         // of each image alone
	After          Bytes `json:"after"`          // each blob and each layer once
	Saved          Bytes `json:"saved"`          // Before without After
}

// Node is a stack of layers, by their DiffIDs: one that images consist of, or one that
// several images have as their lowest layers and then part.
type Node struct {
	// Images are those with exactly these layers, in the order of names and digests: more
	// than one if they differ in their blobs or their configuration only, none if no image
	// of the set ends here.
	Images    []Member `json:"images"`
	Layers    int      `json:"layers"`    // of the stack
	OwnLayers int      `json:"ownLayers"` // of these, those above the parent's
	// Own is what the own layers add to the parent's, as the first image has them, or the
	// first above where none ends.
	Own      Bytes   `json:"own"`
	Children []*Node `json:"children"` // in the order of Roots
}

// Member is an image in its place.
type Member struct {
	Names     []string `json:"names"` // sorted
	Digest    string   `json:"digest"`
	Platform  string   `json:"platform,omitempty"`
	Total     Bytes    `json:"total"`
	Exclusive Bytes    `json:"exclusive"` // freed if this image alone goes
	Shared    Bytes    `json:"shared"`    // the rest: other images have it, too
	// Proportional is the image's part of what all take: the bytes of a layer that k
	// images have are an k-th for each, and of what is left a byte for the first of them.
	// Those of all images add up to Totals.After.
	Proportional Bytes `json:"proportional"`
}

// Report makes the report. Nothing in it is shared with the set.
func (s *Set) Report() *Report {
	before, after := s.Before(), s.After()
	r := &Report{Version: TreeVersion, Roots: []*Node{}, Totals: Totals{
		Images: len(s.images), Layers: len(s.stack), DistinctLayers: len(s.tars.keys), DistinctBlobs: len(s.blobs.keys),
		Before: before, After: after, Saved: before.less(after),
	}}
	c := s.counts()
	m := &members{counted: c, shares: c.graph.Shares()}
	root := s.trie(c.order)
	r.Roots = append(r.Roots, m.nodes(root.children, 0)...)
	for _, image := range root.images { // of no layers: built on nothing, and nothing on them
		r.Roots = append(r.Roots, &Node{Images: []Member{m.member(image)}, Own: s.own(image, 0, 0), Children: []*Node{}})
	}
	return r
}

// members are the images of a set with their shares.
type members struct {
	*counted
	shares []refs.Share // by holder
}

func (m *members) nodes(from []*node, below int) []*Node {
	nodes := make([]*Node, 0, len(from))
	for _, n := range from {
		to := &Node{Images: []Member{}, Layers: n.depth, OwnLayers: n.depth - below, Own: m.s.own(n.some, below, n.depth)}
		for _, image := range n.images {
			to.Images = append(to.Images, m.member(image))
		}
		to.Children = m.nodes(n.children, n.depth)
		nodes = append(nodes, to)
	}
	return nodes
}

func (m *members) member(image int) Member {
	at, s := &m.s.images[image], m.s
	total := m.total(image)
	return Member{
		Names: append([]string{}, at.names...), Digest: s.Digest(image).String(), Platform: at.platform,
		Total: total, Exclusive: s.Exclusive(image), Shared: s.Shared(image),
		Proportional: bytesOf(m.shares[m.rank[image]].Proportional, total.Unpacked != nil),
	}
}

// own is what the layers of an image between two numbers add to those below.
func (s *Set) own(image, from, until int) Bytes {
	var content, unpacked sum
	blobs, tars := map[uint32]bool{}, map[uint32]bool{}
	for i, l := range s.layers(image)[:until] {
		if !blobs[l.blob] && i >= from {
			content.add(s.blobs.amount[l.blob])
		}
		if !tars[l.tar] && i >= from {
			unpacked.add(s.tars.amount[l.tar])
		}
		blobs[l.blob], tars[l.tar] = true, true
	}
	return bytesOf(refs.Amount{content.bytes, unpacked.bytes}, !unpacked.unknown)
}
