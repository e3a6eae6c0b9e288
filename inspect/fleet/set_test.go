package fleet

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func setOf(images []Image) *Set {
	var s Set
	for _, img := range images {
		s.Add(img)
	}
	return &s
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// TestSumsAreThoseOfAnOracle compares everything with what looking at everything tells,
// on random families.
func TestSumsAreThoseOfAnOracle(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		images := family(r, 1+r.IntN(12), 1+r.IntN(25), seed%3 == 0)
		check(t, fmt.Sprint("seed ", seed), images, r)
	}
}

func check(t *testing.T, name string, images []Image, r *rand.Rand) {
	t.Helper()
	s, o := setOf(images), newOracle(images)
	same := func(what string, got, want Bytes) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %s: got %s, want %s", name, what, text(got), text(want))
		}
	}
	if s.Len() != len(o) {
		t.Fatalf("%s: %d images, want %d", name, s.Len(), len(o))
	}
	for i := range o {
		same(fmt.Sprint("total ", i), s.Total(i), o.bytes(i))
		same(fmt.Sprint("exclusive ", i), s.Exclusive(i), o.freed(i))
		if rest := s.Total(i).less(s.Exclusive(i)); s.Total(i).Unpacked != nil {
			same(fmt.Sprint("shared ", i), s.Shared(i), rest)
		}
	}
	for range 5 {
		var some []int
		for i := range o {
			if r.IntN(3) == 0 {
				some = append(some, i, i)
			}
		}
		same(fmt.Sprint("freed ", some), s.Freed(some...), o.freed(some...))
	}
	same("after", s.After(), o.bytes(o.others(nil)...))
	checkBases(t, name, s, o)
	checkReport(t, name, s, o)
}

func checkBases(t *testing.T, name string, s *Set, o oracle) {
	t.Helper()
	for i, base := range s.Bases() {
		want := o.bases(i)
		if base < 0 && len(want) > 0 || base >= 0 && !slices.Contains(want, base) {
			t.Errorf("%s: the base of %d is %d, want one of %v", name, i, base, want)
		}
	}
}

// checkReport holds a report to what must add up in it.
func checkReport(t *testing.T, name string, s *Set, o oracle) {
	t.Helper()
	r := s.Report()
	var before, proportional Bytes
	zero := int64(0)
	before.Unpacked, proportional.Unpacked = &zero, &zero
	members := 0
	var walk func(nodes []*Node, below int, sum Bytes)
	walk = func(nodes []*Node, below int, sum Bytes) {
		for _, n := range nodes {
			if n.Layers != below+n.OwnLayers || len(n.Images) == 0 && len(n.Children) < 2 {
				t.Errorf("%s: a node of %d own layers of %d on %d, with %d images and %d children", name, n.OwnLayers, n.Layers, below, len(n.Images), len(n.Children))
			}
			at := plus(sum, n.Own)
			for i, m := range n.Images {
				members++
				before, proportional = plus(before, m.Total), plus(proportional, m.Proportional)
				if i == 0 && n.Layers > 0 && m.Total.Unpacked != nil && *m.Total.Unpacked != *at.Unpacked {
					t.Errorf("%s: on the way to %s are %d bytes, and it has %d", name, m.Digest, *at.Unpacked, *m.Total.Unpacked)
				}
			}
			walk(n.Children, n.Layers, at)
		}
	}
	walk(r.Roots, 0, Bytes{Unpacked: &zero})
	if members != len(o) || r.Totals.Images != members {
		t.Errorf("%s: %d images in the tree, %d in the totals, of %d", name, members, r.Totals.Images, len(o))
	}
	if !reflect.DeepEqual(before, r.Totals.Before) || !reflect.DeepEqual(proportional, r.Totals.After) {
		t.Errorf("%s: before %s, proportional %s, totals %s", name, text(before), text(proportional), text(r.Totals))
	}
}

func plus(a, b Bytes) Bytes {
	sum := Bytes{Content: a.Content + b.Content}
	if a.Unpacked != nil && b.Unpacked != nil {
		n := *a.Unpacked + *b.Unpacked
		sum.Unpacked = &n
	}
	return sum
}

// TestReportDoesNotDependOnTheOrder adds the same images in other orders.
func TestReportDoesNotDependOnTheOrder(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 2))
		images := family(r, 10, 12, false)
		want := text(setOf(images).Report())
		for range 3 {
			r.Shuffle(len(images), func(i, j int) { images[i], images[j] = images[j], images[i] })
			if got := text(setOf(images).Report()); got != want {
				t.Fatalf("seed %d: got\n%s, want\n%s", seed, got, want)
			}
		}
	}
}

// TestTree is the tree of the manual: what is whose base, and where nobody ends.
func TestTree(t *testing.T) {
	image := func(name string, n int, layers ...int) Image {
		img := Image{Names: []string{name}, Digest: digest("image", n)}
		for _, l := range layers {
			img.Layers = append(img.Layers, Layer{Digest: digest("blob", l), DiffID: layerOf(2*l, false).DiffID, Content: 10, Unpacked: 100})
		}
		return img
	}
	s := setOf([]Image{
		image("worker", 1, 1, 2, 3, 7), image("debian", 2, 1), image("python", 3, 1, 2, 3), image("app", 4, 1, 2, 3, 4, 5, 6),
		image("one", 5, 20, 21), image("two", 6, 20, 22), image("python:copy", 7, 1, 2, 3), image("none", 8), image("alike", 9, 2, 3),
	})
	s.Add(Image{Digest: digest("image", 4), Names: []string{"app:2"}})
	var lines []string
	var walk func(nodes []*Node, indent string)
	walk = func(nodes []*Node, indent string) {
		for _, n := range nodes {
			var names []string
			for _, m := range n.Images {
				names = append(names, fmt.Sprintf("%s(%d)", strings.Join(m.Names, ","), m.Exclusive.Content))
			}
			lines = append(lines, fmt.Sprintf("%s%s+%d", indent, strings.Join(names, "="), n.OwnLayers))
			walk(n.Children, indent+" ")
		}
	}
	walk(s.Report().Roots, "")
	want := []string{"alike(0)+2", "debian(0)+1", " python(0)=python:copy(0)+2", "  app,app:2(30)+3", "  worker(10)+1", "+1", " one(10)+1", " two(10)+1", "none(0)+0"}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func TestNumbersGiveHashesBack(t *testing.T) {
	var n numbers
	hashes := []v1.Hash{digest("x", 1), digest("x", 2), {Algorithm: "sha512", Hex: "ab"}, {}, {Algorithm: "sha256", Hex: strings.Repeat("A", 64)}, {Algorithm: "sha256", Hex: strings.Repeat("a", 64)}}
	for i, h := range hashes {
		if id, isNew := n.number(h); int(id) != i || !isNew {
			t.Errorf("%s: %d, %v", h, id, isNew)
		}
	}
	for i, h := range hashes {
		if id, isNew := n.number(h); int(id) != i || isNew || n.hash(id) != h {
			t.Errorf("%s: %d, %v, %s", h, id, isNew, n.hash(id))
		}
	}
}

func TestWhatWasNotKnownIsLearned(t *testing.T) {
	l := layerOf(2, false)
	unread := l
	unread.Unpacked = Unknown
	img := Image{Digest: digest("image", 1), Layers: []Layer{unread}}
	s := setOf([]Image{img})
	if s.After().Unpacked != nil {
		t.Error("known, and nobody has told it")
	}
	img.Layers = []Layer{l}
	s.Add(img)
	if got := s.After().Unpacked; got == nil || *got != l.Unpacked {
		t.Errorf("got %v", got)
	}
}

func TestOthers(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 3))
		images := family(r, 8, 10, false)
		s, o := setOf(images), newOracle(images)
		for i := range o {
			_, own := o.held(i)
			want := 0
			for other := range o {
				_, theirs := o.held(other)
				if other != i && slices.ContainsFunc(o[i].Layers, func(l Layer) bool { _, has := theirs[v1.Hash(l.DiffID)]; return has }) && len(own) > 0 {
					want++
				}
			}
			if got := s.Others(i); got != want {
				t.Errorf("seed %d: others of %d: %d, want %d", seed, i, got, want)
			}
		}
	}
}

func TestLayersAreThoseThatWereAdded(t *testing.T) {
	for seed := range uint64(30) {
		var set Set
		images := family(rand.New(rand.NewPCG(seed, 5)), 12, 20, true)
		for _, img := range images {
			set.Add(img)
		}
		for _, img := range newOracle(images) {
			id, _ := set.Number(img.Digest)
			if got := set.Layers(id); !slices.Equal(got, img.Layers) {
				t.Fatalf("seed %d: %v, not %v", seed, got, img.Layers)
			}
		}
	}
}
