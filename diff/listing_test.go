package diff

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

func listRows(t *testing.T, old, new *Image, o ListOptions) (rows []string, l *Listing) {
	t.Helper()
	l, err := List(t.Context(), old, new, o)
	if err != nil {
		t.Fatal(err)
	}
	for row, err := range l.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, rowText(&row))
	}
	return rows, l
}

func rowText(r *Row) string {
	text := fmt.Sprintf("%s %s %+d", r.Path, r.Kind, r.Change)
	if r.From != nil {
		text += " from " + r.From.Path
	}
	if len(r.What) > 0 {
		text += fmt.Sprintf(" %v", r.What)
	}
	for i, s := range []*RowSide{r.Old, r.New} {
		if s != nil {
			text += fmt.Sprintf(" %s:%d", []string{"old", "new"}[i], s.Layer)
		}
	}
	if r.By != nil {
		text += fmt.Sprintf(" by:%d", r.By.Layer)
	}
	return text
}

func pair(t *testing.T) (old, new *Image) {
	body := func(name, body string) fixtures.Entry { return fixtures.Entry{Name: name, Body: body} }
	base := []fixtures.Entry{body("a/gone", "12345"), body("a/kept", "1"), body("b/x.pyc", "123"), body("b/moved", "1234567"), body("c", "12")}
	top := []fixtures.Entry{{Name: "a/.wh.gone"}, {Name: "b/.wh.moved"}, body("d/moved", "1234567"), body("b/x.pyc", "1"), {Name: "c", Link: "a"}, body("e", "1234")}
	return image(t, [][]fixtures.Entry{base}), image(t, [][]fixtures.Entry{base, top})
}

// TestListing says which rows there are, in which order, and which are left out.
func TestListing(t *testing.T) {
	old, new := pair(t)
	all := []string{
		"a/gone deleted -5 old:1 by:2", "b/moved deleted -7 old:1 by:2", "b/x.pyc modified -2 [content] old:1 new:2",
		"c replaced -2 old:1 new:2", "d added +0 new:2", "d/moved added +7 new:2", "e added +4 new:2",
	}
	for _, c := range []struct {
		name string
		o    ListOptions
		want []string
		more bool
	}{
		{"all", ListOptions{}, all, false},
		{"the first", ListOptions{Limit: 2}, all[:2], true},
		{"exactly all", ListOptions{Limit: 7}, all, false},
		{"by change", ListOptions{Sort: ByChange, Limit: 3}, []string{all[1], all[5], all[0]}, true},
		{"by size", ListOptions{Sort: BySize, Limit: 2}, []string{all[1], all[5]}, true},
		{"only some kinds", ListOptions{Filter: Filter{Only: []Kind{Replaced, Modified}}}, all[2:4], false},
		{"below a directory", ListOptions{Filter: Filter{Path: []string{"/b/"}}}, all[1:3], false},
		{"by a name", ListOptions{Filter: Filter{Path: []string{"*.pyc"}}}, all[2:3], false},
		{"by a pattern", ListOptions{Filter: Filter{Path: []string{"**/moved"}}}, []string{all[1], all[5]}, false},
		{"but for some", ListOptions{Filter: Filter{Ignore: []string{"b", "d/*", "e"}}}, []string{all[0], all[3], all[4]}, false},
		{"renames", ListOptions{Renames: true, Filter: Filter{Path: []string{"**/moved"}}}, []string{"d/moved renamed +0 from b/moved old:1 new:2"}, false},
		{"renames only", ListOptions{Renames: true, Filter: Filter{Only: []Kind{Renamed}}}, []string{"d/moved renamed +0 from b/moved old:1 new:2"}, false},
	} {
		got, l := listRows(t, old, new, c.o)
		if !slices.Equal(got, c.want) || l.Truncated() != c.more {
			t.Errorf("%s: %q (more: %t), want %q", c.name, got, l.Truncated(), c.want)
		}
	}
	if _, err := List(t.Context(), old, new, ListOptions{Filter: Filter{Path: []string{"[x"}}}); err == nil {
		t.Error("a pattern that is none was taken")
	}
}

// TestDirs says that the sums by directory add up to that of all rows.
func TestDirs(t *testing.T) {
	old, new := pair(t)
	_, l := listRows(t, old, new, ListOptions{Sort: ByChange})
	for depth, want := range map[int][]string{
		1: {"b -9 +0 -1 ~1", "d +7 +1 -0 ~0", "a -5 +0 -1 ~0", " +2 +1 -0 ~1"},
		0: {" -5 +2 -2 ~2"},
	} {
		r, err := l.Dirs(depth)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range r.Dirs {
			got = append(got, fmt.Sprintf("%s %+d +%d -%d ~%d", d.Path, d.Change, d.Added, d.Deleted, d.Modified))
		}
		if !slices.Equal(got, want) {
			t.Errorf("depth %d: %q, want %q", depth, got, want)
		}
	}
}

// TestRenamesKeepSums says that a rename changes no sum.
func TestRenamesKeepSums(t *testing.T) {
	body := fixtures.Entry{Name: "a/x", Body: "12345"}
	hard := fixtures.Entry{Name: "a/y", Type: '1', Link: "a/x"}
	old := image(t, [][]fixtures.Entry{{body, hard}})
	new := image(t, [][]fixtures.Entry{{{Name: "b/y", Body: "12345"}, {Name: "a/z", Body: "12345"}}})
	for _, renames := range []bool{false, true} {
		var sum int64
		l, err := List(t.Context(), old, new, ListOptions{Renames: renames})
		if err != nil {
			t.Fatal(err)
		}
		for row, err := range l.Rows() {
			if err != nil {
				t.Fatal(err)
			}
			sum += row.Change
		}
		if sum != 5 {
			t.Errorf("renames %t: %d", renames, sum)
		}
	}
}

// TestSame says when two images are the same, and finds the first reason why not.
func TestSame(t *testing.T) {
	old, new := pair(t)
	for _, c := range []struct {
		name     string
		old, new *Image
		o        SameOptions
		same     bool
		changes  int
	}{
		{"the same", old, old, SameOptions{}, true, 0},
		{"others", old, new, SameOptions{}, false, 7},
		{"the first reason", old, new, SameOptions{Limit: 1}, false, 1},
		{"all ignored", old, new, SameOptions{Filter: Filter{Ignore: []string{"*"}}}, true, 0},
	} {
		v, err := Same(context.Background(), c.old, c.new, c.o)
		if err != nil || v.Same != c.same || len(v.Changes) != c.changes {
			t.Errorf("%s: %+v, %v", c.name, v, err)
		}
	}
}

// TestTrend says what changed between neighbours.
func TestTrend(t *testing.T) {
	old, new := pair(t)
	r, err := Trend(context.Background(), []*Image{old, new, old}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Points) != 3 || r.Points[0].Since != nil {
		t.Fatalf("%+v", r.Points)
	}
	forth, back := r.Points[1].Since, r.Points[2].Since
	if forth.Unpacked != 12 || back.Unpacked != -12 || forth.Layers[New] != 1 || back.Layers[Gone] != 1 || forth.Cause.New != 2 || back.Cause.Old != 2 {
		t.Errorf("%+v %+v", forth, back)
	}
}

// TestParts tells which parts of a layer a cause names.
func TestParts(t *testing.T) {
	file := func(name string, size int) fixtures.Entry {
		return fixtures.Entry{Name: name, Body: string(make([]byte, size))}
	}
	new := []fixtures.Entry{file("big", 500), file("a/b/c/1", 100), file("a/b/c/2", 100), file("a/b/d", 90), file("x/y/z", 10), file("x/y/w", 5)}
	r := compare(t, image(t, nil), image(t, [][]fixtures.Entry{new}))
	var got []string
	for _, p := range r.Causes[0].Parts {
		got = append(got, fmt.Sprintf("%s %s %+d %d", p.Kind, p.Path, p.Change, p.Files))
	}
	want := []string{"file big +500 1", "file a/b/c/1 +100 1", "file a/b/c/2 +100 1", "file a/b/d +90 1", "directory x/y +15 2"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestPlacesAreBounded says that very many directories need no more memory.
func TestPlacesAreBounded(t *testing.T) {
	p := partition{owner: func(*Change) *PackageChange { return nil }}
	for n := range 3 * mostPlaces {
		p.add(&Change{Path: fmt.Sprintf("d/%d/x", n), Kind: Added, New: &layer.Node{Entry: layer.Entry{Kind: layer.File}}, NewBytes: 1})
	}
	var sum int64
	for _, part := range p.parts() {
		sum += part.Change
	}
	if p.places > mostPlaces || sum != 3*mostPlaces {
		t.Errorf("%d places, %d bytes", p.places, sum)
	}
}

// TestSingleLayers says that what a layer hides is a part of it, where it is looked at
// alone.
func TestSingleLayers(t *testing.T) {
	old := image(t, [][]fixtures.Entry{{{Name: ".wh.a"}, {Name: "b", Body: "1"}, {Name: ".wh.same"}, {Name: "d/f", Body: "1"}}})
	new := image(t, [][]fixtures.Entry{{{Name: "b", Body: "1"}, {Name: ".wh.c"}, {Name: ".wh.same"}, {Name: "d/f", Body: "12"}, {Name: "d/.wh..wh..opq"}}})
	old.Single, new.Single = true, true
	got, _ := listRows(t, old, new, ListOptions{})
	want := []string{"a deleted +0 old:1", "c added +0 new:1", "d added +0 new:1", "d/f modified +1 [content] old:1 new:1"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got, _ := listRows(t, old, old, ListOptions{}); got != nil {
		t.Errorf("a layer differs from itself: %q", got)
	}
	if r := compare(t, old, new); r.Layers[0].Relation != Changed || r.Fetch != nil {
		t.Errorf("%+v", r.Layers[0])
	}
}
