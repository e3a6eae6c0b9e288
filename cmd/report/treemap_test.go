package report

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/layers/layers/inspect/fleet"
)

// grove is a set of images that are built on each other.
func grove(seed uint64, images int) *fleet.Report {
	r := rand.New(rand.NewPCG(seed, 1))
	var set fleet.Set
	var stacks [][]fleet.Layer
	for i := range images {
		var layers []fleet.Layer
		if len(stacks) > 5 && r.IntN(10) > 0 {
			on := stacks[r.IntN(min(len(stacks), 5+r.IntN(1+len(stacks)/4)))]
			layers = append(layers, on[:len(on)-r.IntN(2)*min(1, len(on)/3)]...)
		}
		for range 1 + r.IntN(3) {
			n := i*10 + len(layers)
			l := testLayer(n)
			l.Content = int64(math.Pow(10, 8*r.Float64())) - 1
			l.Unpacked = l.Content * int64(r.IntN(4))
			layers = append(layers, l)
		}
		stacks = append(stacks, layers)
		set.Add(fleet.Image{Digest: number("image", i), Names: []string{fmt.Sprintf("registry.example.com/team-%d/service-%d:%d.%d", i%7, i%40, i/40, i%3)}, Layers: layers})
	}
	return set.Report()
}

// TestTreemapAddsUp holds areas to bytes, and looks for tiles that are not where they
// should be.
func TestTreemapAddsUp(t *testing.T) {
	for seed := range uint64(30) {
		r := grove(seed, 1+int(seed*seed)/2)
		within := rect{10, 20, 1168, 720}
		pick := Options{Limit: int(seed%3) * 10, Format: SVG}.picked(r)
		m := layTree(r.Roots, within, func(n *fleet.Node) int64 { return n.Own.Content }, func(n *fleet.Node) bool { return pick.has[n] })
		checkTiles(t, fmt.Sprint("seed ", seed), m, within, sumOwn(r.Roots))
	}
}

func sumOwn(nodes []*fleet.Node) (sum int64) {
	for _, n := range nodes {
		sum += n.Own.Content + sumOwn(n.Children)
	}
	return sum
}

func checkTiles(t *testing.T, name string, m *treemap, within rect, total int64) {
	t.Helper()
	perByte, area, bytes := within.area()/float64(total), 0.0, int64(0)
	for i, a := range m.tiles {
		if d := math.Abs(a.area() - float64(a.Bytes)*perByte); d > 1e-6*within.area() {
			t.Errorf("%s: tile %d has an area of %f for %d bytes, %f off", name, i, a.area(), a.Bytes, d)
		}
		around := within
		if a.Parent >= 0 {
			around = m.tiles[a.Parent].rect
		}
		if !a.in(around) {
			t.Errorf("%s: tile %d is not in its parent: %v, %v", name, i, a.rect, around)
		}
		if a.Kind == tileFrame {
			continue
		}
		area, bytes = area+a.area(), bytes+a.Bytes
		for k, b := range m.tiles[:i] {
			if b.Kind != tileFrame && overlap(a.rect, b.rect) > 1e-6*within.area() {
				t.Errorf("%s: tiles %d and %d overlap: %v %v", name, k, i, a.rect, b.rect)
			}
		}
	}
	if bytes != total || math.Abs(area-within.area()) > 1e-6*within.area() {
		t.Errorf("%s: %d bytes of %d, area %f of %f", name, bytes, total, area, within.area())
	}
}

func (r rect) in(o rect) bool {
	const slack = 1e-6
	return r.X >= o.X-slack && r.Y >= o.Y-slack && r.X+r.W <= o.X+o.W+slack && r.Y+r.H <= o.Y+o.H+slack
}

func overlap(a, b rect) float64 {
	w := min(a.X+a.W, b.X+b.W) - max(a.X, b.X)
	h := min(a.Y+a.H, b.Y+b.H) - max(a.Y, b.Y)
	return max(w, 0) * max(h, 0)
}

// hostileNames are what no picture may be changed by.
var hostileNames = []string{
	`</svg><script>alert(1)</script>`, `"><image href="http://example.com/x"/>`, `' onload='alert(1)`, "\x00\x01\x1b[31m", "\u202eevil", "]]>&lt;&#60;",
	"\xff\xfe", "\ufffe\uffff", "<!--", strings.Repeat("w", 10_000), "&entity;", "<?xml?>", "{{.}}", "%s%d",
}

// TestPicturesAreXML parses pictures of images with names that try to do harm.
func TestPicturesAreXML(t *testing.T) {
	var set fleet.Set
	for i, name := range hostileNames {
		set.Add(fleet.Image{Digest: number("image", i), Names: []string{name}, Platform: name, Layers: []fleet.Layer{testLayer(1), testLayer(i + 2)}})
	}
	for _, r := range []*fleet.Report{set.Report(), grove(3, 5), grove(4, 500), grove(5, 1), new(fleet.Set).Report()} {
		for _, f := range []Format{SVG, HTML} {
			for _, unpacked := range []bool{false, true} {
				o := Options{Format: f, Unpacked: unpacked}
				text := write(t, r, o)
				if again := write(t, r, o); again != text {
					t.Errorf("%s: two runs differ", f)
				}
				checkXML(t, text)
			}
		}
	}
}

// drawn elements and what they may say beside text.
var allowed = map[string]string{
	"svg": "xmlns viewBox role aria-labelledby font-family font-size", "title": "id", "desc": "id", "g": "",
	"rect": "x y width height fill stroke stroke-width stroke-dasharray rx", "text": "x y fill font-size font-weight text-anchor",
	"html": "lang xmlns", "head": "", "meta": "charset name content http-equiv", "style": "", "body": "", "table": "", "caption": "",
	"thead": "", "tbody": "", "tr": "", "th": "scope", "td": "", "p": "",
}

func checkXML(t *testing.T, text string) {
	t.Helper()
	if strings.ContainsAny(text, "\x00\x1b\u202e") {
		t.Error("a name is not escaped")
	}
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%v in\n%.2000s", err, text)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		may, known := allowed[start.Name.Local]
		if !known {
			t.Errorf("an element %s", start.Name.Local)
		}
		for _, a := range start.Attr {
			if !strings.Contains(" "+may+" ", " "+a.Name.Local+" ") || strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
				t.Errorf("%s has %s=%q", start.Name.Local, a.Name.Local, a.Value)
			}
		}
	}
}

// TestPictureOfManyIsSmall: what is too small to be seen is summed up.
func TestPictureOfManyIsSmall(t *testing.T) {
	text := write(t, grove(4, 3000), Options{Format: SVG})
	if n := strings.Count(text, "<g>"); n < 50 || n > 2*svgWidth*svgHeight/smallestTile || !strings.Contains(text, " more") {
		t.Errorf("%d tiles", n)
	}
}
