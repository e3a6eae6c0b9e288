package fleet

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

var kinds = []string{"blobs", "snapshots", "names"}

// randomDisk is a store that never was.
func randomDisk(rng *rand.Rand) *Disk {
	d := &Disk{Dir: "/store"}
	for range rng.IntN(30) {
		d.Items = append(d.Items, DiskItem{
			Kind: kinds[rng.IntN(len(kinds))], Weight: Weight{rng.Int64N(1000), 512 * rng.Int64N(8)}, Swept: rng.IntN(4) > 0,
		})
	}
	for h := range rng.IntN(8) {
		at := DiskHolder{Names: []string{fmt.Sprint("image", h)}, Digest: fmt.Sprint("sha256:", h), Used: day(rng.IntN(20))}
		if rng.IntN(8) == 0 {
			at.Keep = "kept by hand"
		}
		for range rng.IntN(10) {
			if len(d.Items) > 0 {
				at.Items = append(at.Items, rng.IntN(len(d.Items)))
			}
		}
		d.Holders = append(d.Holders, at)
	}
	if rng.IntN(3) == 0 && len(d.Items) > 0 {
		d.Holders = append(d.Holders, DiskHolder{Items: []int{rng.IntN(len(d.Items))}})
	}
	return d
}

func day(n int) time.Time { return time.Date(2026, 1, 1+n, 0, 0, 0, 0, time.UTC) }

// left is what a disk weighs without some holders, and what nobody needs.
func (d *Disk) left(gone map[int]bool, sweep bool) (sum Weight) {
	for n, item := range d.Items {
		before, after := false, false
		for h, at := range d.Holders {
			if slices.Contains(at.Items, n) {
				before, after = true, after || !gone[h]
			}
		}
		if after || !before && !(sweep && item.Swept) {
			sum = sum.Plus(item.Weight)
		}
	}
	return sum
}

func TestUsageAddsUp(t *testing.T) {
	for seed := range uint64(1000) {
		d := randomDisk(rand.New(rand.NewPCG(seed, 1)))
		r := Usage(d, kinds)
		all := d.left(nil, false)
		if got := r.Exclusive.Plus(r.Shared).Plus(r.Running).Plus(r.Unneeded).Plus(r.Overhead); got != all || r.Total != all {
			t.Fatalf("seed %d: %v in all, %v in parts, want %v", seed, r.Total, got, all)
		}
		var byKind, unneeded Weight
		for _, k := range r.Kinds {
			byKind, unneeded = byKind.Plus(k.Weight), unneeded.Plus(k.Unneeded)
		}
		if byKind != all || unneeded != r.Unneeded || all.Minus(d.left(nil, true)) != r.Unneeded {
			t.Fatalf("seed %d: the kinds are %v, of it %v unneeded; want %v and %v", seed, byKind, unneeded, all, r.Unneeded)
		}
		for _, i := range r.Images {
			h := slices.IndexFunc(d.Holders, func(h DiskHolder) bool { return h.Digest == i.Digest })
			if want := all.Minus(d.left(map[int]bool{h: true}, false)); i.Exclusive != want {
				t.Fatalf("seed %d: %s frees %v, want %v", seed, i.Digest, i.Exclusive, want)
			}
			checkSharers(t, seed, d, h, i)
		}
	}
}

func checkSharers(t *testing.T, seed uint64, d *Disk, h int, i ImageUsage) {
	t.Helper()
	images, inUse := 0, false
	for o, other := range d.Holders {
		shares := o != h && slices.ContainsFunc(other.Items, func(n int) bool { return slices.Contains(d.Holders[h].Items, n) })
		switch {
		case shares && other.running():
			inUse = true
		case shares:
			images++
		}
	}
	if i.Sharing != images || i.InUse != inUse || len(i.SharedWith) != min(images, mostSharers) {
		t.Fatalf("seed %d: %s shares with %d (%v), in use %t; want %d and %t", seed, i.Digest, i.Sharing, i.SharedWith, i.InUse, images, inUse)
	}
}

// A choice says what is left, frees step by step what it frees in all, keeps what must
// stay, and drops no image in vain.
func TestChoose(t *testing.T) {
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 2))
		d := randomDisk(rng)
		p := Policy{Bytes: -1}
		if rng.IntN(2) == 0 {
			p.Bytes = rng.Int64N(20_000)
		}
		if rng.IntN(2) == 0 {
			p.Since = day(rng.IntN(20))
		}
		c := Choose(d, p)
		gone := map[int]bool{}
		after := c.Before.Minus(c.Unneeded)
		for _, drop := range c.Drop {
			gone[drop.Holder] = true
			after = after.Minus(drop.Frees)
			at := d.Holders[drop.Holder]
			if at.running() || at.Keep != "" || !p.Since.IsZero() && !at.Used.Before(p.Since) {
				t.Fatalf("seed %d: %v is dropped", seed, at)
			}
			if alone := d.left(nil, true).Minus(d.left(map[int]bool{drop.Holder: true}, true)); drop.Alone != alone {
				t.Fatalf("seed %d: %v frees %v alone, want %v", seed, at, drop.Alone, alone)
			}
		}
		if want := d.left(gone, true); after != want || c.After != want {
			t.Fatalf("seed %d: %v are left, by steps %v, want %v", seed, c.After, after, want)
		}
		if p.Bytes >= 0 {
			checkRoom(t, seed, d, p, c, gone)
		}
	}
}

func checkRoom(t *testing.T, seed uint64, d *Disk, p Policy, c *Choice, gone map[int]bool) {
	t.Helper()
	if c.Over != max(0, c.After.Disk-p.Bytes) {
		t.Fatalf("seed %d: over by %d", seed, c.Over)
	}
	for _, drop := range c.Drop {
		less := map[int]bool{}
		for h := range gone {
			less[h] = h != drop.Holder && gone[h]
		}
		if c.Over == 0 && d.left(less, true).Disk <= p.Bytes {
			t.Fatalf("seed %d: %d is dropped in vain", seed, drop.Holder)
		}
	}
	if c.Over == 0 {
		return
	}
	for h, at := range d.Holders { // all that may go and free anything are gone
		more := map[int]bool{h: true}
		for g := range gone {
			more[g] = true
		}
		mayGo := !at.running() && at.Keep == "" && (p.Since.IsZero() || at.Used.Before(p.Since))
		if mayGo && !gone[h] && d.left(more, true) != d.left(gone, true) {
			t.Fatalf("seed %d: %v stays, and %d bytes are too many", seed, at, c.Over)
		}
	}
}

func TestWithoutIsAnySet(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 3))
		d := randomDisk(rng)
		var asked []int
		gone := map[int]bool{}
		for h := range d.Holders {
			if rng.IntN(2) == 0 {
				asked = append(asked, h, h)
				gone[h] = true
			}
		}
		c := Without(d, asked)
		if want := d.left(gone, false); c.After != want {
			t.Fatalf("seed %d: without %v are left %v, want %v", seed, asked, c.After, want)
		}
		if again := Without(d, asked); !reflect.DeepEqual(c, again) {
			t.Fatalf("seed %d: another answer", seed)
		}
	}
}
