package export

import "github.com/layers/layers/inspect/fleet"

// Image is a row of the table of images: the sums are those of fleet.Member.
type Image struct {
	Names                []string `parquet:"names,list"` // sorted
	Digest               string   `parquet:"digest"`     // of the manifest: no two rows have the same
	Platform             *string  `parquet:"platform,optional"`
	Layers               int64    `parquet:"layers"`
	Content              int64    `parquet:"content"` // compressed, each blob once
	Unpacked             *int64   `parquet:"unpacked,optional"`
	ExclusiveContent     int64    `parquet:"exclusive_content"`
	ExclusiveUnpacked    *int64   `parquet:"exclusive_unpacked,optional"`
	SharedContent        int64    `parquet:"shared_content"`
	SharedUnpacked       *int64   `parquet:"shared_unpacked,optional"`
	ProportionalContent  int64    `parquet:"proportional_content"`
	ProportionalUnpacked *int64   `parquet:"proportional_unpacked,optional"`
	Base                 *string  `parquet:"base,optional"` // digest of the image that it is built on, if one of the set is that
}

// Images are the rows of a report's images, in its order.
func Images(r *fleet.Report) (rows []Image) {
	var walk func(nodes []*fleet.Node, base *string)
	walk = func(nodes []*fleet.Node, base *string) {
		for _, n := range nodes {
			on := base
			for i := range n.Images {
				rows = append(rows, imageOf(&n.Images[i], n.Layers, base))
			}
			if len(n.Images) > 0 {
				on = &n.Images[0].Digest
			}
			walk(n.Children, on)
		}
	}
	walk(r.Roots, nil)
	return rows
}

func imageOf(m *fleet.Member, layers int, base *string) Image {
	row := Image{
		Digest: text(m.Digest), Platform: given(text(m.Platform)), Layers: int64(layers), Base: base,
		Content: m.Total.Content, Unpacked: m.Total.Unpacked,
		ExclusiveContent: m.Exclusive.Content, ExclusiveUnpacked: m.Exclusive.Unpacked,
		SharedContent: m.Shared.Content, SharedUnpacked: m.Shared.Unpacked,
		ProportionalContent: m.Proportional.Content, ProportionalUnpacked: m.Proportional.Unpacked,
	}
	for _, name := range m.Names {
		row.Names = append(row.Names, text(name))
	}
	return row
}
