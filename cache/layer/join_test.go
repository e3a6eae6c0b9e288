package layer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/layers/layers/fixtures"
)

// TestJoinPassesOverNothingThatDiffers holds Join against two whole walks: what it does
// not yield must be the same on both sides, and what it yields must be what is there.
func TestJoinPassesOverNothingThatDiffers(t *testing.T) {
	compared, passed := 0, 0
	for seed := range uint64(600) {
		rng := rand.New(rand.NewPCG(seed, 23))
		o := fixtures.RandomOptions{Layers: 5, Odd: seed%2 == 0}
		base, err := tryStack(t, fixtures.Random(rng, o))
		more, moreErr := tryStack(t, fixtures.Random(rng, o))
		if err != nil || moreErr != nil {
			continue
		}
		compared++
		for _, pair := range relatives(rng, base, more) {
			for _, times := range []bool{false, true} {
				passed += holdJoin(t, seed, pair[0], pair[1], times)
			}
		}
	}
	if compared < 200 || passed < 1000 {
		t.Errorf("%d stacks were compared, and %d paths passed over", compared, passed)
	}
}

// relatives are pairs of stacks that have layers in common, in various ways.
func relatives(rng *rand.Rand, base, more []*TOC) [][2][]*TOC {
	cut := rng.IntN(len(base) + 1)
	inserted := slices.Insert(slices.Clone(base), cut, more[0])
	turned := slices.Clone(base)
	slices.Reverse(turned)
	return [][2][]*TOC{
		{base, more}, {base, base}, {base, slices.Concat(base, more)}, {slices.Concat(base, more), base},
		{base, inserted}, {base, turned}, {base, slices.Concat(base[:cut], more)}, {base, nil}, {nil, base},
		{base, slices.Concat(base, base)},
	}
}

func holdJoin(t *testing.T, seed uint64, a, b []*TOC, times bool) (passed int) {
	t.Helper()
	old, new := walked(t, a), walked(t, b)
	last, first := "", true
	for p, err := range Join(Squash(a), Squash(b), JoinOptions{Times: times}) {
		if err != nil {
			t.Fatal(err)
		}
		path := ""
		for _, n := range []*Node{p.Old, p.New} {
			if n != nil {
				path = n.Path
			}
		}
		if !first && ComparePaths(last, path) >= 0 {
			t.Fatalf("seed %d: %q after %q", seed, path, last)
		}
		last, first = path, false
		if got, want := shown(p.Old, true), old[path]; got != want.all {
			t.Fatalf("seed %d, old %q: %s, want %s", seed, path, got, want.all)
		}
		if got, want := shown(p.New, true), new[path]; got != want.all {
			t.Fatalf("seed %d, new %q: %s, want %s", seed, path, got, want.all)
		}
		delete(old, path)
		delete(new, path)
	}
	for path, n := range old {
		if n.all != new[path].all && times || n.timeless != new[path].timeless {
			t.Fatalf("seed %d: %q was passed over: %s and %s", seed, path, n.all, new[path].all)
		}
		delete(new, path)
		passed++
	}
	for path, n := range new {
		t.Fatalf("seed %d: %q was passed over: nothing and %s", seed, path, n.all)
	}
	return passed
}

type walkedNode struct{ all, timeless string }

func walked(t *testing.T, tocs []*TOC) map[string]walkedNode {
	t.Helper()
	all := map[string]walkedNode{}
	for n, err := range Squash(tocs).Walk("") {
		if err != nil {
			t.Fatal(err)
		}
		all[n.Path] = walkedNode{shown(&n, true), shown(&n, false)}
	}
	return all
}

// shown is a node without what depends on its layers; "" is none.
func shown(n *Node, times bool) string {
	if n == nil {
		return ""
	}
	e := n.Entry
	if e.Kind == Dir {
		e.Digest = Digest{}
	}
	e.TimesDigest, e.Offset, e.Group, e.Links, e.Implied, e.Hides = Digest{}, 0, 0, 0, false, 0
	if !times {
		e.ModTime = Time{}
	}
	return fmt.Sprintf("%#v", e)
}

// TestJoinReadsNothingOfEqualStacks says that equal stacks are told by their roots.
func TestJoinReadsNothingOfEqualStacks(t *testing.T) {
	tocs := stack(t, []fixtures.Entry{{Name: "usr/bin/a", Body: "a"}, {Name: "etc/b", Body: "b"}}, []fixtures.Entry{{Name: "etc/c", Body: "c"}})
	n := 0
	for range Join(Squash(tocs), Squash(tocs), JoinOptions{Times: true}) {
		n++
	}
	if n != 1 {
		t.Errorf("%d paths", n)
	}
}
