package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/layers/layers/inspect/fleet"
)

// suggested is a set of which every kind of change saves something: two versions of a base,
// a tar in two blobs, and layers with the same files.
func suggested() *fleet.SuggestReport {
	var set fleet.Set
	add := func(n int, name string, layers ...int) {
		img := fleet.Image{Digest: number("image", n), Names: []string{name}}
		for _, l := range layers {
			img.Layers = append(img.Layers, testLayer(l))
		}
		set.Add(img)
	}
	add(1, "registry.example.com/a/rather/long/repository/base:1", 1)
	add(2, "registry.example.com/a/rather/long/repository/base:2", 2)
	for n := range 40 {
		add(n+10, fmt.Sprintf("registry.example.com/team/application-%d:main", n), 1+n%2, n+10)
	}
	again := testLayer(2)
	again.Digest = number("blob", 900)
	set.Add(fleet.Image{Digest: number("image", 5), Names: []string{"\x1b[31m|`\"\\N\u202e"}, Layers: []fleet.Layer{again, testLayer(100)}})
	return set.Suggest()
}

func TestSuggestTable(t *testing.T) {
	r := suggested()
	text := write(t, r, Options{})
	for _, want := range []string{
		"build 21 images on base:1 ", "keep the blobs of 1 layer of ", " +20\n", " Nobody would need base:", "All together: ", "\n1 = bytes of the lowest layers",
		"Some of it those above save, too: it adds ",
	} {
		if !strings.Contains(text, want) && !strings.Contains(strings.Join(strings.Fields(text), " "), strings.TrimSpace(want)) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if w := Width(strings.TrimSuffix(line, "\n")); w > defaultWidth {
			t.Errorf("%d columns: %s", w, line)
		}
	}
	if strings.ContainsAny(text, "\x1b\u202e") {
		t.Errorf("a name is not escaped:\n%q", text)
	}
	if text := write(t, new(fleet.Set).Suggest(), Options{}); !strings.Contains(text, "Nothing to suggest") {
		t.Error(text)
	}
}
