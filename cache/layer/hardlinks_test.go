package layer

import (
	"testing"

	"github.com/layers/layers/fixtures"
)

// A hard link to a hard link is one to the same file, wherever that lies and
// whatever becomes of the name between.
func TestLinksToLinks(t *testing.T) {
	const lower = "-- 0/a [size=9] --\n-- 0/usr/lib/ --\n-- 0/x [size=1] --\n-- 0/b [size=2] --\n-- 0/lib -> usr/lib --\n-- 0/loop -> loop --\n"
	for name, c := range map[string]struct {
		upper string
		size  int64 // of a; 0 if it leads nowhere
	}{
		"after":             {"-- 1/b => x --\n-- 1/a => b --\n", 1},
		"before":            {"-- 1/a => b --\n-- 1/b => x --\n", 1},
		"overwritten":       {"-- 1/b => x --\n-- 1/a => b --\n-- 1/b [size=3] --\n", 1},
		"behind a link":     {"-- 1/usr/lib/c => x --\n-- 1/a => lib/c --\n", 1},
		"to nothing":        {"-- 1/b => never --\n-- 1/a => b --\n", 0},
		"behind a loop":     {"-- 1/a => loop/x --\n", 0},
		"to itself, whited": {"-- 1/.wh.a --\n-- 1/a => a --\n", 9},
		"to a later file":   {"-- 1/a => c --\n-- 1/c => d --\n-- 1/d [size=7] --\n", 7},
	} {
		n, err := Squash(stack(t, fixtures.Stack(lower+c.upper)...)).Lookup("a")
		if c.size == 0 && err != ErrNotExist || c.size != 0 && (err != nil || n.Size != c.size) {
			t.Errorf("%s: size %d, %v, want %d", name, n.Size, err, c.size)
		}
	}
}

// The last name of a file may be a hard link in a layer above it.
func TestHiddenWithItsLastLink(t *testing.T) {
	tree := Squash(stack(t, fixtures.Stack("-- 0/a [size=5] --\n-- 1/b => a --\n-- 1/.wh.a --\n-- 2/.wh.b --\n")...))
	for c, err := range tree.Reclaimable() {
		if err != nil || c.Path != "a" || c.Layer != 0 || c.HiddenBy != 2 {
			t.Errorf("got %+v, %v", c, err)
		}
	}
}
