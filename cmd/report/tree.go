package report

import (
	"fmt"
	"strings"

	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/inspect/fleet"
)

// sharingTable is what images share. People see a tree, of which a screen or two shows the
// parts that weigh most; programs see a row for each image, with what it is built on, and
// so does Markdown, which knows no trees.
func sharingTable(r *fleet.Report, o Options) *grid {
	unread := r.Totals.Before.Unpacked == nil
	t := &grid{Columns: []column{
		{Title: "IMAGE", Key: "names", Narrow: true, Paths: true}, {Title: "BASE", Narrow: true, Paths: true, Machine: o.isTree()},
		{Title: "LAYERS", Key: "own_layers", Right: true}, {Title: "CONTENT", Key: "own_content", Right: true},
		{Title: "UNPACKED", Key: "own_unpacked", Right: true, Machine: unread},
		{Title: "EXCLUSIVE", Key: "exclusive_content", Right: true}, {Title: "(UNPACKED)", Key: "exclusive_unpacked", Right: true, Machine: unread},
		{Key: "shared_content", Machine: true}, {Key: "shared_unpacked", Machine: true},
		{Key: "proportional_content", Machine: true}, {Key: "proportional_unpacked", Machine: true},
		{Key: "content", Machine: true}, {Key: "unpacked", Machine: true}, {Key: "layers", Machine: true},
		{Key: "digest", Machine: true}, {Key: "base_digest", Machine: true}, {Key: "platform", Machine: true},
	}}
	pick := o.picked(r)
	var rows []gridRow
	if o.isTree() {
		rows = o.treeRows(r, pick, t)
	} else {
		rows = o.memberRows(r, pick)
	}
	t.Rows = listRows(rows)
	t.Foot = func() ([]string, error) { return o.sharingFoot(r, pick), nil }
	return t
}

func (o Options) isTree() bool { return o.Format == Text || o.Format == "" }

// sharingRow is an image with what it is built on, for programs.
type sharingRow struct {
	fleet.Member
	Base       []string    `json:"base,omitempty"` // names; absent if it is built on no image of the set
	BaseDigest string      `json:"baseDigest,omitempty"`
	Layers     int         `json:"layers"`
	OwnLayers  int         `json:"ownLayers"` // above those of the node below, where others part or the base ends
	Own        fleet.Bytes `json:"own"`
}

func (o Options) memberRows(r *fleet.Report, pick *picked) (rows []gridRow) {
	var walk func(nodes []*fleet.Node, base *fleet.Member)
	walk = func(nodes []*fleet.Node, base *fleet.Member) {
		for _, n := range nodes {
			if !pick.has[n] {
				continue
			}
			for i := range n.Images {
				row := &sharingRow{Member: n.Images[i], Layers: n.Layers, OwnLayers: n.OwnLayers, Own: n.Own}
				if base != nil {
					row.Base, row.BaseDigest = base.Names, base.Digest
				}
				rows = append(rows, gridRow{Value: row, Cells: o.memberCells(row, base, pick.mixed)})
			}
			on := base
			if len(n.Images) > 0 {
				on = &n.Images[0]
			}
			walk(n.Children, on)
		}
	}
	walk(r.Roots, nil)
	return rows
}

func (o Options) memberCells(row *sharingRow, base *fleet.Member, mixed bool) []cell {
	var under cell
	if base != nil {
		under = cell{o.memberName(base, mixed), rawNames(base)}
	}
	m := &row.Member
	return []cell{
		{o.memberName(m, mixed), rawNames(m)}, under, countCell(int64(row.OwnLayers)),
		o.bytesCell(row.Own.Content), o.maybeBytes(row.Own.Unpacked), o.bytesCell(m.Exclusive.Content), o.maybeBytes(m.Exclusive.Unpacked),
		o.bytesCell(m.Shared.Content), o.maybeBytes(m.Shared.Unpacked), o.bytesCell(m.Proportional.Content), o.maybeBytes(m.Proportional.Unpacked),
		o.bytesCell(m.Total.Content), o.maybeBytes(m.Total.Unpacked), countCell(int64(row.Layers)),
		o.digestCell(m.Digest), o.textCell(row.BaseDigest), o.textCell(m.Platform),
	}
}

// rawNames are an image's names with blanks between them, which no name has.
func rawNames(m *fleet.Member) string { return term.Escape(strings.Join(m.Names, " ")) }

// memberName is an image's names for people, or its digest; with its platform if they
// differ.
func (o Options) memberName(m *fleet.Member, mixed bool) string {
	const most = 2 // names
	text := strings.Join(m.Names, ", ")
	switch others := len(m.Names) - 1; {
	case len(m.Names) == 0:
		text = o.Digest(m.Digest)
	case len(m.Names) > most && !o.NoTrunc:
		text = fmt.Sprintf("%s and %s", m.Names[0], plural(int64(others), "other name"))
	}
	if mixed && m.Platform != "" {
		text += " (" + m.Platform + ")"
	}
	return o.Escape(text)
}

func (o Options) sharingFoot(r *fleet.Report, pick *picked) []string {
	t := r.Totals
	if t.Images == 0 {
		return []string{"no images"}
	}
	foot := append([]string{""}, o.wrapped(" ", []string{
		fmt.Sprintf("%s, %s distinct layers of %s:", plural(int64(t.Images), "image"), Count(int64(t.DistinctLayers)), Count(int64(t.Layers))),
		o.savedText(&t.After.Content, &t.Before.Content, "content"), o.savedText(t.After.Unpacked, t.Before.Unpacked, "unpacked"),
	})...)
	if pick.left > 0 {
		foot = append(foot, fmt.Sprintf("%s the heaviest are shown, %s not: --limit 0 shows all", o.ellipsis(), plural(int64(pick.left), "image")))
	}
	return append(foot, o.nearFoot(r)...)
}

// savedText is "" where it is not known.
func (o Options) savedText(after, before *int64, what string) string {
	if after == nil || before == nil {
		return ""
	}
	share := 0.0
	if *before > 0 {
		share = float64(*before-*after) / float64(*before)
	}
	return fmt.Sprintf("%s %s instead of %s (%s saved)", o.Units.Bytes(*after), what, o.Units.Bytes(*before), percent(share))
}
