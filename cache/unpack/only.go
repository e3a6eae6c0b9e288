//go:build linux

package unpack

import (
	"strings"

	"github.com/layers/layers/cache/layer"
)

// Only yields the items whose paths match, all below directories that match, and
// the directories that lead to them. match is asked for each path once.
func Only(items Items, match func(path string) bool) Items {
	return func(yield func(Item, error) bool) {
		var way []Item // directories that nothing was yielded from yet
		below := ""    // the directory that matched, with a slash
		for item, err := range items {
			if err != nil {
				yield(item, err)
				return
			}
			for len(way) > 0 && !isBelow(item.Path, way[len(way)-1].Path) {
				way = way[:len(way)-1]
			}
			inside := below != "" && strings.HasPrefix(item.Path, below)
			if !inside && !match(item.Path) {
				if item.Kind == layer.Dir {
					way = append(way, item)
				}
				continue
			}
			if !inside && item.Kind == layer.Dir {
				below = strings.TrimPrefix(item.Path+"/", "/")
			}
			for _, parent := range append(way, item) {
				if !yield(parent, nil) {
					return
				}
			}
			way = way[:0]
		}
	}
}

func isBelow(path, dir string) bool {
	return dir == "" || strings.HasPrefix(path, dir) && len(path) > len(dir) && path[len(dir)] == '/'
}
