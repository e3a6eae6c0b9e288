package fleet

import (
	"time"

	"github.com/layers/layers/cache/refs"
)

// Weight is what files take: bytes by their sizes, and by the blocks that they have on
// the disk. Both are what du(1) counts.
type Weight struct {
	Apparent int64 `json:"apparent"`
	Disk     int64 `json:"disk"`
}

// Plus returns the sum.
func (w Weight) Plus(v Weight) Weight { return Weight{w.Apparent + v.Apparent, w.Disk + v.Disk} }

// Minus returns the difference.
func (w Weight) Minus(v Weight) Weight { return Weight{w.Apparent - v.Apparent, w.Disk - v.Disk} }

// Disk is all that a store has on its disk, and who needs it.
type Disk struct {
	Dir     string
	Items   []DiskItem
	Holders []DiskHolder
}

// DiskItem is a file, or a directory that comes and goes as a whole.
type DiskItem struct {
	Kind   string
	Weight Weight
	Swept  bool // it goes when nobody needs it
}

// DiskHolder is an image with all its names, or what runs.
type DiskHolder struct {
	Names    []string // as people write them; none of an image that has none
	Digest   string   // of the manifest, or the image index; "" of what runs
	Platform string   // "linux/arm64/v8"; "" if it is not known, or if there are several
	Used     time.Time
	Items    []int  // in Disk.Items
	Keep     string // why it is not to be dropped; "" if it may be
}

// running reports whether the holder is what runs, and no image.
func (h *DiskHolder) running() bool { return h.Digest == "" }

// names are the names for reports: none is an empty list.
func (h *DiskHolder) names() []string {
	if h.Names == nil {
		return []string{}
	}
	return h.Names
}

func (h *DiskHolder) used() *time.Time {
	if h.Used.IsZero() {
		return nil
	}
	return &h.Used
}

// graph counts who holds what. Things and holders have the numbers that they have in d.
func (d *Disk) graph() *refs.Graph {
	g := &refs.Graph{}
	for _, i := range d.Items {
		g.Thing(refs.Amount{i.Weight.Apparent, i.Weight.Disk})
	}
	for _, h := range d.Holders {
		g.Holder(h.Items)
	}
	return g
}

func weight(a refs.Amount) Weight { return Weight{Apparent: a[0], Disk: a[1]} }

// unneeded is what goes when what nobody needs is swept.
func (d *Disk) unneeded(g *refs.Graph) (sum Weight) {
	for _, thing := range g.Unheld() {
		if d.Items[thing].Swept {
			sum = sum.Plus(d.Items[thing].Weight)
		}
	}
	return sum
}

func (d *Disk) total() (sum Weight) {
	for _, i := range d.Items {
		sum = sum.Plus(i.Weight)
	}
	return sum
}
