package report

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"

	"github.com/layers/layers/inspect/fleet"
)

// treeImages is how many images of a tree people see, where they do not say.
const treeImages = 50

// picked is which nodes of a tree are shown: the heaviest by what they and all above them
// add in content, so that whatever is shown stands on what is shown, too.
type picked struct {
	has    map[*fleet.Node]bool
	weight map[*fleet.Node]int64 // content of all above, itself included
	images map[*fleet.Node]int   // how many images are there
	left   int                   // images that are not shown
	mixed  bool                  // the images are for several platforms
}

func (o Options) picked(r *fleet.Report) *picked {
	p := &picked{has: map[*fleet.Node]bool{}, weight: map[*fleet.Node]int64{}, images: map[*fleet.Node]int{}}
	p.weigh(r.Roots)
	p.mixed = len(platforms(r.Roots, map[string]bool{})) > 1
	limit := o.listLimit(1 << 30)
	if o.isTree() {
		limit = o.listLimit(treeImages)
	}
	next := &heaviest{p: p}
	for _, n := range r.Roots {
		heap.Push(next, n)
	}
	p.left = r.Totals.Images
	for limit > 0 && len(next.nodes) > 0 {
		n := heap.Pop(next).(*fleet.Node)
		p.has[n] = true
		limit -= len(n.Images)
		p.left -= len(n.Images)
		for _, child := range n.Children {
			heap.Push(next, child)
		}
	}
	p.prune(r.Roots)
	return p
}

// prune drops the nodes where no image ends and above which none is shown.
func (p *picked) prune(nodes []*fleet.Node) (any bool) {
	for _, n := range nodes {
		if p.has[n] {
			p.has[n] = p.prune(n.Children) || len(n.Images) > 0
			any = any || p.has[n]
		}
	}
	return any
}

func (p *picked) weigh(nodes []*fleet.Node) {
	for _, n := range nodes {
		p.weigh(n.Children)
		p.weight[n], p.images[n] = n.Own.Content, len(n.Images)
		for _, child := range n.Children {
			p.weight[n] += p.weight[child]
			p.images[n] += p.images[child]
		}
	}
}

func platforms(nodes []*fleet.Node, seen map[string]bool) map[string]bool {
	for _, n := range nodes {
		for i := range n.Images {
			seen[n.Images[i].Platform] = true
		}
		platforms(n.Children, seen)
	}
	return seen
}

// heaviest is a heap of nodes; of equal ones, that which came first is first.
type heaviest struct {
	p     *picked
	nodes []*fleet.Node
	place []int
	n     int
}

// Len, Less, Swap, Push and Pop make it a heap.
func (h *heaviest) Len() int { return len(h.nodes) }

// Less puts the heavier first.
func (h *heaviest) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h.p.weight[h.nodes[j]], h.p.weight[h.nodes[i]]), cmp.Compare(h.place[i], h.place[j])) < 0
}

// Swap exchanges two.
func (h *heaviest) Swap(i, j int) {
	h.nodes[i], h.nodes[j] = h.nodes[j], h.nodes[i]
	h.place[i], h.place[j] = h.place[j], h.place[i]
}

// Push adds a node.
func (h *heaviest) Push(n any) {
	h.nodes, h.place = append(h.nodes, n.(*fleet.Node)), append(h.place, h.n)
	h.n++
}

// Pop takes the last.
func (h *heaviest) Pop() any {
	last := len(h.nodes) - 1
	n := h.nodes[last]
	h.nodes, h.place = h.nodes[:last], h.place[:last]
	return n
}

// treeRows draws the nodes that were picked; where others are left out, a line says how
// many images they are, and what these add. Names that are too long lose their beginning:
// at their end they differ.
func (o Options) treeRows(r *fleet.Report, pick *picked, t *grid) (rows []gridRow) {
	d := &drawing{Options: o, pick: pick}
	d.siblings(r.Roots, "", true)
	room := d.room(t)
	if longest := d.longest(); longest > room { // of what the columns say, this is the least
		t.Columns[unpackedAlone].Machine = true
		room = d.room(t)
	}
	for _, line := range d.lines {
		name := o.truncateFront(line.name, max(room-Width(line.head), 12))
		rows = append(rows, gridRow{Cells: append([]cell{{Text: line.head + name}}, line.cells...)})
	}
	return rows
}

// unpackedAlone is the column that goes where there is too little room for names.
const unpackedAlone = 6

// room is what the other columns leave for the first.
func (d *drawing) room(t *grid) int {
	room := d.width()
	for i, c := range t.Columns[1:] {
		if c.Machine {
			continue
		}
		widest := Width(c.Title)
		for _, line := range d.lines {
			widest = max(widest, Width(line.cells[i].Text))
		}
		room -= widest + len(gap)
	}
	return room
}

// longest is the width that the names need.
func (d *drawing) longest() (n int) {
	for _, line := range d.lines {
		n = max(n, Width(line.head)+Width(line.name))
	}
	return n
}

// treeLine is a line of a tree.
type treeLine struct {
	head, name string
	cells      []cell // of all columns but the first
}

type drawing struct {
	Options
	pick  *picked
	depth int
	lines []treeLine
}

// deepest is how deep the lines of a tree go in: beyond, they stand below each other, for
// no name would be left of a line.
const deepest = 8

func (d *drawing) siblings(nodes []*fleet.Node, indent string, roots bool) {
	var left []*fleet.Node
	shown := slices.DeleteFunc(slices.Clone(nodes), func(n *fleet.Node) bool {
		if !d.pick.has[n] {
			left = append(left, n)
		}
		return !d.pick.has[n]
	})
	for i, n := range shown {
		last := i == len(shown)-1 && len(left) == 0
		branch, below := d.symbol("├─ ", "|- "), d.symbol("│  ", "|  ")
		if last {
			branch, below = d.symbol("└─ ", "`- "), "   "
		}
		if roots {
			branch, below = "", ""
		}
		d.node(n, indent+branch, d.inner(indent+below, indent))
	}
	if len(left) > 0 {
		d.rest(left, indent+d.lastBranch(roots))
	}
}

func (d *drawing) lastBranch(roots bool) string {
	if roots {
		return ""
	}
	return d.symbol("└─ ", "`- ")
}

// inner is the indent of what is above a node.
func (d *drawing) inner(indent, outer string) string {
	if d.depth >= deepest {
		return outer
	}
	return indent
}

func (d *drawing) node(n *fleet.Node, head, indent string) {
	own := []cell{d.bytesCell(n.Own.Content), d.maybeBytes(n.Own.Unpacked)}
	layers := d.layersText(n)
	if len(n.Images) == 0 {
		d.line(head, "(no image here ends there)", layers, own, nil)
	}
	for i := range n.Images {
		m := &n.Images[i]
		switch {
		case i == 0:
			d.line(head, d.memberName(m, d.pick.mixed), layers, own, m)
		case len(n.Children) > 0:
			d.line(indent+d.symbol("│ = ", "| = "), d.memberName(m, d.pick.mixed), "same", make([]cell, 2), m)
		default:
			d.line(indent+"  = ", d.memberName(m, d.pick.mixed), "same", make([]cell, 2), m)
		}
	}
	d.depth++
	d.siblings(n.Children, indent, false)
	d.depth--
}

func (d *drawing) layersText(n *fleet.Node) string {
	if n.OwnLayers == n.Layers {
		return Count(int64(n.Layers))
	}
	return "+" + Count(int64(n.OwnLayers))
}

// line adds a line; of an image that no other has a part of, it says what that alone frees.
func (d *drawing) line(head, name, layers string, own []cell, m *fleet.Member) {
	exclusive := make([]cell, 2)
	if m != nil && (m.Exclusive.Content > 0 || m.Exclusive.Unpacked != nil && *m.Exclusive.Unpacked > 0) {
		exclusive = []cell{d.bytesCell(m.Exclusive.Content), d.maybeBytes(m.Exclusive.Unpacked)}
		if m.Exclusive.Unpacked != nil {
			exclusive[1].Text = "(" + exclusive[1].Text + ")"
		}
	}
	cells := slices.Concat([]cell{{}, {Text: layers}}, own, exclusive, make([]cell, 10))
	d.lines = append(d.lines, treeLine{head, name, cells})
}

func (d *drawing) rest(left []*fleet.Node, head string) {
	images, content := 0, int64(0)
	for _, n := range left {
		images += d.pick.images[n]
		content += d.pick.weight[n]
	}
	what := plural(int64(images), "image") + " more"
	if n := len(left); n > 1 && n < images {
		what = fmt.Sprintf("%s in %s branches", plural(int64(images), "image"), Count(int64(n)))
	}
	d.line(head, d.ellipsis()+" "+what, "", []cell{d.bytesCell(content), {}}, nil)
}
