package inspect

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/layers/layers/cache/layer"
)

// NotExistError says that an image has nothing at a path. It is layer.ErrNotExist
// to errors.Is.
type NotExistError struct {
	Image string
	Path  string // as asked for
	// Near are paths that exist and are written much alike, the nearest first.
	Near []string
}

// Error names the image and the path, with its leading slash; Near is left to the caller.
func (e *NotExistError) Error() string {
	return fmt.Sprintf("%s has no %q", e.Image, "/"+strings.TrimLeft(e.Path, "/"))
}

// Unwrap returns layer.ErrNotExist.
func (e *NotExistError) Unwrap() error { return layer.ErrNotExist }

// NotDirError says that a path that MeansDir leads to something else. It is
// layer.ErrNotExist to errors.Is, for there is no such directory.
type NotDirError struct {
	Image string
	Path  string // as asked for
}

// Error names the image and the path, with its leading slash.
func (e *NotDirError) Error() string {
	return fmt.Sprintf("%s: /%s is not a directory", e.Image, strings.TrimLeft(e.Path, "/"))
}

// Unwrap returns layer.ErrNotExist.
func (e *NotDirError) Unwrap() error { return layer.ErrNotExist }

// notExist makes of an error that says that a path does not exist one that says
// what does; others it says the image and the path of.
func (in *Input) notExist(tree *layer.Tree, path string, err error) error {
	if !errors.Is(err, layer.ErrNotExist) {
		return fmt.Errorf("finding %q in %s: %w", path, in.Name, err)
	}
	near, nearErr := nearTo(tree, path)
	if nearErr != nil {
		return fmt.Errorf("finding %q in %s: %w", path, in.Name, nearErr)
	}
	return &NotExistError{Image: in.Name, Path: path, Near: near}
}

const maxNear = 3

// nearTo finds the names that are written like the first component of the path
// that does not exist, in the directory where it would be.
func nearTo(tree *layer.Tree, path string) ([]string, error) {
	dir, rest, err := deepest(tree, path)
	if err != nil || rest == "" {
		return nil, err
	}
	wanted, _, _ := strings.Cut(rest, "/")
	type candidate struct {
		path     string
		distance int
	}
	top := newTopK(maxNear, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	for n, err := range tree.Children(dir) {
		if err != nil {
			return nil, err
		}
		name := n.Name()
		if len(name) > 255 || len(wanted) > 255 {
			continue
		}
		if d := distance(strings.ToLower(name), strings.ToLower(wanted)); d <= max(1, len(wanted)/4) {
			top.add(candidate{n.Path, d})
		}
	}
	var near []string
	for _, c := range top.sorted() {
		near = append(near, c.path)
	}
	return near, nil
}

// deepest finds the deepest directory on the way to a path, following links, and
// what of the path is left below it.
func deepest(tree *layer.Tree, path string) (dir, rest string, err error) {
	before := strings.Trim(path, "/")
	for {
		node, _, err := tree.Resolve(before)
		if err == nil && node.Kind == layer.Dir {
			return node.Path, rest, nil
		}
		var loop *layer.LoopError
		if err != nil && !errors.Is(err, layer.ErrNotExist) && !errors.As(err, &loop) {
			return "", "", err
		}
		if before == "" {
			return "", rest, nil
		}
		parent, name := cut(before)
		before, rest = strings.TrimRight(parent, "/"), strings.TrimRight(join(name, rest), "/")
	}
}

// distance is the number of bytes to insert, delete, replace or swap with their
// neighbour that leads from one name to the other.
func distance(a, b string) int {
	older, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			row[j+1] = min(last[j]+change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], older[j-1]+1)
			}
		}
		older, last, row = last, row, older
	}
	return last[len(b)]
}
