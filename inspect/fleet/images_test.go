package fleet

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestImagesShare(t *testing.T) {
	blob := func(c byte) v1.Hash { return v1.Hash{Algorithm: "sha256", Hex: strings.Repeat(string(c), 64)} }
	known := func(c byte, content int64) Layer { return Layer{Digest: blob(c), Content: content, Unpacked: 10} }
	r := Images([]StoredImage{
		{Digest: blob('9'), Layers: []Layer{known('a', 1), {Digest: blob('d'), Content: 8, Unpacked: Unknown}}},
		{Name: "b:1", Digest: blob('2'), Layers: []Layer{known('a', 1), known('c', 4), known('c', 4)}},
		{Name: "a:1", Digest: blob('1'), Layers: []Layer{known('b', 2)}},
		{Name: "a:2", Digest: blob('1'), Layers: []Layer{known('b', 2)}},
	}, ByName)
	var got []string
	for _, i := range r.Images {
		unpacked := int64(-1)
		if i.Unpacked != nil {
			unpacked = *i.Unpacked
		}
		got = append(got, fmt.Sprintf("%s content %d unpacked %d shared %d exclusive %d", i.Name, i.Content, unpacked, i.Shared, i.Exclusive))
	}
	want := []string{
		"a:1 content 2 unpacked 10 shared 0 exclusive 2", "a:2 content 2 unpacked 10 shared 0 exclusive 2",
		"b:1 content 5 unpacked 30 shared 1 exclusive 4", " content 9 unpacked -1 shared 1 exclusive 8",
	}
	if !slices.Equal(got, want) || r.Content != 15 {
		t.Errorf("got %q, %d", got, r.Content)
	}
}

func TestOrdersOfImages(t *testing.T) {
	image := func(name string, digit byte, content int64, year int) StoredImage {
		hash := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat(string(digit), 64)}
		i := StoredImage{Name: name, Digest: hash, Layers: []Layer{{Digest: hash, Content: content}}}
		if year > 0 {
			i.Created = time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		return i
	}
	set := []StoredImage{
		image("c", '1', 5, 2020), image("", '2', 9, 0), image("a", '3', 5, 2024), image("b", '4', 7, 2024), image("", '5', 1, 2026),
	}
	for order, want := range map[Order]string{
		"":     "3 4 1 2 5",
		ByName: "3 4 1 2 5",
		BySize: "2 4 3 1 5",
		ByAge:  "5 3 4 1 2",
	} {
		var got []string
		for _, i := range Images(set, order).Images {
			got = append(got, i.Digest[len(i.Digest)-1:])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %s", order, got, want)
		}
	}
}
