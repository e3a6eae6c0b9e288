package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/layers/layers/inspect/fleet"
)

// writeDot draws a tree of images in Graphviz's language, from the bases to what is built
// on them.
func writeDot(w io.Writer, r *fleet.Report, o Options) error {
	out := newPrinter(w, Options{})
	out.line("digraph layers {", false)
	out.line("  rankdir=LR;", false)
	out.line(`  node [shape=box, fontname="sans-serif"];`, false)
	pick := o.picked(r)
	n := 0
	var walk func(nodes []*fleet.Node, parent int)
	walk = func(nodes []*fleet.Node, parent int) {
		for _, node := range nodes {
			if !pick.has[node] {
				continue
			}
			n++
			at := n
			style := ""
			if len(node.Images) == 0 {
				style = ", style=dashed"
			}
			out.line(fmt.Sprintf("  n%d [label=%s%s];", at, dotText(o.dotLabel(node, pick.mixed)), style), false)
			if parent > 0 {
				out.line(fmt.Sprintf("  n%d -> n%d;", parent, at), false)
			}
			walk(node.Children, at)
		}
	}
	walk(r.Roots, 0)
	out.line("}", false)
	return out.flush()
}

// dotLabel is what a node says, in lines.
func (o Options) dotLabel(n *fleet.Node, mixed bool) (lines []string) {
	if len(n.Images) == 0 {
		lines = append(lines, "(no image here ends there)")
	}
	for i := range n.Images {
		lines = append(lines, o.memberName(&n.Images[i], mixed))
	}
	size := fmt.Sprintf("%s: %s", plural(int64(n.OwnLayers), "layer"), o.Units.Bytes(n.Own.Content)+" content")
	if n.Own.Unpacked != nil {
		size += ", " + o.Units.Bytes(*n.Own.Unpacked) + " unpacked"
	}
	return append(lines, size)
}

var dotEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// dotText is a string of Graphviz's that shows lines, whatever they hold.
func dotText(lines []string) string {
	for i, l := range lines {
		lines[i] = dotEscapes.Replace(l)
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}
