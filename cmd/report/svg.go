package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/layers/layers/inspect/fleet"
)

// The picture, in its units, which are pixels where it is not scaled.
const (
	svgWidth  = 1200
	svgHeight = 800
	svgTop    = 64 // above the map
	svgMargin = 16
	svgLetter = 6.7 // how wide a letter is about
	svgBold   = 7.2
)

// svgClasses say by colours how many images have layers. They differ in lightness, too,
// and the number stands in the labels.
var svgClasses = []struct {
	least      int
	fill, text string
	label      string
}{
	{1, "#eef1f4", "#1f2933", "1 image"}, {2, "#cfe3f1", "#10222f", "2–3"}, {4, "#9cc7e3", "#0b1d2a", "4–9"},
	{10, "#5a9fcb", "#06131c", "10–31"}, {32, "#2a6f9e", "#ffffff", "32–99"}, {100, "#123f63", "#ffffff", "100 or more"},
}

func svgClass(images int) int {
	class := 0
	for i, c := range svgClasses {
		if images >= c.least {
			class = i
		}
	}
	return class
}

// picture is a treemap of a report, with what is said in it.
type picture struct {
	Options
	r        *fleet.Report
	pick     *picked
	unpacked bool // areas are unpacked bytes
	out      *printer
}

func (o Options) newPicture(w io.Writer, r *fleet.Report) *picture {
	return &picture{
		Options: o, r: r, pick: o.picked(r), out: newPrinter(w, Options{}),
		unpacked: o.Unpacked && r.Totals.After.Unpacked != nil,
	}
}

// writeSVG draws who shares what. It is one SVG 1.1 document without scripts, styles of
// others or references, the same bytes each time.
func writeSVG(w io.Writer, r *fleet.Report, o Options) error {
	p := o.newPicture(w, r)
	p.draw()
	return p.out.flush()
}

// bytes are those of a node's own layers that areas stand for.
func (p *picture) bytes(n *fleet.Node) int64 {
	if p.unpacked {
		if n.Own.Unpacked == nil {
			return 0
		}
		return *n.Own.Unpacked
	}
	return n.Own.Content
}

func (p *picture) print(format string, args ...any) { p.out.line(fmt.Sprintf(format, args...), false) }

// xmlText is a string of anybody's as text of XML, and as a value between quotes.
func (o Options) xmlText(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(o.Escape(s))) // a Builder does not fail
	return b.String()
}

func (p *picture) draw() {
	p.print(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="layers-title layers-desc" font-family="system-ui, sans-serif" font-size="12">`, svgWidth, svgHeight)
	title, about := p.titles()
	p.print(`<title id="layers-title">%s</title>`, p.xmlText(title))
	p.print(`<desc id="layers-desc">%s</desc>`, p.xmlText(about))
	p.print(`<rect width="%d" height="%d" fill="#ffffff"/>`, svgWidth, svgHeight)
	p.print(`<text x="%d" y="30" font-size="20" font-weight="600" fill="#10222f">%s</text>`, svgMargin, p.xmlText(title))
	p.print(`<text x="%d" y="50" fill="#52606d">%s</text>`, svgMargin, p.xmlText(about))
	p.legend()
	within := rect{svgMargin, svgTop, svgWidth - 2*svgMargin, svgHeight - svgTop - svgMargin}
	m := layTree(p.r.Roots, within, p.bytes, func(n *fleet.Node) bool { return p.pick.has[n] })
	if len(m.tiles) == 0 {
		p.print(`<text x="%d" y="%d" text-anchor="middle" fill="#52606d">There are no bytes to show.</text>`, svgWidth/2, svgHeight/2)
	}
	for i := range m.tiles {
		if m.tiles[i].Kind != tileFrame {
			p.tile(&m.tiles[i])
		}
	}
	for i := range m.tiles {
		if t := &m.tiles[i]; t.Kind == tileFrame {
			p.print(`<rect %s fill="none" stroke="#10222f" stroke-width="%s" rx="1"/>`, t.svg(), p.frameWidth(t))
		}
	}
	p.print(`</svg>`)
}

// frameWidth is thick around the lowest stacks.
func (p *picture) frameWidth(t *tile) string {
	if t.Parent < 0 {
		return "2"
	}
	return "1"
}

func (p *picture) titles() (title, about string) {
	t := p.r.Totals
	title = "What " + plural(int64(t.Images), "image") + " share"
	if t.Images == 1 {
		title = "What 1 image consists of"
	}
	what, after, before := "content (compressed)", t.After.Content, t.Before.Content
	if p.unpacked {
		what, after, before = "unpacked", *t.After.Unpacked, *t.Before.Unpacked
	}
	about = fmt.Sprintf("Areas are %s bytes, %s. What is built on an image lies in its frame. Together the images take %s, without sharing %s.",
		what, p.Units.Bytes(p.drawn(p.r.Roots)), p.Units.Bytes(after), p.Units.Bytes(before))
	return title, about
}

// drawn is the bytes that areas stand for: other blobs of the same layers have none.
func (p *picture) drawn(nodes []*fleet.Node) (sum int64) {
	for _, n := range nodes {
		sum += p.bytes(n) + p.drawn(n.Children)
	}
	return sum
}

// legend says at the top on the right what the colours mean.
func (p *picture) legend() {
	x := svgWidth - svgMargin - len(svgClasses)*72
	p.print(`<text x="%d" y="30" text-anchor="end" fill="#52606d">how many have the layers</text>`, x-8)
	for i, c := range svgClasses {
		p.print(`<rect x="%d" y="18" width="68" height="16" fill="%s" stroke="#9aa5b1" stroke-width="0.5"/>`, x+i*72, c.fill)
		p.print(`<text x="%d" y="30" text-anchor="middle" font-size="10" fill="%s">%s</text>`, x+i*72+34, c.text, c.label)
	}
}

// svg is the place of a rectangle.
func (r rect) svg() string {
	return fmt.Sprintf(`x="%.2f" y="%.2f" width="%.2f" height="%.2f"`, r.X, r.Y, r.W, r.H)
}

func (p *picture) tile(t *tile) {
	class := svgClasses[svgClass(t.Images)]
	fill, text, dash := class.fill, class.text, ""
	if t.Kind == tileMore {
		fill, text, dash = "#ffffff", "#52606d", ` stroke-dasharray="3 2"`
	}
	lines := p.label(t)
	var about []string
	for _, line := range lines {
		about = append(about, line[0])
	}
	p.print(`<g><title>%s</title><rect %s fill="%s" stroke="#7b8794" stroke-width="0.75"%s/>`, p.xmlText(strings.Join(about, ", ")), t.svg(), fill, dash)
	y := t.Y + 15
	for i, line := range lines {
		show, weight := p.fits(line, t.W-10, svgLetter), ""
		if i == 0 {
			show, weight = p.fits(line, t.W-10, svgBold), ` font-weight="600"`
			if show == "" && t.Kind != tileMore {
				show = cutFront(p.Escape(line[len(line)-1]), int((t.W-10)/svgBold))
			}
		}
		if show == "" || y > t.Y+t.H-3 {
			break
		}
		p.print(`<text x="%.2f" y="%.2f" fill="%s"%s>%s</text>`, t.X+5, y, text, weight, p.xmlText(show))
		y += 15
	}
	p.print(`</g>`)
}

// fits is the first of some texts that is no wider; "" if none is.
func (p *picture) fits(texts []string, width, letter float64) string {
	for _, text := range texts {
		if text = p.Escape(text); float64(Width(text))*letter <= width {
			return text
		}
	}
	return ""
}

// cutFront is the end of an escaped name, which says more than the beginning; "" if next
// to nothing would be left.
func cutFront(s string, most int) string {
	if most < 4 {
		return ""
	}
	runes := []rune(s)
	runes = runes[max(0, len(runes)-most+1):]
	for Width(string(runes)) > most-1 {
		runes = runes[1:]
	}
	return "…" + string(runes)
}

// label is what a tile says: lines of which as many are shown as fit, each in several
// forms, the longest first.
func (p *picture) label(t *tile) [][]string {
	size, images := p.Units.Bytes(t.Bytes), plural(int64(t.Images), "image")
	n := t.Node
	switch {
	case t.Kind == tileMore:
		return [][]string{{images + " more", Count(int64(t.Images)) + " more", "+" + Count(int64(t.Images))}, {size}}
	case t.Kind == tileWhole:
		return [][]string{p.named(n), {size + " with what is built on it", size}, {images}}
	case t.Images > 1:
		images = "shared by " + images
	default:
		images = "1 image has them"
	}
	return [][]string{p.named(n), {size + " in " + plural(int64(n.OwnLayers), "layer"), size}, {images, plural(int64(t.Images), "image")}}
}

// named is a stack by its first image, with and without its registry and repository's path.
func (p *picture) named(n *fleet.Node) []string {
	if len(n.Images) == 0 {
		return []string{"shared layers, no image ends here", "shared layers", "shared"}
	}
	m := n.Images[0]
	if len(m.Names) > 1 {
		m.Names = m.Names[:1]
	}
	more := ""
	if others := len(n.Images) + len(n.Images[0].Names) - len(m.Names) - 1; others > 0 {
		more = fmt.Sprintf(" +%d", others)
	}
	long := p.memberName(&m, p.pick.mixed)
	if len(m.Names) == 0 {
		return []string{long + more}
	}
	short := m
	short.Names = []string{m.Names[0][strings.LastIndexByte(m.Names[0], '/')+1:]}
	return []string{long + more, p.memberName(&short, p.pick.mixed) + more}
}
