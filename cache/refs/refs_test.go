package refs

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// naive is what a graph says, by sets.
type naive struct {
	amounts []Amount
	needs   []map[int]bool
}

func random(rng *rand.Rand) (*Graph, *naive) {
	g, n := &Graph{}, &naive{}
	for range rng.IntN(20) {
		a := Amount{rng.Int64N(1000), rng.Int64N(7)}
		g.Thing(a)
		n.amounts = append(n.amounts, a)
	}
	for range rng.IntN(8) {
		var needs []int
		set := map[int]bool{}
		for range rng.IntN(12) {
			if len(n.amounts) > 0 {
				thing := rng.IntN(len(n.amounts))
				needs = append(needs, thing)
				set[thing] = true
			}
		}
		g.Holder(needs)
		n.needs = append(n.needs, set)
	}
	return g, n
}

// heldBut are the things that anybody needs but those who are gone.
func (n *naive) heldBut(gone []int) map[int]bool {
	held := map[int]bool{}
	for h, needs := range n.needs {
		if !slices.Contains(gone, h) {
			for thing := range needs {
				held[thing] = true
			}
		}
	}
	return held
}

func (n *naive) freed(gone []int) (things []int) {
	before, after := n.heldBut(nil), n.heldBut(gone)
	for thing := range n.amounts {
		if before[thing] && !after[thing] {
			things = append(things, thing)
		}
	}
	return things
}

func (n *naive) sum(things []int) (sum Amount) {
	for _, thing := range things {
		sum = Amount{sum[0] + n.amounts[thing][0], sum[1] + n.amounts[thing][1]}
	}
	return sum
}

func TestGraphAgainstSets(t *testing.T) {
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 6))
		g, n := random(rng)
		var gone []int
		for range rng.IntN(6) {
			if len(n.needs) > 0 {
				gone = append(gone, rng.IntN(len(n.needs)))
			}
		}
		want := n.freed(gone)
		if got := g.Freed(gone); !slices.Equal(got, want) || g.Sum(got) != n.sum(want) {
			t.Fatalf("seed %d: without %v go %v, want %v", seed, gone, got, want)
		}
		held := n.heldBut(nil)
		for thing := range n.amounts {
			if slices.Contains(g.Unheld(), thing) == held[thing] {
				t.Fatalf("seed %d: thing %d: held %t", seed, thing, held[thing])
			}
		}
		checkShares(t, seed, g, n)
	}
}

func checkShares(t *testing.T, seed uint64, g *Graph, n *naive) {
	t.Helper()
	var proportional Amount
	for h, s := range g.Shares() {
		if want := n.sum(n.freed([]int{h})); s.Exclusive != want {
			t.Fatalf("seed %d: holder %d has %v alone, want %v", seed, h, s.Exclusive, want)
		}
		var all []int
		for thing := range n.needs[h] {
			all = append(all, thing)
		}
		if whole := n.sum(all); s.Exclusive.Plus(s.Shared) != whole {
			t.Fatalf("seed %d: holder %d: %v and %v are not %v", seed, h, s.Exclusive, s.Shared, whole)
		}
		for i := range s.Proportional {
			if s.Proportional[i] < s.Exclusive[i] || s.Proportional[i] > s.Exclusive[i]+s.Shared[i] {
				t.Fatalf("seed %d: holder %d: a part of %v, of %v", seed, h, s.Proportional, s)
			}
		}
		proportional = proportional.Plus(s.Proportional)
	}
	var held []int
	for thing := range n.heldBut(nil) {
		held = append(held, thing)
	}
	if want := n.sum(held); proportional != want || g.Held() != want {
		t.Fatalf("seed %d: the parts are %v, all that is held is %v, want %v", seed, proportional, g.Held(), want)
	}
}

// Holders that go one by one free in all what they free together, and each what goes
// with it.
func TestRemovalStepByStep(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 7))
		g, n := random(rng)
		r := g.Removal()
		var gone []int
		for _, h := range rng.Perm(len(n.needs)) {
			before := n.freed(gone)
			gone = append(gone, h)
			want := slices.DeleteFunc(n.freed(gone), func(thing int) bool { return slices.Contains(before, thing) })
			if got := r.Drop(h); !slices.Equal(got, want) {
				t.Fatalf("seed %d: with %d go %v, want %v", seed, h, got, want)
			}
			if again := r.Drop(h); again != nil {
				t.Fatalf("seed %d: %d went twice", seed, h)
			}
			if rng.IntN(4) > 0 {
				continue
			}
			back := rng.IntN(len(n.needs))
			before = n.freed(gone)
			gone = slices.DeleteFunc(gone, func(h int) bool { return h == back })
			want = slices.DeleteFunc(before, func(thing int) bool { return slices.Contains(n.freed(gone), thing) })
			if got := r.Restore(back); !slices.Equal(got, want) {
				t.Fatalf("seed %d: with %d come back %v, want %v", seed, back, got, want)
			}
			if again := r.Restore(back); again != nil {
				t.Fatalf("seed %d: %d came twice", seed, back)
			}
		}
	}
}

func BenchmarkShares(b *testing.B) {
	for _, holders := range []int{10_000, 100_000} {
		b.Run(strconv.Itoa(holders), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			g := &Graph{}
			for range holders {
				g.Thing(Amount{rng.Int64N(1 << 30), 1})
			}
			for range holders {
				needs := make([]int, 10)
				for i := range needs {
					needs[i] = rng.IntN(g.Things())
				}
				g.Holder(needs)
			}
			for b.Loop() {
				g.Shares()
			}
		})
	}
}
