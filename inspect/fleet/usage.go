package fleet

import (
	"cmp"
	"slices"
	"time"

	"github.com/layers/layers/cache/refs"
)

// UsageVersion is that of UsageReport.
const UsageVersion = "layers.df/v1"

// UsageReport says what a store's disk is used for. Total is Exclusive, Shared,
// Running, Unneeded and Overhead together, and what the kinds add up to.
type UsageReport struct {
	Version   string       `json:"version"`
	Dir       string       `json:"dir"`
	Total     Weight       `json:"total"`
	Exclusive Weight       `json:"exclusive"` // what one image alone needs
	Shared    Weight       `json:"shared"`    // what several need, each file once
	Running   Weight       `json:"running"`   // what only running commands and mounts need
	Unneeded  Weight       `json:"unneeded"`  // what a prune removes
	Overhead  Weight       `json:"overhead"`  // what is no image's: names, locks, directories, quarantine
	Kinds     []KindUsage  `json:"kinds"`     // in the order of the store's kinds
	Images    []ImageUsage `json:"images"`    // the largest proportional share first
}

// KindUsage is what the files of one kind take.
type KindUsage struct {
	Kind     string `json:"kind"`
	Items    int    `json:"items"` // files, and directories that come and go as a whole
	Weight   Weight `json:"weight"`
	Unneeded Weight `json:"unneeded"` // the part of it that a prune removes
}

// ImageUsage is what an image takes. Exclusive and Shared are all that it needs;
// Proportional is its part of the store if what is shared is parted equally: those of
// all images and of what runs add up to what they need.
type ImageUsage struct {
	Names        []string    `json:"names"`
	Digest       string      `json:"digest"`
	Platform     string      `json:"platform,omitempty"`
	Used         *time.Time  `json:"used,omitempty"` // last; when it was pulled if it was not used since
	Exclusive    Weight      `json:"exclusive"`      // what goes if this image alone goes
	Shared       Weight      `json:"shared"`
	Proportional Weight      `json:"proportional"`
	InUse        bool        `json:"inUse"` // a running command or a mount needs some of it
	Sharing      int         `json:"sharing"`
	SharedWith   []SharedPer `json:"sharedWith"` // the first few of Sharing images, those that share most first
}

// SharedPer is what two images share.
type SharedPer struct {
	Names  []string `json:"names"`
	Digest string   `json:"digest"`
	Weight Weight   `json:"weight"`
}

// mostSharers is how many images ImageUsage.SharedWith names.
const mostSharers = 5

// Usage says what a store's disk is used for. The order of kinds is that in which they
// are asked for; kinds of which there is nothing are left out.
func Usage(d *Disk, kinds []string) *UsageReport {
	g := d.graph()
	r := &UsageReport{Version: UsageVersion, Dir: d.Dir, Total: d.total(), Images: []ImageUsage{}}
	r.Unneeded = d.unneeded(g)
	r.Kinds = d.kinds(g, kinds)
	sharers := newSharers(d, g)
	for h, share := range g.Shares() {
		if d.Holders[h].running() {
			r.Running = weight(share.Exclusive)
			continue
		}
		r.Exclusive = r.Exclusive.Plus(weight(share.Exclusive))
		r.Images = append(r.Images, sharers.usage(h, share))
	}
	r.Shared = weight(g.Held()).Minus(r.Exclusive).Minus(r.Running)
	r.Overhead = r.Total.Minus(weight(g.Held())).Minus(r.Unneeded)
	slices.SortStableFunc(r.Images, func(a, b ImageUsage) int {
		return cmp.Or(cmp.Compare(b.Proportional.Disk, a.Proportional.Disk), slices.Compare(a.Names, b.Names), cmp.Compare(a.Digest, b.Digest))
	})
	return r
}

func (d *Disk) kinds(g *refs.Graph, order []string) []KindUsage {
	of := map[string]*KindUsage{}
	for thing, i := range d.Items {
		k := of[i.Kind]
		if k == nil {
			k = &KindUsage{Kind: i.Kind}
			of[i.Kind] = k
		}
		k.Items++
		k.Weight = k.Weight.Plus(i.Weight)
		if i.Swept && g.HoldersOf(thing) == 0 {
			k.Unneeded = k.Unneeded.Plus(i.Weight)
		}
	}
	all := []KindUsage{}
	for _, kind := range order {
		if k := of[kind]; k != nil {
			all = append(all, *k)
		}
	}
	return all
}

// sharers finds who shares with whom.
type sharers struct {
	disk    *Disk
	graph   *refs.Graph
	holders [][]int32 // of each item that has several
}

func newSharers(d *Disk, g *refs.Graph) *sharers {
	s := &sharers{disk: d, graph: g, holders: make([][]int32, g.Things())}
	for h := range g.Holders() {
		for _, thing := range g.Needs(h) {
			if g.HoldersOf(int(thing)) > 1 {
				s.holders[thing] = append(s.holders[thing], int32(h))
			}
		}
	}
	return s
}

func (s *sharers) usage(holder int, share refs.Share) ImageUsage {
	h := &s.disk.Holders[holder]
	u := ImageUsage{
		Names: h.names(), Digest: h.Digest, Platform: h.Platform, Used: h.used(), Exclusive: weight(share.Exclusive), Shared: weight(share.Shared),
		Proportional: weight(share.Proportional), SharedWith: []SharedPer{},
	}
	with := map[int32]Weight{}
	for _, thing := range s.graph.Needs(holder) {
		for _, other := range s.holders[thing] {
			with[other] = with[other].Plus(s.disk.Items[thing].Weight)
		}
	}
	for other, shared := range with {
		at := &s.disk.Holders[other]
		switch {
		case int(other) == holder:
		case at.running():
			u.InUse = true
		default:
			u.Sharing++
			u.SharedWith = append(u.SharedWith, SharedPer{Names: at.names(), Digest: at.Digest, Weight: shared})
		}
	}
	slices.SortFunc(u.SharedWith, func(a, b SharedPer) int {
		return cmp.Or(cmp.Compare(b.Weight.Disk, a.Weight.Disk), cmp.Compare(b.Weight.Apparent, a.Weight.Apparent),
			slices.Compare(a.Names, b.Names), cmp.Compare(a.Digest, b.Digest))
	})
	u.SharedWith = slices.Clip(u.SharedWith[:min(mostSharers, len(u.SharedWith))])
	return u
}
