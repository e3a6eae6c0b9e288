package layer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/layers/layers/fixtures"
)

// linkChain is l0 -> l1 -> … -> dir, as many links.
func linkChain(n int) []fixtures.Entry {
	entries := []fixtures.Entry{{Name: "dir/"}}
	for i := range n {
		target := "dir"
		if i < n-1 {
			target = fmt.Sprintf("l%d", i+1)
		}
		entries = append(entries, fixtures.Entry{Name: fmt.Sprintf("l%d", i), Link: target})
	}
	return entries
}

// TestNamesBelowLinks says what becomes of an entry whose name leads through links of
// its own layer: it lands, or the reason is told as it is.
func TestNamesBelowLinks(t *testing.T) {
	for name, c := range map[string]struct {
		entries []fixtures.Entry
		reason  string
	}{
		"a chain at the limit":      {linkChain(255), ""},
		"a chain beyond the limit":  {linkChain(256), "below more than 255 symbolic links"},
		"one link, met twice":       {[]fixtures.Entry{{Name: "d/"}, {Name: "up", Link: "d/.."}, {Name: "l0", Link: "up/up/d"}}, ""},
		"a link to itself":          {[]fixtures.Entry{{Name: "l0", Link: "l0"}}, `below a loop of symbolic links: "l0" leads to itself`},
		"a link to below itself":    {[]fixtures.Entry{{Name: "l0", Link: "l0/x"}}, `below a loop of symbolic links: "l0" leads to itself`},
		"two links to each other":   {[]fixtures.Entry{{Name: "l0", Link: "d/m"}, {Name: "d/m", Link: "../l0"}}, `below a loop of symbolic links: "l0" leads to itself`},
		"a loop behind other links": {[]fixtures.Entry{{Name: "l0", Link: "m"}, {Name: "m", Link: "n"}, {Name: "n", Link: "/m"}}, `below a loop of symbolic links: "m" leads to itself`},
	} {
		blob := fixtures.NewLayer(fixtures.None, append(c.entries, fixtures.Entry{Name: "l0/f"})...).Blob
		_, err := Index(context.Background(), bytes.NewReader(blob), Outputs{TOC: new(bytes.Buffer)}, IndexOptions{})
		var refused *RefusedError
		if c.reason == "" && err != nil || c.reason != "" && (!errors.As(err, &refused) || refused.Reason != c.reason || refused.Entry != "l0/f") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestResolveLoops tells loops from chains that are only too long.
func TestResolveLoops(t *testing.T) {
	for name, c := range map[string]struct {
		entries []fixtures.Entry
		path    string
		text    string
	}{
		"a chain at the limit":     {linkChain(40), "l0", ""},
		"a chain beyond the limit": {linkChain(41), "l0/x", `"l0/x": more than 40 symbolic links, which is all that Linux follows`},
		"the same links again":     {append(linkChain(2), fixtures.Entry{Name: "dir/up", Link: ".."}), "l0/up/l0/up/l0/up/l0", ""},
		"a link to itself":         {[]fixtures.Entry{{Name: "l", Link: "l"}}, "l", `"l": the symbolic link "l" leads to itself`},
		"a link to below itself":   {[]fixtures.Entry{{Name: "l", Link: "./l/x"}}, "l/y", `"l/y": the symbolic link "l" leads to itself`},
		"two links to each other":  {[]fixtures.Entry{{Name: "a", Link: "d/b"}, {Name: "d/b", Link: "/a"}}, "d/b", `"d/b": the symbolic link "d/b" leads to itself`},
		"slashes":                  {[]fixtures.Entry{{Name: "d/"}, {Name: "l", Link: "d//"}, {Name: "d/up", Link: "..//"}}, "l//up//l//", ""},
	} {
		n, hops, err := Squash(stack(t, c.entries)).Resolve(c.path)
		var loop *LoopError
		switch {
		case c.text == "" && (err != nil || n.Kind != Dir):
			t.Errorf("%s: %q, %v after %d links", name, n.Path, err, len(hops))
		case c.text != "" && (!errors.As(err, &loop) || loop.Error() != c.text || len(hops) == 0):
			t.Errorf("%s: %v after %d links", name, err, len(hops))
		}
	}
}
