package inspect

import (
	"cmp"
	"reflect"
	"slices"
	"testing"

	"github.com/layers/layers/cache/layer"
)

// What the layers carry is either seen at the top or reclaimable, to the byte.
func TestCarriedIsVisibleOrReclaimable(t *testing.T) {
	everyStack(t, func(t *testing.T, in Input) {
		r, err := Image(t.Context(), in, Options{Limit: All})
		if err != nil {
			t.Fatal(err)
		}
		var visible int64
		seen := make(map[contentID]bool)
		for n, err := range layer.Squash(in.tocs()).Walk("") {
			if err != nil {
				t.Fatal(err)
			}
			if id := (contentID{n.Carrier, n.Offset}); n.Kind == layer.File && !seen[id] {
				seen[id] = true
				visible += n.Size
			}
		}
		if visible+r.Reclaimable.Bytes != r.Totals.Unpacked {
			t.Errorf("%d visible and %d reclaimable are not %d", visible, r.Reclaimable.Bytes, r.Totals.Unpacked)
		}
		checkHidden(t, r)
	})
}

// The sums over layers, paths and copies agree.
func checkHidden(t *testing.T, r *Report) {
	t.Helper()
	var byLayer, byPath, copies, content int64
	perLayer := make([]int64, len(r.Layers))
	for _, h := range r.Reclaimable.Top {
		byPath += h.Bytes
		copies += int64(len(h.Copies))
		for _, c := range h.Copies {
			perLayer[c.Layer-1] += c.Bytes
			content += *c.Content
			if c.HiddenBy <= c.Layer {
				t.Errorf("%s of layer %d is hidden by %d", h.Path, c.Layer, c.HiddenBy)
			}
		}
	}
	for i, l := range r.Layers {
		byLayer += l.Reclaimable
		if l.Reclaimable != perLayer[i] {
			t.Errorf("layer %d: %d in the sum, %d in the paths", l.Number, l.Reclaimable, perLayer[i])
		}
	}
	if content != *r.Reclaimable.Content {
		t.Errorf("%d content in the copies, %d in all", content, *r.Reclaimable.Content)
	}
	if byLayer != r.Reclaimable.Bytes || byPath != r.Reclaimable.Bytes || copies != r.Reclaimable.Copies {
		t.Errorf("by layer %d, by path %d, in all %+v", byLayer, byPath, r.Reclaimable)
	}
	paths := make(map[string]bool)
	for _, h := range r.Reclaimable.Top {
		paths[h.Path] = true
	}
	if len(paths) != len(r.Reclaimable.Top) || int64(len(paths)) != r.Reclaimable.Paths {
		t.Errorf("%d rows, %d of them different, are called %d", len(r.Reclaimable.Top), len(paths), r.Reclaimable.Paths)
	}
	if !slices.IsSortedFunc(r.Reclaimable.Top, ranking(ByUnpacked)) {
		t.Errorf("not ranked: %+v", r.Reclaimable.Top)
	}
}

// What a limit leaves is the beginning of what no limit leaves; the memo changes
// nothing; and what the layers hid is what they say that they hid.
func TestLimitsAndMemoAgree(t *testing.T) {
	everyStack(t, func(t *testing.T, in Input) {
		all, err := Image(t.Context(), in, Options{Limit: All})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second comes from the memo
			some, err := Image(t.Context(), in, Options{Limit: 2})
			if err != nil {
				t.Fatal(err)
			}
			want := *all
			want.Reclaimable.Top = all.Reclaimable.Top[:min(2, len(all.Reclaimable.Top))]
			if !reflect.DeepEqual(some, &want) {
				t.Fatalf("with limit and memo\n%+v\nwithout\n%+v", some, &want)
			}
		}
		var hides int64
		for i := range in.Layers {
			r, err := OneLayer(t.Context(), in, i+1, LayerOptions{Limit: All})
			if err != nil {
				t.Fatal(err)
			}
			hides += r.Hides.Bytes
			checkFiles(t, in, r)
		}
		if hides != all.Reclaimable.Bytes {
			t.Errorf("the layers hide %d, and %d are hidden", hides, all.Reclaimable.Bytes)
		}
	})
}

// The files of a layer and the rest of its blob are the blob.
func checkFiles(t *testing.T, in Input, r *LayerReport) {
	t.Helper()
	var unpacked, content int64
	for _, f := range r.Files {
		unpacked += f.Unpacked
		content += *f.Content
	}
	if unpacked != r.Layer.Unpacked {
		t.Errorf("layer %d: its files hold %d, and it %d", r.Layer.Number, unpacked, r.Layer.Unpacked)
	}
	if blob := in.Manifest.Layers[r.Layer.Number-1].Size; content+*r.Other != blob || *r.Other < 0 {
		t.Errorf("layer %d: %d in files and %d beside them are not %d", r.Layer.Number, content, *r.Other, blob)
	}
}

// Directories add up, with and without a limit, of an image and of a layer.
func TestDirsAddUp(t *testing.T) {
	everyStack(t, func(t *testing.T, in Input) {
		for number := range len(in.Layers) + 1 {
			for _, limit := range []int{All, 1} {
				r, err := Dirs(t.Context(), in, DirsOptions{Layer: number, By: ByContent, Depth: 9, Limit: limit})
				if err != nil {
					t.Fatal(err)
				}
				blobs, _ := in.content(number)
				if *r.Other < 0 || *r.Root.Content+*r.Other != blobs {
					t.Errorf("%d in files and %d beside them are not %d", *r.Root.Content, *r.Other, blobs)
				}
				checkDir(t, &r.Root, limit)
				checkRoot(t, in, number, r)
			}
		}
	})
}

func checkRoot(t *testing.T, in Input, number int, r *DirsReport) {
	t.Helper()
	if number > 0 {
		if sums := in.Layers[number-1].TOC.Totals(); sums.Unpacked != r.Root.Unpacked || sums.Files != r.Root.Files {
			t.Errorf("layer %d: %+v of the TOC, %+v of the root", number, sums, r.Root.Sums)
		}
		return
	}
	image, err := Image(t.Context(), in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if want := image.Totals.Unpacked - image.Reclaimable.Bytes; r.Root.Unpacked != want {
		t.Errorf("the root has %d, and %d are visible", r.Root.Unpacked, want)
	}
}

func checkDir(t *testing.T, d *Dir, limit int) {
	t.Helper()
	if limit == All && d.Omitted != nil || limit >= 0 && len(d.Dirs) > limit {
		t.Errorf("%q: %d directories and %+v with limit %d", d.Path, len(d.Dirs), d.Omitted, limit)
	}
	var below Sums
	below.Content = new(int64)
	for i := range d.Dirs {
		below.add(d.Dirs[i].Sums)
		checkDir(t, &d.Dirs[i], limit)
	}
	if d.Omitted != nil {
		below.add(d.Omitted.Sums)
	}
	if below.Unpacked > d.Unpacked || below.Files > d.Files || *below.Content > *d.Content {
		t.Errorf("%q: %+v below are more than %+v in all", d.Path, below, d.Sums)
	}
}

// A listing of everything is the walk; a directory's is the walk's part; and the
// biggest first are the biggest.
func TestListIsTheWalk(t *testing.T) {
	everyStack(t, func(t *testing.T, in Input) {
		var want []string
		for n, err := range layer.Squash(in.tocs()).Walk("") {
			if err != nil {
				t.Fatal(err)
			}
			if n.Path != "" {
				want = append(want, n.Path)
			}
		}
		all := rows(t, in, "/", ListOptions{Recursive: true})
		if got := paths(all); !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
		sorted := rows(t, in, "/", ListOptions{Recursive: true, BySize: true})
		slices.SortStableFunc(all, func(a, b Row) int { return cmp.Compare(b.bytes(), a.bytes()) })
		if !slices.Equal(paths(sorted), paths(all)) {
			t.Errorf("by size: %q, want %q", paths(sorted), paths(all))
		}
		few := rows(t, in, "", ListOptions{Recursive: true, BySize: true, Limit: 3})
		if !slices.Equal(paths(few), paths(all[:min(3, len(all))])) {
			t.Errorf("the biggest 3: %q, want %q", paths(few), paths(all))
		}
	})
}

func rows(t *testing.T, in Input, path string, o ListOptions) []Row {
	t.Helper()
	l, err := List(t.Context(), in, path, o)
	if err != nil {
		t.Fatal(err)
	}
	var out []Row
	for row, err := range l.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, row)
	}
	return out
}

func paths(rows []Row) []string {
	var out []string
	for _, r := range rows {
		out = append(out, r.Path)
	}
	return out
}

// The history of a path is a chain that ends in what the image shows, for every
// path that any layer names.
func TestWhyEndsInWhatIsThere(t *testing.T) {
	everyStack(t, func(t *testing.T, in Input) {
		tree := layer.Squash(in.tocs())
		w := &why{in: &in, tree: tree, steps: ReadHistory(nil, len(in.Layers))}
		for versions, err := range tree.Versions("") {
			if err != nil {
				t.Fatal(err)
			}
			h, err := w.explain(versions[0].Path)
			if err != nil {
				t.Fatal(err)
			}
			checkHistory(t, h)
		}
	})
}

func checkHistory(t *testing.T, h *PathHistory) {
	t.Helper()
	var before *Row
	visible := 0
	for _, e := range h.Events {
		if !reflect.DeepEqual(e.Before, before) {
			t.Errorf("%q: layer %d finds %+v, and %+v was left", h.Path, e.Layer, e.Before, before)
		}
		before = e.After
		if e.Visible {
			visible++
		}
		if e.Change == Removed && (e.By == nil || e.After != nil) {
			t.Errorf("%q: layer %d removes it, by %+v, and leaves %+v", h.Path, e.Layer, e.By, e.After)
		}
	}
	if !reflect.DeepEqual(before, h.Now) {
		t.Errorf("%q: %+v is left, and %+v is there", h.Path, before, h.Now)
	}
	if want := map[bool]int{true: 1}[h.Now != nil]; visible != want {
		t.Errorf("%q: %d layers made what is there: %+v", h.Path, visible, h.Events)
	}
}
