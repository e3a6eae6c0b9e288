package diff

import (
	"cmp"
	"context"
	"slices"

	"github.com/layers/layers/cache/layer"
)

// LayerCause is a cause, with the files of the layers that changed most.
type LayerCause struct {
	Cause
	Biggest []FileChange
}

// FileChange is a file, and by how many unpacked bytes a layer has more of it.
type FileChange struct {
	layer.Named
	Change int64
}

// Causes says which pairs of layers make the images differ, those first that explain most
// of the change, and of each pair at most a number of files. It is Compare for who only
// asks why, and does with less: layers that both images have need not have been read. Of
// a pair that differs, and of which a layer was not read, there are no parts and no files.
func Causes(ctx context.Context, old, new *Image, files int) ([]LayerCause, error) {
	c := &comparison{old: old, new: new, biggest: files}
	if _, err := c.packageChanges(ctx); err != nil {
		return nil, err
	}
	var all []LayerCause
	err := c.eachPair(ctx, func(p *LayerPair, d *layerDelta) {
		if d != nil {
			all = append(all, LayerCause{Cause: p.cause(d), Biggest: d.biggest.list()})
		}
	})
	slices.SortStableFunc(all, func(a, b LayerCause) int { return weightier(a.Cause, b.Cause) })
	return all, err
}

// biggest keeps the files that changed most.
type biggest struct {
	limit int
	files []FileChange
}

func (b *biggest) add(c *Change) {
	change := c.NewBytes - c.OldBytes
	if b.limit == 0 || change == 0 || !c.notDir() {
		return
	}
	b.files = append(b.files, FileChange{layer.Name(c.Path), change})
	if len(b.files) >= 2*b.limit+1000 {
		b.cut()
	}
}

func (b *biggest) cut() {
	slices.SortStableFunc(b.files, func(x, y FileChange) int {
		return cmp.Or(cmp.Compare(abs(y.Change), abs(x.Change)), layer.ComparePaths(x.Path, y.Path))
	})
	b.files = b.files[:min(len(b.files), b.limit)]
}

func (b *biggest) list() []FileChange {
	b.cut()
	return b.files
}
