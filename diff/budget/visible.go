package budget

import (
	"context"
	"iter"

	"github.com/layers/layers/cache/layer"
)

// carried names a file by where its bytes are.
type carried struct {
	layer  int
	offset int64
}

// walk yields what a container sees. The context ends it.
func walk(ctx context.Context, tree *layer.Tree) iter.Seq2[layer.Node, error] {
	return func(yield func(layer.Node, error) bool) {
		for n, err := range tree.Walk("") {
			if err == nil {
				err = ctx.Err()
			}
			if !yield(n, err) || err != nil {
				return
			}
		}
	}
}

// filesOnce yields the regular files that a container sees and a filter takes, each at the
// first of its names.
func filesOnce(ctx context.Context, tree *layer.Tree, takes func(path string) bool) iter.Seq2[layer.Node, error] {
	return func(yield func(layer.Node, error) bool) {
		counted := map[carried]bool{}
		for n, err := range walk(ctx, tree) {
			if err != nil {
				yield(n, err)
				return
			}
			if !takes(n.Path) || n.Kind != layer.File {
				continue
			}
			if n.Group != 0 || n.Layer != n.Carrier {
				at := carried{n.Carrier, n.Offset}
				if counted[at] {
					continue
				}
				counted[at] = true
			}
			if !yield(n, nil) {
				return
			}
		}
	}
}

// tally sums files up by the layers that carry them.
type tally struct {
	sum   int64
	bytes []int64
	top   []biggestFiles
}

func newTally(layers int) *tally {
	t := &tally{bytes: make([]int64, layers), top: make([]biggestFiles, layers)}
	for i := range t.top {
		t.top[i].limit = mostFiles
	}
	return t
}

func (t *tally) add(layer int, path string, bytes int64) {
	t.sum = plus(t.sum, bytes)
	t.bytes[layer] = plus(t.bytes[layer], bytes)
	t.top[layer].add(path, bytes)
}

// causes are the layers, with their biggest files.
func (t *tally) causes(img *Image) (all []Cause) {
	for n, size := range t.bytes {
		c := Cause{Layer: n + 1, Step: img.Layers[n].Step, Bytes: size}
		for _, f := range t.top[n].list() {
			c.Files = append(c.Files, File{f.Named, f.Change})
		}
		all = append(all, c)
	}
	return all
}
