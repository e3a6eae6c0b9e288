package cache

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/layers/layers/cache/unpack"
)

// du is what du says of a directory.
func du(t *testing.T, dir string) (w unpack.Weight) {
	t.Helper()
	count := func(flags ...string) int64 {
		out, err := exec.Command("du", append(flags, "--summarize", "--block-size=1", dir)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.ParseInt(strings.Fields(string(out))[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return unpack.Weight{Apparent: count("--apparent-size"), Disk: count()}
}

func inventory(t *testing.T, s *Store) *Inventory {
	t.Helper()
	i, err := s.Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func (i *Inventory) sum() (sum unpack.Weight) {
	for _, item := range i.Items {
		sum = sum.Plus(item.Weight)
	}
	return sum
}

// crowd fills a store with images that share, snapshots, and all that is none of theirs.
func crowd(t *testing.T, dir string) *Store {
	t.Helper()
	s := reopen(t, dir)
	pull(t, s, image(twoLayers), "example.org/a:1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	clutter(t, dir)
	base := image("-- 0/base --\n" + noise(50_000) + "\n-- 0/dir/a --\na\n-- 0/dir/b --\nb\n")
	app, err := mutate.AppendLayers(base, mustLayers(t, image("-- 0/app --\n"+noise(20_000)))...)
	if err != nil {
		t.Fatal(err)
	}
	pull(t, s, base, "example.org/base:1")
	for _, rootless := range []bool{true, os.Geteuid() != 0} {
		snapshots, err := s.Snapshots(t.Context(), app, SnapshotOptions{Rootless: rootless})
		if err != nil {
			t.Fatal(err)
		}
		if err := snapshots.Release(); err != nil {
			t.Fatal(err)
		}
	}
	pull(t, s, app, "example.org/app:1", "example.org/app:2")
	place(t, dir, "quarantine/1/file", "damaged")
	half, err := mustLayers(t, base)[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	leave(t, s, half, []byte("half of what is there whole"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestInventoryIsWhatDuFinds(t *testing.T) {
	s := crowd(t, t.TempDir()+"/store")
	place(t, s.Dir(), "foreign/deep/file", "what is this")
	err := errors.Join(os.Link(s.path("foreign/deep/file"), s.path("foreign/twin")), os.Symlink("nowhere", s.path("foreign/link")))
	if err != nil {
		t.Fatal(err)
	}
	i := inventory(t, s)
	if got, want := i.sum(), du(t, s.Dir()); got != want {
		t.Errorf("the items are %+v, and du says %+v", got, want)
	}
	kinds := map[Kind]int{}
	for _, item := range i.Items {
		kinds[item.Kind]++
		if !slices.Contains(Kinds, item.Kind) {
			t.Errorf("%s is of a kind %q", item.Path, item.Kind)
		}
	}
	for _, kind := range Kinds {
		if kinds[kind] == 0 && kind != KindTrash {
			t.Errorf("nothing is of the kind %s", kind)
		}
	}
}

// What nobody holds is what a prune removes, and what only some images hold is what goes
// with them: for each set of images.
func TestInventoryTellsWhatGoes(t *testing.T) {
	ctx := context.Background()
	for set := range 1 << 3 {
		s := reopen(t, crowd(t, t.TempDir()+"/store").Dir())
		if _, err := s.Prune(ctx, false); err != nil {
			t.Fatal(err)
		}
		s = again(t, s)
		before := inventory(t, s)
		kept, gone := map[int]bool{}, map[int]bool{}
		var images []Stored
		for n, h := range before.Holders {
			to := kept
			if set&(1<<n) != 0 && h.Images != nil {
				to = gone
				images = append(images, h.Images...)
			}
			for _, item := range h.Items {
				to[item] = true
			}
		}
		var want unpack.Weight
		for item := range gone {
			if !kept[item] {
				want = want.Plus(before.Items[item].Weight)
			}
		}
		said, err := s.Remove(ctx, images, true)
		if err != nil {
			t.Fatal(err)
		}
		freed, err := s.Remove(ctx, images, false)
		if err != nil {
			t.Fatal(err)
		}
		s = again(t, s)
		after := inventory(t, s)
		names := weightOfNames(before).Minus(weightOfNames(after))
		if freed != said || freed != want.Plus(names) || before.sum().Minus(after.sum()) != freed {
			t.Errorf("set %b: %v is the inventory's, %v were said, %v freed, the store lost %v", set, want.Plus(names), said, freed, before.sum().Minus(after.sum()))
		}
		check(t, s)
	}
}

// again closes a store, so that it has no scratch directory and no trash, and opens it.
func again(t *testing.T, s *Store) *Store {
	t.Helper()
	if err := errors.Join(s.Close(), EmptyTrash(s.Dir(), false)); err != nil {
		t.Fatal(err)
	}
	return reopen(t, s.Dir())
}

func weightOfNames(i *Inventory) (sum unpack.Weight) {
	for _, item := range i.Items {
		if item.Path == indexFile {
			sum = sum.Plus(item.Weight)
		}
	}
	return sum
}

// What another program keeps in the layout is told, and is none of ours to remove.
func TestInventoryOfOthers(t *testing.T) {
	s := testStore(t)
	pull(t, s, image(twoLayers), "example.org/a:1")
	h := digestOf([]byte("a chart"))
	place(t, s.Dir(), blobDir+"/"+h.Hex, "a chart")
	edit(t, s, func(m map[string]json.RawMessage) {
		list := strings.TrimSuffix(string(m["manifests"]), "]")
		m["manifests"] = json.RawMessage(list + `,{"mediaType":"application/vnd.example.chart","size":7,"digest":"` + h.String() + `"}]`)
	})
	i := inventory(t, s)
	if len(i.Holders) != 2 || i.Holders[0].Other || !i.Holders[1].Other || len(i.Holders[1].Items) != 1 {
		t.Errorf("holders %+v", i.Holders)
	}
}

func TestInventoryOfUnheldIsPruned(t *testing.T) {
	ctx := context.Background()
	s := reopen(t, crowd(t, t.TempDir()+"/store").Dir())
	i := inventory(t, s)
	held := map[int]bool{}
	for _, h := range i.Holders {
		for _, item := range h.Items {
			held[item] = true
		}
	}
	swept := map[string]bool{}
	for n, item := range i.Items {
		if item.Swept && !held[n] {
			swept[item.Path] = true
		}
	}
	before := inventory(t, s)
	r, err := s.Prune(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	after := inventory(t, again(t, s))
	gone := pathsIn(before)
	maps.DeleteFunc(gone, func(path string, _ bool) bool { return pathsIn(after)[path] })
	for path := range swept {
		if !gone[path] {
			t.Errorf("%s is still there", path)
		}
		delete(gone, path)
	}
	for path := range gone { // what dead processes left is pruned, too
		if kind := kindIn(before, path); kind != KindScratch && kind != KindControl && kind != KindOther {
			t.Errorf("%s (%s) is gone", path, kind)
		}
	}
	if lost := before.sum().Minus(after.sum()); lost != (unpack.Weight{Apparent: r.Bytes, Disk: r.Disk}) {
		t.Errorf("pruned %+v, and the store lost %v", r, lost)
	}
}

func pathsIn(i *Inventory) map[string]bool {
	all := map[string]bool{}
	for _, item := range i.Items {
		all[item.Path] = true
	}
	return all
}

func kindIn(i *Inventory, path string) Kind {
	for _, item := range i.Items {
		if item.Path == path {
			return item.Kind
		}
	}
	return ""
}

func FuzzWeight(f *testing.F) {
	f.Add(unpack.Weight{Apparent: 17, Disk: 4096}.Text())
	f.Add("1 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := unpack.ParseWeight(text)
		if err == nil && w.Text() != text {
			t.Errorf("%q is taken for %v", text, w)
		}
	})
}
