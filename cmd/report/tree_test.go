package report

import (
	"fmt"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/inspect"
	"github.com/layers/layers/inspect/fleet"
)

// baseTree is a tree of an image, of one that is built on it, of one with other blobs, and
// of some that nobody has read, with names that try to do harm.
func baseTree(in inspect.Input) *fleet.Report {
	set := baseSet(in)
	r := set.Report()
	set.Near(r, fleet.NearOptions{OtherTimes: func(a, b layer.DiffID) (int64, error) { return 3, nil }})
	return r
}

func baseSet(in inspect.Input) *fleet.Set {
	var set fleet.Set
	image := fleet.Image{Digest: in.Digest, Names: []string{in.Name, "\x1b[31m|`\"\\N\u202e"}, Platform: in.Platform.String()}
	for i, l := range in.Layers {
		d := in.Manifest.Layers[i]
		image.Layers = append(image.Layers, fleet.Layer{Digest: d.Digest, DiffID: l.TOC.DiffID(), Content: d.Size, Unpacked: l.TOC.Totals().Unpacked})
	}
	set.Add(image)
	for _, l := range in.Layers {
		set.Learn(l.TOC.DiffID(), must(fleet.ReadFacts(l.TOC)))
	}
	other := number("blob", 1)
	twin := fleet.Image{Digest: number("image", 1), Names: []string{strings.Repeat("long", 40)}}
	for _, l := range image.Layers {
		l.Digest = other
		twin.Layers = append(twin.Layers, l)
	}
	set.Add(twin)
	set.Add(fleet.Image{Digest: number("image", 2), Layers: append(image.Layers[:len(image.Layers):len(image.Layers)], testLayer(1))})
	set.Add(fleet.Image{Digest: number("image", 3), Names: []string{"x"}, Layers: []fleet.Layer{testLayer(2), testLayer(3)}})
	set.Add(fleet.Image{Digest: number("image", 4), Names: []string{"y"}, Layers: []fleet.Layer{testLayer(2), {Digest: number("blob", 9), DiffID: layer.DiffID(number("tar", 9)), Content: 1, Unpacked: fleet.Unknown}}})
	facts := fleet.Facts{Large: []fleet.File{{Digest: layer.Digest{1}, Size: 1 << 20, Path: "\xff|\n"}}}
	for n := 1; n < 4; n++ {
		facts.Content, facts.Times = layer.Digest{byte(1 + n/2)}, layer.Digest{byte(n)}
		set.Learn(layer.DiffID(number("tar", n)), facts)
	}
	return &set
}

func number(kind string, n int) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%02x%062x", kind[0], n)}
}

func testLayer(n int) fleet.Layer {
	return fleet.Layer{Digest: number("blob", n), DiffID: layer.DiffID(number("tar", n)), Content: int64(n) * 10_000_000, Unpacked: int64(n) * 30_000_000}
}

// manual is the images of the manual's sample.
func manual() *fleet.Set {
	var set fleet.Set
	for i, img := range []struct {
		name   string
		layers []int
	}{
		{"worker:main", []int{1, 2, 3, 7}}, {"debian:bookworm-slim", []int{1}}, {"python:3.10-slim", []int{1, 2, 3}},
		{"app:main", []int{1, 2, 3, 4, 5, 6}}, {"one:1", []int{8, 9}}, {"two:1", []int{8, 10}},
	} {
		to := fleet.Image{Names: []string{img.name}, Digest: number("image", i)}
		for _, n := range img.layers {
			to.Layers = append(to.Layers, testLayer(n))
		}
		set.Add(to)
	}
	return &set
}

func TestBaseTree(t *testing.T) {
	set := manual()
	set.Add(fleet.Image{Names: []string{"python:copy"}, Digest: number("image", 20), Layers: []fleet.Layer{testLayer(1), testLayer(2), testLayer(3)}})
	const want = `IMAGE                       LAYERS  CONTENT  UNPACKED  EXCLUSIVE  (UNPACKED)
debian:bookworm-slim             1  10.0 MB   30.0 MB
└─ python:3.10-slim             +2  50.0 MB    150 MB
   │ = python:copy            same
   ├─ app:main                  +3   150 MB    450 MB     150 MB    (450 MB)
   └─ worker:main               +1  70.0 MB    210 MB    70.0 MB    (210 MB)
(no image here ends there)       1  80.0 MB    240 MB
├─ one:1                        +1  90.0 MB    270 MB    90.0 MB    (270 MB)
└─ two:1                        +1   100 MB    300 MB     100 MB    (300 MB)

7 images, 10 distinct layers of 21:
550 MB content instead of 820 MB (33 % saved)
1.65 GB unpacked instead of 2.46 GB (33 % saved)
`
	if got := write(t, set.Report(), Options{}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestLargeTreesAreCut shows what weighs most of many images, on what it stands on, and
// counts the others.
func TestLargeTreesAreCut(t *testing.T) {
	var set fleet.Set
	for i := range 500 {
		img := fleet.Image{Names: []string{fmt.Sprintf("registry.example.org:5000/department/team-%d/service-%d:release-2024.%d", i%7, i, i%12)}, Digest: number("image", i)}
		for n := range 3 + i%3 {
			id := 10*i + n
			switch {
			case n == 0:
				id = 90_000 + i%5
			case n == 1:
				id = 80_000 + i%20
			}
			img.Layers = append(img.Layers, testLayer(id))
		}
		set.Add(img)
	}
	r := set.Report()
	for _, o := range []Options{{}, {ASCII: true}, {Limit: 10}, {Limit: -1}} {
		out := write(t, r, o)
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		for _, line := range lines {
			if w := Width(line); w > 80 {
				t.Errorf("%d columns: %q", w, line)
			}
		}
		if most := o.listLimit(treeImages)*4 + 20; len(lines) > most {
			t.Errorf("%d lines, more than %d:\n%s", len(lines), most, out)
		}
		if o.Limit < 0 {
			if n := strings.Count(out, "release-"); n != 500 || strings.Contains(out, "not:") {
				t.Errorf("%d images of 500:\n%s", n, out)
			}
			continue
		}
		shown := 0
		for _, line := range lines {
			var more int
			if _, rest, ok := strings.Cut(line, o.ellipsis()+" "); ok && strings.Contains(line, " image") {
				fmt.Sscan(rest, &more)
			} else if strings.Contains(line, "release-") {
				more = 1
			}
			shown += more
		}
		if shown != 500 {
			t.Errorf("%d images are shown or counted:\n%s", shown, out)
		}
	}
}

// TestDeepTreesLeaveRoomForNames draws images that are each built on the one before.
func TestDeepTreesLeaveRoomForNames(t *testing.T) {
	var set fleet.Set
	var layers []fleet.Layer
	for i := range 40 {
		layers = append(layers, testLayer(i))
		set.Add(fleet.Image{Names: []string{fmt.Sprintf("image-%d:1", i)}, Digest: number("image", i), Layers: layers})
	}
	out := write(t, set.Report(), Options{})
	for i := range 40 {
		if !strings.Contains(out, fmt.Sprintf("image-%d:1", i)) {
			t.Errorf("image %d has no name left:\n%s", i, out)
		}
	}
}

func TestDot(t *testing.T) {
	set := manual()
	set.Add(fleet.Image{Names: []string{`"; evil [label="\N`}, Digest: number("image", 30), Layers: []fleet.Layer{testLayer(8), testLayer(11), testLayer(12)}})
	out := write(t, set.Report(), Options{Format: Dot})
	for _, want := range []string{
		"digraph layers {\n", ` [label="\"; evil [label=\"\\N\n2 layers: `, ` [label="debian:bookworm-slim\n1 layer: 10.0 MB content, 30.0 MB unpacked"];`,
		"  n1 -> n2;\n", "style=dashed", "\n}\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Count(out, "->") != 6 {
		t.Errorf("edges: %s", out)
	}
}
