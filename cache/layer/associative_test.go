package layer

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/layers/layers/fixtures"
)

// combine makes one layer of a stack of some: what it adds, and what it still hides
// of whatever is below.
func combine(t *testing.T, tocs []*TOC) *TOC {
	t.Helper()
	var b bytes.Buffer
	w := newTOCWriter(&b)
	for m, err := range Squash(tocs).merged("") {
		if err != nil {
			t.Fatal(err)
		}
		if r, ok := combined(m); ok {
			if err := w.add(m.path, &r); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.close(tocMeta{DiffID: tocs[0].DiffID()}); err != nil {
		t.Fatal(err)
	}
	toc, err := ReadTOC(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return toc
}

func combined(m *merge) (record, bool) {
	top := len(m.group) - 1
	if m.group[top].layer < m.floor() {
		return record{}, false
	}
	v := m.see()
	if v.top < 0 {
		return record{kind: Absent, hides: HidesAll, offset: -1}, true
	}
	r := m.group[v.attrs].rec
	r.group, r.links = 0, 0
	if r.kind != Dir {
		return r, true
	}
	r.hides = HidesNothing
	for _, h := range m.group[v.low:] {
		r.hides = max(r.hides, h.rec.hides)
	}
	if v.low > 0 && m.group[v.low-1].layer >= m.floor() {
		r.hides = HidesAll // what is not a directory stood there
	}
	return r, true
}

// TestSquashIsAssociative says that it makes no difference which layers of a stack
// are laid over each other first.
func TestSquashIsAssociative(t *testing.T) {
	compared := 0
	for seed := range uint64(1000) {
		rng := rand.New(rand.NewPCG(seed, 19))
		tocs, err := tryStack(t, fixtures.Random(rng, fixtures.RandomOptions{Layers: 6, Odd: seed%2 == 0}))
		if err != nil || len(tocs) < 3 || slices.ContainsFunc(tocs, func(c *TOC) bool { return c.meta.LowerLinks > 0 }) {
			continue
		}
		compared++
		want := visible(t, tocs)
		for from := range tocs {
			for to := from + 2; to <= len(tocs); to++ {
				stack := append(slices.Clone(tocs[:from]), combine(t, tocs[from:to]))
				stack = append(stack, tocs[to:]...)
				if got := visible(t, stack); !slices.Equal(got, want) {
					t.Fatalf("seed %d, layers %d to %d first:\n%s\nwant\n%s", seed, from, to, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
		}
	}
	if compared < 100 {
		t.Errorf("only %d stacks were compared", compared)
	}
}

func visible(t *testing.T, tocs []*TOC) (list []string) {
	t.Helper()
	for n, err := range Squash(tocs).Walk("") {
		if err != nil {
			t.Fatal(err)
		}
		if n.Kind == Dir {
			n.Digest = Digest{} // of what its layer has below it
		}
		list = append(list, fmt.Sprint(n.Implied, describe(n.Entry, 0, 0)))
	}
	return list
}
