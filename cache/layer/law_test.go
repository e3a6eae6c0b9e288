package layer

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/layers/layers/fixtures"
)

// index runs the one pass over a blob and opens what it made.
func index(t testing.TB, blob []byte) (*TOC, *Extents, Indexed) {
	t.Helper()
	var toc, extents bytes.Buffer
	found, err := Index(context.Background(), bytes.NewReader(blob), Outputs{TOC: &toc, Extents: &extents}, IndexOptions{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	c, err := ReadTOC(toc.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	x, err := ReadExtents(extents.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return c, x, found
}

func stack(t testing.TB, layers ...[]fixtures.Entry) []*TOC {
	t.Helper()
	var tocs []*TOC
	for _, entries := range layers {
		toc, _, _ := index(t, fixtures.Tar(entries...))
		tocs = append(tocs, toc)
	}
	return tocs
}

// tryStack is stack for entries that may be refused, and for nothing else.
func tryStack(t testing.TB, layers [][]fixtures.Entry) (tocs []*TOC, err error) {
	t.Helper()
	for _, entries := range layers {
		var toc bytes.Buffer
		_, err := Index(context.Background(), bytes.NewReader(fixtures.Tar(entries...)), Outputs{TOC: &toc}, IndexOptions{})
		var refused *RefusedError
		if errors.As(err, &refused) {
			return nil, err
		}
		if err != nil {
			t.Fatal(err)
		}
		c, err := ReadTOC(toc.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		tocs = append(tocs, c)
	}
	return tocs, nil
}

// modelNode is a tree laid over another by plain recursion: the squash as the
// specification tells it, without cursors, floors or heaps.
type modelNode struct {
	entry    Entry
	layer    int // of the name
	carrier  int // of the attributes
	children map[string]*modelNode
}

func modelLayer(t *testing.T, toc *TOC, number int) *modelNode {
	t.Helper()
	nodes := map[string]*modelNode{}
	for e, err := range toc.Entries("") {
		if err != nil {
			t.Fatal(err)
		}
		n := &modelNode{entry: e, layer: number, carrier: number, children: map[string]*modelNode{}}
		nodes[e.Path] = n
		if e.Path != "" {
			dir, name := splitPath(e.Path)
			nodes[dir].children[name] = n
		}
	}
	return nodes[""]
}

func modelMerge(lower, upper *modelNode) *modelNode {
	switch {
	case upper == nil:
		return lower
	case upper.entry.Kind == Absent:
		return nil
	case upper.entry.Kind != Dir:
		return upper
	}
	if lower != nil && (lower.entry.Kind != Dir || upper.entry.Hides == HidesAll) {
		lower = nil
	}
	merged := &modelNode{entry: upper.entry, layer: upper.layer, carrier: upper.carrier, children: map[string]*modelNode{}}
	if lower != nil && upper.entry.Implied {
		merged.entry, merged.carrier = lower.entry, lower.carrier
		if lower.entry.Implied {
			merged.entry, merged.carrier = upper.entry, upper.carrier
		}
	}
	if lower != nil && upper.entry.Hides != HidesChildren {
		maps.Copy(merged.children, lower.children)
	}
	for name, child := range upper.children {
		if c := modelMerge(merged.children[name], child); c != nil {
			merged.children[name] = c
		} else {
			delete(merged.children, name)
		}
	}
	return merged
}

func modelList(n *modelNode, list *[]string) {
	if n.entry.Kind != HardLink {
		*list = append(*list, describe(n.entry, n.layer, n.carrier))
	}
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		modelList(n.children[name], list)
	}
}

func describe(e Entry, layer, carrier int) string {
	return fmt.Sprintf("%s %v %o %d:%d %d %q %v %v from %d, %d", e.Path, e.Kind, e.Mode, e.UID, e.GID, e.Size, e.Link, e.Digest, e.ModTime, layer, carrier)
}

// TestSquashIsRecursiveMerge holds the streaming merge against plain recursion, and
// reclaimable bytes against what is left when the visible bytes are taken away.
func TestSquashIsRecursiveMerge(t *testing.T) {
	for seed := range uint64(1500) {
		rng := rand.New(rand.NewPCG(seed, 7))
		layers := fixtures.Random(rng, fixtures.RandomOptions{Odd: seed%2 == 0})
		tocs, err := tryStack(t, layers)
		if err != nil {
			continue // a loop of symbolic links
		}
		checkWalk(t, seed, tocs)
		checkReclaimable(t, seed, tocs)
		if t.Failed() {
			t.Fatalf("seed %d:\n%v", seed, layers)
		}
	}
}

func checkWalk(t *testing.T, seed uint64, tocs []*TOC) {
	t.Helper()
	var root *modelNode
	for i, toc := range tocs {
		root = modelMerge(root, modelLayer(t, toc, i))
	}
	var want, got []string
	if root != nil {
		modelList(root, &want)
	}
	tree := Squash(tocs)
	for n, err := range tree.Walk("") {
		if err != nil {
			t.Fatal(err)
		}
		if fromLink(t, tocs, n) {
			continue
		}
		got = append(got, describe(n.Entry, n.Layer, n.Carrier))
		if again, err := tree.Lookup(n.Path); err != nil || describe(again.Entry, again.Layer, again.Carrier) != got[len(got)-1] {
			t.Errorf("seed %d: lookup of %q: %+v, %v", seed, n.Path, again, err)
		}
	}
	checkChildren(t, tree)
	if !slices.Equal(got, want) {
		t.Errorf("seed %d: walk\n%s\nmodel\n%s", seed, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// checkChildren says that what is directly below every directory is what a walk finds there.
func checkChildren(t *testing.T, tree *Tree) {
	t.Helper()
	want := map[string][]string{}
	for n, err := range tree.Walk("") {
		if err != nil {
			t.Fatal(err)
		}
		if dir, _ := splitPath(n.Path); n.Path != "" {
			want[dir] = append(want[dir], describe(n.Entry, n.Layer, n.Carrier))
		}
	}
	for n, err := range tree.Walk("") {
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for c, err := range tree.Children(n.Path) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, describe(c.Entry, c.Layer, c.Carrier))
		}
		if !slices.Equal(got, want[n.Path]) {
			t.Errorf("below %q: %v, but a walk finds %v", n.Path, got, want[n.Path])
		}
	}
}

// fromLink reports whether a node's name is a hard link that only the tree could resolve.
func fromLink(t *testing.T, tocs []*TOC, n Node) bool {
	e, err := tocs[n.Layer].Lookup(n.Path)
	if err != nil {
		t.Fatal(err)
	}
	return e.Kind == HardLink
}

func checkReclaimable(t *testing.T, seed uint64, tocs []*TOC) {
	t.Helper()
	var all, hidden int64
	for _, toc := range tocs {
		all += toc.Totals().Unpacked
	}
	tree := Squash(tocs)
	visible := map[carried]int64{}
	for n, err := range tree.Walk("") {
		if err != nil {
			t.Fatal(err)
		}
		if n.Kind == File {
			visible[carried{n.Carrier, n.Offset}] = n.Size
		}
	}
	for _, size := range visible {
		all -= size
	}
	for c, err := range tree.Reclaimable() {
		if err != nil {
			t.Fatal(err)
		}
		if c.HiddenBy <= c.Layer {
			t.Errorf("seed %d: %+v is hidden by no higher layer", seed, c)
		}
		hidden += c.Bytes
	}
	if hidden != all {
		t.Errorf("seed %d: %d bytes reclaimable, but %d are carried and not visible", seed, hidden, all)
	}
}

// TestOrderInsideALayer says that whiteouts and what a layer adds may come in any order.
func TestOrderInsideALayer(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 11))
		layers, _ := fixtures.RandomBuilt(rng, fixtures.RandomOptions{})
		shuffled := slices.Clone(layers)
		for i := range shuffled {
			shuffled[i] = slices.Clone(shuffled[i])
			rng.Shuffle(len(shuffled[i]), func(a, b int) {
				shuffled[i][a], shuffled[i][b] = shuffled[i][b], shuffled[i][a]
			})
		}
		if want, got := listing(t, stack(t, layers...)), listing(t, stack(t, shuffled...)); !slices.Equal(want, got) {
			t.Fatalf("seed %d: %v\nin order\n%s\nshuffled\n%s", seed, layers, strings.Join(want, "\n"), strings.Join(got, "\n"))
		}
	}
}

func listing(t *testing.T, tocs []*TOC) (list []string) {
	t.Helper()
	for n, err := range Squash(tocs).Walk("") {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, describe(n.Entry, n.Layer, n.Carrier))
	}
	return list
}

// TestCompressorDoesNotMatter says that a TOC is a function of the tar alone, and
// that the parts of every blob add up to it.
func TestCompressorDoesNotMatter(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 3))
		for _, entries := range fixtures.Random(rng, fixtures.RandomOptions{}) {
			data := fixtures.Tar(entries...)
			plain := tocBytes(t, data)
			for _, c := range []fixtures.Compression{fixtures.Gzip, fixtures.Zstd, fixtures.None} {
				blob := fixtures.Compress(data, c)
				if !bytes.Equal(plain, tocBytes(t, blob)) {
					t.Fatalf("seed %d: the TOC depends on the compression %v", seed, c)
				}
				_, x, found := index(t, blob)
				sum := x.Tail()
				for _, span := range x.Spans() {
					sum += span.Bytes
				}
				if sum != int64(len(blob)) || found.Size != sum {
					t.Fatalf("seed %d: the parts are %d bytes of %d", seed, sum, len(blob))
				}
			}
		}
	}
}

func tocBytes(t *testing.T, blob []byte) []byte {
	t.Helper()
	var toc bytes.Buffer
	if _, err := Index(context.Background(), bytes.NewReader(blob), Outputs{TOC: &toc}, IndexOptions{}); err != nil {
		t.Fatal(err)
	}
	return toc.Bytes()
}

// TestEqualSubtrees says when directories have equal digests: with the same
// contents, whatever the times; and never otherwise.
func TestEqualSubtrees(t *testing.T) {
	base := []fixtures.Entry{{Name: "d/a", Body: "1"}, {Name: "d/e/b", Body: "2"}}
	digest := func(entries ...fixtures.Entry) (d, times Digest) {
		e, err := stack(t, entries)[0].Lookup("d")
		if err != nil {
			t.Fatal(err)
		}
		return e.Digest, e.TimesDigest
	}
	want, times := digest(base...)
	later := slices.Clone(base)
	later[1].ModTime = fixtures.Epoch.AddDate(1, 0, 0)
	if d, other := digest(later...); d != want || other == times {
		t.Error("a time stamp changed the digest, or did not change that of the times")
	}
	if d, _ := digest(append([]fixtures.Entry{{Name: "other", Body: "x"}}, base...)...); d != want {
		t.Error("what is outside the directory changed its digest")
	}
	for name, change := range map[string]fixtures.Entry{
		"content": {Name: "d/e/b", Body: "3"}, "mode": {Name: "d/e/b", Body: "2", Mode: 0o600},
		"owner": {Name: "d/e/b", Body: "2", UID: 1}, "kind": {Name: "d/e/b", Link: "2"},
		"xattr":     {Name: "d/e/b", Body: "2", Xattrs: map[string]string{"user.x": "y"}},
		"hard link": {Name: "d/e/b", Type: tar.TypeLink, Link: "d/a"},
		"whiteout":  {Name: "d/e/.wh.c"}, "opaque": {Name: "d/e/.wh..wh..opq"},
	} {
		changed := append(slices.Clone(base[:1]), change)
		if strings.HasPrefix(change.Name, "d/e/.wh") {
			changed = append(changed, base[1])
		}
		if d, _ := digest(changed...); d == want {
			t.Errorf("another %s left the digest as it was", name)
		}
	}
}
