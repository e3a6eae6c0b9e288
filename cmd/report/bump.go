package report

import (
	"fmt"

	"github.com/layers/layers/inspect/fleet"
)

// bumpTable says what it takes when the base of images moves.
func bumpTable(r *fleet.BumpReport, o Options) *grid {
	t := &grid{Head: o.bumpHead(r), Columns: []column{
		{Title: "IMAGE", Narrow: true, Paths: true}, {Key: "digest", Machine: true},
		{Title: "BUILT ON", Key: "old", Narrow: true, Paths: true}, {Title: "BASE", Key: "old_content", Right: true}, {Key: "old_layers", Machine: true},
		{Title: "OWN", Key: "own_content", Right: true}, {Title: "LAYERS", Key: "own_layers", Right: true},
	}}
	var rows []gridRow
	for i := range r.Images {
		img := &r.Images[i]
		rows = append(rows, gridRow{Value: img, Cells: []cell{
			o.namesCell(img.Names, img.Digest), o.digestCell(img.Digest), o.textCell(img.Old),
			o.bytesCell(img.OldContent), countCell(int64(img.OldLayers)), o.bytesCell(img.OwnContent), countCell(int64(img.OwnLayers)),
		}})
	}
	t.Rows = listRows(rows)
	t.Foot = func() ([]string, error) { return o.bumpFoot(r), nil }
	return t
}

func (o Options) bumpHead(r *fleet.BumpReport) []string {
	head := o.items(o.namesCell(r.Base.Names, r.Base.Digest).Text, o.ends(r.Base.Digest), o.Units.Bytes(r.Base.Content)+" content", plural(int64(r.Base.Layers), "layer"))
	if len(r.Images) == 0 {
		return append(head, "", "no image of the store is built on an older one")
	}
	return append(head, "")
}

// bumpFoot says what is fetched and held, in lines that stand below each other.
func (o Options) bumpFoot(r *fleet.BumpReport) []string {
	if len(r.Images) == 0 {
		return nil
	}
	t := &grid{Columns: []column{{}, {Right: true}, {Narrow: true}}}
	var rows []gridRow
	add := func(what string, bytes int64, how string) {
		rows = append(rows, gridRow{Cells: []cell{{Text: what}, {Text: o.Units.Bytes(bytes)}, {Text: how}}})
	}
	add("fetch", r.Fetch, "of the new base, which is not here")
	add("rebuilt", r.Rebuilt, fmt.Sprintf("of the layers above it, if those of %s stay as large", plural(int64(len(r.Images)), "image")))
	add("now", r.Before, "content of all images of the store, each blob once")
	add("meanwhile", r.During, "with the old and the new images")
	add("then", r.After, "without the old ones")
	if r.Bases > 0 {
		add("", r.Bases, "of it is of old bases, which other images have")
	}
	t.Rows = listRows(rows)
	return append([]string{""}, t.lines("", o)...)
}
