package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/layers/layers/inspect/fleet"
)

const htmlHead = `<!DOCTYPE html>
<html lang="en" xmlns="http://www.w3.org/1999/xhtml">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>%s</title>
<style>
body { font-family: system-ui, sans-serif; margin: 1rem auto; max-width: 1200px; color: #10222f; background: #ffffff; }
svg { width: 100%%; height: auto; }
table { border-collapse: collapse; width: 100%%; font-size: 0.9rem; }
caption { text-align: left; padding: 0.5rem 0; color: #52606d; }
th, td { padding: 0.25rem 0.6rem; border-bottom: 1px solid #d9e2ec; text-align: right; }
th { text-align: right; }
td:first-child, th:first-child, td:nth-child(2), th:nth-child(2) { text-align: left; overflow-wrap: anywhere; }
</style>
</head>
<body>
`

// writeHTML is the picture of writeSVG with a table below it that says the same: one
// document, which is XML as well, without scripts or references.
func writeHTML(w io.Writer, r *fleet.Report, o Options) error {
	p := o.newPicture(w, r)
	title, _ := p.titles()
	p.out.text(fmt.Sprintf(htmlHead, p.xmlText(title)))
	p.draw()
	p.table()
	p.print("</body>\n</html>")
	return p.out.flush()
}

func (p *picture) table() {
	p.print("<table>")
	p.print("<caption>Layers and bytes are what an image adds to the one that it is built on; exclusive is what goes if it alone goes.</caption>")
	p.print("<thead>")
	p.row("th", []string{"Image", "Built on", "Layers", "Content", "Unpacked", "Exclusive", "Images with these layers"})
	p.print("</thead>")
	p.print("<tbody>")
	p.rows(p.r.Roots, nil)
	p.print("</tbody>")
	p.print("</table>")
	if p.pick.left > 0 {
		p.print("<p>%s, which weigh less, not shown.</p>", plural(int64(p.pick.left), "image"))
	}
}

func (p *picture) rows(nodes []*fleet.Node, base *fleet.Member) {
	for _, n := range nodes {
		if !p.pick.has[n] {
			continue
		}
		on := base
		for i := range n.Images {
			m := &n.Images[i]
			under := ""
			if base != nil {
				under = p.memberName(base, p.pick.mixed)
			}
			p.row("td", []string{
				p.memberName(m, p.pick.mixed), under, Count(int64(n.OwnLayers)), p.Units.Bytes(n.Own.Content),
				p.maybeBytes(n.Own.Unpacked).Text, p.Units.Bytes(m.Exclusive.Content), Count(int64(p.pick.images[n])),
			})
		}
		if len(n.Images) > 0 {
			on = &n.Images[0]
		}
		p.rows(n.Children, on)
	}
}

func (p *picture) row(tag string, cells []string) {
	var b strings.Builder
	scope := ""
	if tag == "th" {
		scope = ` scope="col"`
	}
	for _, c := range cells {
		fmt.Fprintf(&b, "<%s%s>%s</%s>", tag, scope, p.xmlText(c), tag)
	}
	p.print("<tr>%s</tr>", b.String())
}
