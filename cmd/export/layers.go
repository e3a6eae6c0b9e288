package export

import (
	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/inspect/fleet"
)

// Layer is a row of the table of layers: a layer in an image. One that several images
// have is a row for each.
type Layer struct {
	Image     string  `parquet:"image,dict"` // Image.Digest
	Number    int64   `parquet:"number"`     // in the image, from 1 at the bottom
	Digest    string  `parquet:"digest"`     // of the blob
	DiffID    string  `parquet:"diff_id"`
	Content   int64   `parquet:"content"` // compressed bytes of the blob; 0 if its descriptor gives less
	Unpacked  *int64  `parquet:"unpacked,optional"`
	Files     *int64  `parquet:"files,optional"`      // names that are neither directories nor whiteouts
	Whiteouts *int64  `parquet:"whiteouts,optional"`  // and opaque markers
	CreatedBy *string `parquet:"created_by,optional"` // the build step, as the configuration has it
}

// Layers are the rows of an image's layers, bottom first. The steps are of each layer, or
// none; the totals of those that were read.
func Layers(image string, layers []fleet.Layer, steps []string, totals map[layer.DiffID]layer.Totals) (rows []Layer) {
	for i, l := range layers {
		row := Layer{Image: text(image), Number: int64(i + 1), Digest: text(l.Digest.String()), DiffID: text(l.DiffID.String()), Content: max(l.Content, 0)}
		if l.Unpacked >= 0 {
			row.Unpacked = &l.Unpacked
		}
		if sums, read := totals[l.DiffID]; read {
			row.Files, row.Whiteouts = &sums.Files, &sums.Whiteouts
		}
		if i < len(steps) {
			row.CreatedBy = given(text(steps[i]))
		}
		rows = append(rows, row)
	}
	return rows
}
