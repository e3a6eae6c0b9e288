package diff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

// tree makes a tree of layers, or none if a layer is refused.
func tree(t *testing.T, layers [][]fixtures.Entry) *layer.Tree {
	t.Helper()
	var tocs []*layer.TOC
	for _, entries := range layers {
		var data bytes.Buffer
		_, err := layer.Index(context.Background(), bytes.NewReader(fixtures.Tar(entries...)), layer.Outputs{TOC: &data}, layer.IndexOptions{})
		var refused *layer.RefusedError
		if errors.As(err, &refused) {
			return nil
		}
		if err != nil {
			t.Fatal(err)
		}
		toc, err := layer.ReadTOC(data.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		tocs = append(tocs, toc)
	}
	return layer.Squash(tocs)
}

// file is what a container sees of a file: first is the first of its names.
type file struct {
	attributes, first string
	bytes             int64 // of the first name
}

// files are what a container sees, and how many bytes its files have.
func files(t *testing.T, tr *layer.Tree, times bool) (all map[string]file, bytes int64) {
	t.Helper()
	all = map[string]file{}
	names := map[fileID]string{}
	for n, err := range tr.Walk("") {
		if err != nil {
			t.Fatal(err)
		}
		f := file{attributes: attributesOf(&n, times), first: n.Path}
		if n.Kind != layer.Dir {
			id := fileID{n.Layer, n.Carrier, n.Offset}
			if first, known := names[id]; known {
				f.first = first
			} else {
				names[id] = n.Path
				f.bytes = n.Size
			}
		}
		bytes += f.bytes
		all[n.Path] = f
	}
	return all, bytes
}

func attributesOf(n *layer.Node, times bool) string {
	e := n.Entry
	if e.Kind == layer.Dir {
		e.Digest = layer.Digest{}
	}
	if e.Kind == layer.Symlink {
		e.Mode = 0
	}
	e.TimesDigest, e.Offset, e.Group, e.Links, e.Implied, e.Hides = layer.Digest{}, 0, 0, 0, false, 0
	if !times {
		e.ModTime = layer.Time{}
	}
	return fmt.Sprintf("%#v", e)
}

func changes(t *testing.T, old, new *layer.Tree, times bool) (all []Change) {
	t.Helper()
	for c, err := range Files(old, new, FilesOptions{Times: times}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

// TestLawsOfFiles holds for random pairs of trees, related in various ways: the changes
// make the one tree of the other, backwards they are the changes the other way, their
// bytes add up, and a tree does not differ from itself.
func TestLawsOfFiles(t *testing.T) {
	pairs := 0
	for seed := range uint64(700) {
		rng := rand.New(rand.NewPCG(seed, 29))
		o := fixtures.RandomOptions{Layers: 4, Odd: seed%2 == 0}
		a, b := fixtures.Random(rng, o), fixtures.Random(rng, o)
		cut := rng.IntN(len(a) + 1)
		for _, pair := range [][2][][]fixtures.Entry{
			{a, b}, {a, slices.Concat(a, b)}, {a, slices.Concat(a[:cut], b)}, {a, slices.Concat(a[:cut], b[:1], a[cut:])}, {nil, a},
		} {
			old, new := tree(t, pair[0]), tree(t, pair[1])
			if old == nil || new == nil {
				continue
			}
			pairs++
			for _, times := range []bool{false, true} {
				holdLaws(t, seed, old, new, times)
			}
		}
	}
	if pairs < 1000 {
		t.Errorf("only %d pairs", pairs)
	}
}

func holdLaws(t *testing.T, seed uint64, old, new *layer.Tree, times bool) {
	t.Helper()
	if self := changes(t, old, old, times); len(self) > 0 {
		t.Fatalf("seed %d: a tree differs from itself at %q", seed, self[0].Path)
	}
	forth, back := changes(t, old, new, times), changes(t, new, old, times)
	holdReversed(t, seed, forth, back)
	want, newBytes := files(t, new, times)
	got, oldBytes := files(t, old, times)
	for _, c := range forth {
		oldBytes += c.NewBytes - c.OldBytes
		if c.New == nil {
			delete(got, c.Path)
			continue
		}
		got[c.Path] = file{attributes: attributesOf(c.New, times)}
	}
	if oldBytes != newBytes {
		t.Fatalf("seed %d: the sum is %d, want %d", seed, oldBytes, newBytes)
	}
	for path := range maps.Keys(want) {
		if got[path].attributes != want[path].attributes {
			t.Fatalf("seed %d, %q: %s, want %s", seed, path, got[path].attributes, want[path].attributes)
		}
		delete(got, path)
	}
	if len(got) > 0 {
		t.Fatalf("seed %d: too many: %v", seed, got)
	}
}

func holdReversed(t *testing.T, seed uint64, forth, back []Change) {
	t.Helper()
	reversed := map[Kind]Kind{Added: Deleted, Deleted: Added, Modified: Modified, Replaced: Replaced}
	if len(forth) != len(back) {
		t.Fatalf("seed %d: %d changes, and %d backwards", seed, len(forth), len(back))
	}
	for i, c := range forth {
		want := Change{c.Path, reversed[c.Kind], c.What, c.New, c.Old, c.NewBytes, c.OldBytes}
		if !reflect.DeepEqual(back[i], want) {
			t.Fatalf("seed %d: %+v backwards is %+v", seed, c, back[i])
		}
	}
}

// TestLinksThatDiffer says which names are told of, where hard links differ.
func TestLinksThatDiffer(t *testing.T) {
	body := fixtures.Entry{Name: "a/x", Body: "12345"}
	link := func(name, to string) fixtures.Entry { return fixtures.Entry{Name: name, Type: '1', Link: to} }
	base := []fixtures.Entry{body, link("b/x", "a/x"), link("c/x", "a/x")}
	for _, c := range []struct {
		name string
		top  []fixtures.Entry
		want []string
	}{
		{"a copy for a link", []fixtures.Entry{{Name: "b/x", Body: "12345"}}, []string{"b/x modified [links] +5"}},
		{"the first name gone", []fixtures.Entry{{Name: "a/.wh.x"}}, []string{"a/x deleted [] +0"}},
		{"the first name another file", []fixtures.Entry{{Name: "a/x", Body: "1"}}, []string{"a/x modified [content] -4", "b/x modified [links] +5", "c/x modified [links] +0"}},
		{"all gone", []fixtures.Entry{{Name: "a/.wh.x"}, {Name: "b/.wh.x"}, {Name: ".wh.c"}}, []string{"a/x deleted [] -5", "b/x deleted [] +0", "c deleted [] +0", "c/x deleted [] +0"}},
	} {
		var got []string
		for _, d := range changes(t, tree(t, [][]fixtures.Entry{base}), tree(t, [][]fixtures.Entry{base, c.top}), false) {
			got = append(got, fmt.Sprintf("%s %s %v %+d", d.Path, d.Kind, d.What, d.NewBytes-d.OldBytes))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
