package diff

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/layers/layers/fixtures"
	"github.com/layers/layers/inspect/packages"
)

// TestPackages says which packages differ, how those of one name are paired, and what of
// a layer's change is theirs.
func TestPackages(t *testing.T) {
	deb := func(name, version string, bytes int64) packages.Package {
		return packages.Package{Kind: "deb", Name: name, Version: version, Bytes: bytes, Files: 1}
	}
	npm := func(path, version string) packages.Package {
		return packages.Package{Kind: "npm", Name: "x", Version: version, Path: path}
	}
	old := image(t, [][]fixtures.Entry{{{Name: "lib/a", Body: "123"}, {Name: "lib/b", Body: "1"}, {Name: "other", Body: "1"}}})
	new := image(t, [][]fixtures.Entry{{{Name: "lib/a", Body: "123456"}, {Name: "lib/c", Body: "12"}, {Name: "other", Body: "12"}}})
	old.Packages = &packages.Set{Packages: []packages.Package{deb("a", "1", 3), deb("b", "1", 1), deb("same", "1", 0), npm("p", "1"), npm("q", "2"), npm("r", "3")}}
	new.Packages = &packages.Set{Packages: []packages.Package{deb("a", "2", 6), deb("c", "1", 2), deb("same", "1", 0), npm("p", "4"), npm("s", "2"), npm("t", "3"), npm("u", "3")}}
	paths := func(_ context.Context, of []packages.Package) (lists [][]string, err error) {
		for _, p := range of {
			lists = append(lists, []string{"lib/" + p.Name})
		}
		return lists, nil
	}
	old.Paths, new.Paths = paths, paths
	r := compare(t, old, new)
	var got []string
	for _, p := range r.Packages.Changed {
		got = append(got, fmt.Sprintf("%s %s %q→%q %+d", p.Kind, p.Name, p.Old, p.New, p.Unpacked))
	}
	want := []string{`deb a "1"→"2" +3`, `deb c ""→"1" +2`, `deb b "1"→"" -1`, `npm x "1"→"4" +0`, `npm x ""→"3" +0`}
	if !slices.Equal(got, want) || r.Packages.Unchanged["deb"] != 1 || r.Packages.Unchanged["npm"] != 2 {
		t.Errorf("%q, want %q; %v", got, want, r.Packages.Unchanged)
	}
	got = nil
	for _, p := range r.Causes[0].Parts {
		text := fmt.Sprintf("%s %+d", p.Kind, p.Change)
		if p.Package != nil {
			text += " " + p.Package.Name
		}
		got = append(got, text)
	}
	if want := []string{"package +3 a", "package +2 c", "file +1", "package -1 b"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
