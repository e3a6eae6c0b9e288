package layer

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/layers/layers/fixtures"
)

// A hard link to a hard link is one to the same file, wherever that lies and
// whatever becomes of the name between.
func TestLinksToLinks(t *testing.T) {
	const lower = "-- 0/a [size=9] --\n-- 0/usr/lib/ --\n-- 0/x [size=1] --\n-- 0/b [size=2] --\n-- 0/lib -> usr/lib --\n-- 0/loop -> loop --\n"
	for name, c := range map[string]struct {
		upper string
		size  int64 // of a; 0 if it leads nowhere
	}{
		"after":             {"-- 1/b => x --\n-- 1/a => b --\n", 1},
		"before":            {"-- 1/a => b --\n-- 1/b => x --\n", 1},
		"overwritten":       {"-- 1/b => x --\n-- 1/a => b --\n-- 1/b [size=3] --\n", 1},
		"behind a link":     {"-- 1/usr/lib/c => x --\n-- 1/a => lib/c --\n", 1},
		"to nothing":        {"-- 1/b => never --\n-- 1/a => b --\n", 0},
		"behind a loop":     {"-- 1/a => loop/x --\n", 0},
		"to itself, whited": {"-- 1/.wh.a --\n-- 1/a => a --\n", 9},
		"to a later file":   {"-- 1/a => c --\n-- 1/c => d --\n-- 1/d [size=7] --\n", 7},
	} {
		n, err := Squash(stack(t, fixtures.Stack(lower+c.upper)...)).Lookup("a")
		if c.size == 0 && err != ErrNotExist || c.size != 0 && (err != nil || n.Size != c.size) {
			t.Errorf("%s: size %d, %v, want %d", name, n.Size, err, c.size)
		}
	}
}

// The last name of a file may be a hard link in a layer above it.
func TestHiddenWithItsLastLink(t *testing.T) {
	tree := Squash(stack(t, fixtures.Stack("-- 0/a [size=5] --\n-- 1/b => a --\n-- 1/.wh.a --\n-- 2/.wh.b --\n")...))
	for c, err := range tree.Reclaimable() {
		if err != nil || c.Path != "a" || c.Layer != 0 || c.HiddenBy != 2 {
			t.Errorf("got %+v, %v", c, err)
		}
	}
}

// linkHeaders are so many hard links, each to the next, and the last to target.
func linkHeaders(n int, target string) (headers []*Header) {
	for i := range n {
		next := fmt.Sprintf("l%d", i+1)
		if i == n-1 {
			next = target
		}
		headers = append(headers, &Header{Name: fmt.Appendf(nil, "l%d", i), Link: []byte(next), Type: '1'})
	}
	return headers
}

func finishLinks(t testing.TB, headers []*Header) (links []string) {
	t.Helper()
	b := newBuilder(t.TempDir(), Limits{}.WithDefaults())
	defer b.spool.close()
	for _, h := range headers {
		if err := b.add(h, nil); err != nil {
			t.Fatal(err)
		}
	}
	f, err := b.finish()
	if err == nil {
		err = f.writeEntries(func(path []byte, r *record) error {
			if len(path) > 0 {
				links = append(links, string(r.link))
			}
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return links
}

// A chain of hard links leads where its last one does, in whatever order they come,
// and a loop of them to one place.
func TestLinkChains(t *testing.T) {
	const n = 20_000
	for name, order := range map[string]func([]*Header){
		"forward": func([]*Header) {}, "backward": slices.Reverse[[]*Header],
		"by name": func(h []*Header) {
			slices.SortFunc(h, func(a, b *Header) int { return slices.Compare(a.Name, b.Name) })
		},
	} {
		for _, target := range []string{"nowhere/f", "l7"} {
			headers := linkHeaders(n, target)
			order(headers)
			links := finishLinks(t, headers)
			for _, l := range links {
				if target == "nowhere/f" && l != target || target == "l7" && l != links[0] {
					t.Fatalf("%s, to %s: a link to %s", name, target, l)
				}
			}
			if len(links) != n {
				t.Errorf("%s: %d links", name, len(links))
			}
		}
	}
}

// Walks side by side resolve the links of the same layers.
func TestLinksSideBySide(t *testing.T) {
	const text = "-- 0/d/a [size=1] --\n-- 0/d/b [size=2] --\n-- 0/s -> d --\n-- 1/l => d/a --\n-- 1/m => s/b --\n-- 2/n => d/b --\n-- 2/o => s/a --\n-- 2/p => d/c --\n"
	tree := Squash(stack(t, fixtures.Stack(text)...))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			sizes := map[string]int64{}
			for n, err := range tree.Walk("") {
				if err != nil {
					t.Error(err)
				}
				sizes[n.Path] = n.Size
			}
			if sizes["l"] != 1 || sizes["m"] != 2 || sizes["n"] != 2 || sizes["o"] != 1 || sizes["p"] != 0 {
				t.Error(sizes)
			}
		})
	}
	wg.Wait()
}

func BenchmarkLinkChain(b *testing.B) {
	headers := linkHeaders(100_000, "nowhere")
	for b.Loop() {
		finishLinks(b, headers)
	}
}
