package diff

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

// image makes an image of layers, or nil if one is refused. A blob's size is a number
// that tells it from others.
func image(t *testing.T, layers [][]fixtures.Entry) *Image {
	t.Helper()
	tr := tree(t, layers)
	if tr == nil {
		return nil
	}
	i := &Image{Name: "image"}
	for n, toc := range tr.Layers() {
		id := toc.DiffID()
		i.Layers = append(i.Layers, Layer{
			TOC: toc, Digest: v1.Hash(id), Content: int64(len(id.Hex)) + toc.Totals().TarSize/7,
			Step: &Step{Short: fmt.Sprintf("step %d", n)},
		})
	}
	return i
}

func compare(t *testing.T, old, new *Image) *Report {
	t.Helper()
	r, err := Compare(context.Background(), old, new, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestLawsOfSums holds for random pairs of images: layers, causes, their parts, and files
// add up to the change, and every layer is in one pair.
func TestLawsOfSums(t *testing.T) {
	pairs := 0
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 31))
		o := fixtures.RandomOptions{Layers: 5, Odd: seed%2 == 0}
		a, b := fixtures.Random(rng, o), fixtures.Random(rng, o)
		cut := rng.IntN(len(a) + 1)
		shuffled := slices.Clone(a)
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		for _, pair := range [][2][][]fixtures.Entry{
			{a, b}, {a, slices.Concat(a, b)}, {slices.Concat(a[:cut], b), a}, {a, shuffled}, {a, slices.Concat(a[:cut], b[:1], a[cut:])}, {a, slices.Concat(a, a)},
			{nil, a}, {a, a},
		} {
			old, new := image(t, pair[0]), image(t, pair[1])
			if old == nil || new == nil {
				continue
			}
			pairs++
			holdSums(t, seed, old, new)
		}
	}
	if pairs < 600 {
		t.Errorf("only %d pairs", pairs)
	}
}

func holdSums(t *testing.T, seed uint64, old, new *Image) {
	t.Helper()
	r := compare(t, old, new)
	holdPairs(t, seed, r, old, new)
	var causes int64
	for _, c := range r.Causes {
		causes += c.Unpacked
		var parts int64
		for _, p := range c.Parts {
			parts += p.Change
			if p.Change != p.Added-p.Removed {
				t.Fatalf("seed %d: %+v", seed, p)
			}
		}
		if parts != c.Unpacked {
			t.Fatalf("seed %d: the parts of layers %d and %d are %d, and they %d", seed, c.Old, c.New, parts, c.Unpacked)
		}
	}
	if causes != r.Unpacked.Change {
		t.Fatalf("seed %d: the causes are %d, the change %d", seed, causes, r.Unpacked.Change)
	}
	if r.Unpacked.Change != r.Unpacked.New-r.Unpacked.Old || r.Files.Change+r.Files.Hidden != r.Unpacked.Change {
		t.Fatalf("seed %d: %+v %+v", seed, r.Unpacked, r.Files)
	}
	if want := hidden(t, new) - hidden(t, old); r.Files.Hidden != want {
		t.Fatalf("seed %d: %d hidden, want %d", seed, r.Files.Hidden, want)
	}
	back := compare(t, new, old)
	if back.Unpacked.Change != -r.Unpacked.Change || back.Files.Change != -r.Files.Change || back.Files.Added != turned(r.Files.Deleted) {
		t.Fatalf("seed %d: %+v backwards is %+v", seed, r.Files, back.Files)
	}
}

func turned(s Sum) Sum { s.Old, s.New = s.New, s.Old; return s }

func holdPairs(t *testing.T, seed uint64, r *Report, old, new *Image) {
	t.Helper()
	var content, unpacked int64
	var olds, news []int
	for _, p := range r.Layers {
		content += *p.Content
		unpacked += p.Unpacked
		if p.Old != nil {
			olds = append(olds, p.Old.Number)
		}
		if p.New != nil {
			news = append(news, p.New.Number)
		}
	}
	slices.Sort(olds)
	if !slices.Equal(olds, numbers(old)) || !slices.Equal(news, numbers(new)) {
		t.Fatalf("seed %d: layers %d and %d", seed, olds, news)
	}
	if content != r.Content.Change || unpacked != r.Unpacked.Change {
		t.Fatalf("seed %d: the layers add up to %d and %d: %+v %+v", seed, content, unpacked, r.Content, r.Unpacked)
	}
}

func numbers(i *Image) (all []int) {
	for n := range i.Layers {
		all = append(all, n+1)
	}
	return all
}

// hidden is what layers carry and no container sees, less what a container sees that no
// layer carries: the copies that hard links to lower layers are.
func hidden(t *testing.T, i *Image) (sum int64) {
	t.Helper()
	for c, err := range i.Tree().Reclaimable() {
		if err != nil {
			t.Fatal(err)
		}
		sum += c.Bytes
	}
	_, seen := files(t, i.Tree(), false)
	carried := map[fileID]int64{}
	for n, err := range i.Tree().Walk("") {
		if err != nil {
			t.Fatal(err)
		}
		if n.Kind == layer.File {
			carried[fileID{n.Carrier, n.Carrier, n.Offset}] = n.Size
		}
	}
	for _, size := range carried {
		seen -= size
	}
	return sum - seen
}

// TestRelations says what becomes of layers.
func TestRelations(t *testing.T) {
	file := func(name, body string) fixtures.Entry { return fixtures.Entry{Name: name, Body: body} }
	base := []fixtures.Entry{file("bin/sh", "shell"), file("etc/passwd", "root"), file("lib/libc", "c")}
	app := []fixtures.Entry{file("app/a", "a"), file("app/b", "b"), file("app/c", "c"), file("app/d", "d")}
	next := []fixtures.Entry{file("app/a", "a"), file("app/b", "b"), file("app/c", "c"), file("app/d", "other")}
	owned := slices.Clone(app)
	owned[0].UID = 7
	later := slices.Clone(app)
	later[0].ModTime = time.Unix(1, 0)
	extra := []fixtures.Entry{file("extra/x", "x")}
	for _, c := range []struct {
		name     string
		old, new [][]fixtures.Entry
		want     []string
	}{
		{"the same", [][]fixtures.Entry{base, app}, [][]fixtures.Entry{base, app}, []string{"1 1 shared", "2 2 shared"}},
		{"inserted", [][]fixtures.Entry{base, app}, [][]fixtures.Entry{base, extra, app}, []string{"1 1 shared", "0 2 new", "2 3 shared"}},
		{"gone", [][]fixtures.Entry{base, extra, app}, [][]fixtures.Entry{base, app}, []string{"1 1 shared", "2 0 gone", "3 2 shared"}},
		{"moved", [][]fixtures.Entry{base, extra, app}, [][]fixtures.Entry{base, app, extra}, []string{"1 1 shared", "3 2 shared", "2 3 moved"}},
		{"changed", [][]fixtures.Entry{base, app}, [][]fixtures.Entry{base, next}, []string{"1 1 shared", "2 2 changed 0.75"}},
		{"changed behind an inserted one", [][]fixtures.Entry{base, app}, [][]fixtures.Entry{base, extra, next}, []string{"1 1 shared", "0 2 new", "2 3 changed 0.75"}},
		{"rebuilt", [][]fixtures.Entry{base, app}, [][]fixtures.Entry{base, later}, []string{"1 1 shared", "2 2 rebuilt"}},
		{"another owner", [][]fixtures.Entry{base, app}, [][]fixtures.Entry{base, owned}, []string{"1 1 shared", "2 2 attributes [owner]"}},
		{"another owner, and a whiteout", [][]fixtures.Entry{base, app}, [][]fixtures.Entry{base, append(slices.Clone(owned), fixtures.Entry{Name: ".wh.bin"})}, []string{"1 1 shared", "2 2 changed 1"}},
		{"a whiteout alone", [][]fixtures.Entry{base, app}, [][]fixtures.Entry{base, append(slices.Clone(app), fixtures.Entry{Name: ".wh.bin"})}, []string{"1 1 shared", "2 2 changed 1"}},
		{"moved and changed", [][]fixtures.Entry{base, app, extra}, [][]fixtures.Entry{base, extra, next}, []string{"1 1 shared", "3 2 shared", "2 3 changed 0.75 elsewhere"}},
	} {
		old, new := image(t, c.old), image(t, c.new)
		for _, i := range []*Image{old, new} {
			for n := range i.Layers {
				i.Layers[n].Step = nil
			}
		}
		var got []string
		for _, p := range compare(t, old, new).Layers {
			got = append(got, relationText(&p))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func relationText(p *LayerPair) string {
	number := func(s *LayerSide) int {
		if s == nil {
			return 0
		}
		return s.Number
	}
	text := fmt.Sprintf("%d %d %s", number(p.Old), number(p.New), p.Relation)
	if p.Likeness != nil {
		text += fmt.Sprintf(" %v", *p.Likeness)
	}
	if p.What != nil {
		text += fmt.Sprintf(" %v", p.What)
	}
	if p.Elsewhere {
		text += " elsewhere"
	}
	return text
}

// TestVeryManyLayers says that an image that was made to take time does not.
func TestVeryManyLayers(t *testing.T) {
	few := image(t, [][]fixtures.Entry{{{Name: "a", Body: "1"}}, {{Name: "b", Body: "2"}}, {{Name: "c", Body: "3"}}, {{Name: "d", Body: "4"}}})
	stack := func(a, b Layer) (all []Layer) {
		for range 5000 {
			all = append(all, a, b)
		}
		return all
	}
	old := stack(few.Layers[0], few.Layers[1])
	new := append(stack(few.Layers[2], few.Layers[3]), old[:3]...)
	couples, err := align(old, new)
	if err != nil {
		t.Fatal(err)
	}
	paired := 0
	for _, c := range couples {
		if c.old >= 0 && c.new >= 0 {
			paired++
		}
	}
	if len(couples) != len(old)+len(new)-paired || paired != 3 {
		t.Errorf("%d couples, %d of them pairs", len(couples), paired)
	}
}
