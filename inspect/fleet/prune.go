package fleet

import (
	"cmp"
	"slices"
	"time"

	"github.com/layers/layers/cache/refs"
)

// Policy says which images stay.
type Policy struct {
	// Bytes is what the store may take on the disk; negative is no bound. Images are
	// dropped until it is reached, those that were not used for longest first.
	Bytes int64
	// Since is the time since when an image must have been used to stay: without a
	// bound all that were not are dropped, with one those that were stay in any case.
	// The zero time is no such rule.
	Since time.Time
}

// Choice is which images a policy drops.
type Choice struct {
	Before Weight // of the store
	After  Weight // when the images and what nobody needs are gone
	// Unneeded is what goes that no image needs, before any is dropped.
	Unneeded Weight
	Drop     []Drop // in the order in which they were chosen
	Stay     []Stay // those that Drop might have had
	// Over is how much more than Policy.Bytes is left, in bytes on the disk: the images that
	// are left must stay. 0 if the bound is kept.
	Over int64
}

// Drop is an image that is to go.
type Drop struct {
	Holder int    // in Disk.Holders
	Alone  Weight // what goes if it goes alone
	Frees  Weight // what goes with it when those before it are gone
	Why    string
}

// Stay is an image that stays, and why.
type Stay struct {
	Holder int
	Why    string
}

// Why an image goes or stays.
const (
	WhyUnused = "not used since" // Policy.Since
	WhyRoom   = "to make room"
	WhyUsed   = "used since"
	WhyFits   = "it fits"
	WhyShared = "it frees nothing" // all that it needs others need that stay
	WhyAsked  = "asked for"
)

// Choose picks the images to drop by a policy. Of those whose going frees nothing, or
// no more than there is room for, none is dropped: they are taken back, the last used
// first.
func Choose(d *Disk, p Policy) *Choice {
	c := newChoosing(d)
	var left []int // that may still go, by last use
	for _, h := range c.oldest() {
		at := &d.Holders[h]
		recent := !p.Since.IsZero() && !at.Used.Before(p.Since)
		switch {
		case at.Keep != "":
			c.stay(h, at.Keep)
		case recent:
			c.stay(h, WhyUsed)
		case p.Bytes < 0:
			c.drop(h, WhyUnused)
		default:
			left = append(left, h)
		}
	}
	if p.Bytes >= 0 {
		c.makeRoom(left, p.Bytes)
		c.Over = max(0, c.After.Disk-p.Bytes)
	}
	return &c.Choice
}

// Without is what goes when some images go: the choice of whoever asks for them. They
// are numbers of holders; one that comes twice goes once.
func Without(d *Disk, holders []int) *Choice {
	c := newChoosing(d)
	c.After = c.Before // what nobody needs stays
	seen := map[int]bool{}
	for _, h := range holders {
		if !seen[h] {
			seen[h] = true
			c.drop(h, WhyAsked)
		}
	}
	return &c.Choice
}

type choosing struct {
	Choice
	disk    *Disk
	graph   *refs.Graph
	removal *refs.Removal
}

func newChoosing(d *Disk) *choosing {
	c := &choosing{disk: d, graph: d.graph()}
	c.removal = c.graph.Removal()
	c.Before, c.Unneeded = d.total(), d.unneeded(c.graph)
	c.After = c.Before.Minus(c.Unneeded)
	return c
}

// oldest are the images by when they were used, the longest ago first.
func (c *choosing) oldest() (holders []int) {
	for h := range c.disk.Holders {
		if !c.disk.Holders[h].running() {
			holders = append(holders, h)
		}
	}
	slices.SortStableFunc(holders, func(a, b int) int {
		x, y := &c.disk.Holders[a], &c.disk.Holders[b]
		return cmp.Or(x.Used.Compare(y.Used), slices.Compare(x.Names, y.Names), cmp.Compare(x.Digest, y.Digest))
	})
	return holders
}

func (c *choosing) drop(holder int, why string) {
	alone := weight(c.graph.Sum(c.graph.Freed([]int{holder})))
	frees := weight(c.graph.Sum(c.removal.Drop(holder)))
	c.After = c.After.Minus(frees)
	c.Drop = append(c.Drop, Drop{Holder: holder, Alone: alone, Frees: frees, Why: why})
}

func (c *choosing) stay(holder int, why string) { c.Stay = append(c.Stay, Stay{holder, why}) }

// makeRoom drops images until the store takes no more than so many bytes on the disk,
// and takes back those of which the others free enough, the last used first.
func (c *choosing) makeRoom(left []int, bytes int64) {
	trial, at := c.graph.Removal(), c.After
	var dropped []int
	for _, h := range left {
		if at.Disk <= bytes {
			c.stay(h, WhyFits)
			continue
		}
		at = at.Minus(weight(c.graph.Sum(trial.Drop(h))))
		dropped = append(dropped, h)
	}
	back := map[int]bool{}
	for _, h := range slices.Backward(dropped) {
		again := weight(c.graph.Sum(trial.Restore(h)))
		switch {
		case again == Weight{}:
			c.stay(h, WhyShared)
		case at.Disk+again.Disk <= bytes:
			c.stay(h, WhyFits)
		default:
			trial.Drop(h)
			continue
		}
		at = at.Plus(again)
		back[h] = true
	}
	for _, h := range dropped {
		if !back[h] {
			c.drop(h, WhyRoom)
		}
	}
}

// PlanVersion is that of PlanReport.
const PlanVersion = "layers.plan/v1"

// PlanReport says which images are to go, why, and what that frees.
type PlanReport struct {
	Version string `json:"version"`
	DryRun  bool   `json:"dryRun"`
	Before  Weight `json:"before"` // of the store
	// Freed is all that goes: what the store weighs less, the file of names included.
	Freed Weight `json:"freed"`
	// Unneeded is the part of Freed that no image needed before.
	Unneeded Weight `json:"unneeded"`
	// Alone is the sum of what each image frees if it goes alone. What the images free
	// together is more by what only they share.
	Alone  Weight         `json:"alone"`
	Images []PlannedImage `json:"images"` // in the order in which they were chosen
	Stay   []StayingImage `json:"stay"`
	// Over is how many bytes on the disk are too many, when all that may go is gone.
	Over int64 `json:"over,omitempty"`
}

// PlannedImage is an image that is to go.
type PlannedImage struct {
	Names    []string   `json:"names"`
	Digest   string     `json:"digest"`
	Platform string     `json:"platform,omitempty"`
	Used     *time.Time `json:"used,omitempty"`
	Alone    Weight     `json:"alone"` // what goes if it goes alone
	Frees    Weight     `json:"frees"` // what goes with it when those before it are gone
	Why      string     `json:"why"`
}

// StayingImage is an image that stays.
type StayingImage struct {
	Names    []string   `json:"names"`
	Digest   string     `json:"digest"`
	Platform string     `json:"platform,omitempty"`
	Used     *time.Time `json:"used,omitempty"`
	Why      string     `json:"why"`
}

// Plan reports on a choice. What is freed is the caller's to say: the store's own sweep
// tells it.
func Plan(d *Disk, c *Choice, freed Weight) *PlanReport {
	r := &PlanReport{Version: PlanVersion, Before: c.Before, Freed: freed, Images: []PlannedImage{}, Stay: []StayingImage{}, Over: c.Over}
	for _, drop := range c.Drop {
		h := &d.Holders[drop.Holder]
		r.Images = append(r.Images, PlannedImage{Names: h.names(), Digest: h.Digest, Platform: h.Platform, Used: h.used(), Alone: drop.Alone, Frees: drop.Frees, Why: drop.Why})
		r.Alone = r.Alone.Plus(drop.Alone)
	}
	for _, stay := range c.Stay {
		h := &d.Holders[stay.Holder]
		r.Stay = append(r.Stay, StayingImage{Names: h.names(), Digest: h.Digest, Platform: h.Platform, Used: h.used(), Why: stay.Why})
	}
	return r
}
