package layer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/layers/layers/fixtures"
)

// limitError indexes a layer that passes a limit.
func limitError(t *testing.T, limits Limits, entries ...fixtures.Entry) *LimitError {
	t.Helper()
	blob := fixtures.NewLayer(fixtures.None, entries...).Blob
	var toc bytes.Buffer
	_, err := Index(context.Background(), bytes.NewReader(blob), Outputs{TOC: &toc}, IndexOptions{Limits: limits})
	var limit *LimitError
	if !errors.As(err, &limit) {
		t.Fatalf("got %v, want a limit error", err)
	}
	return limit
}

func TestTreeLimits(t *testing.T) {
	deep := strings.Repeat("d/", 5000) + "f"
	duplicates := []fixtures.Entry{{Name: "a"}, {Name: "a"}, {Name: "a"}}
	replaced := []fixtures.Entry{{Name: "a/b"}, {Name: "a"}, {Name: "a/b"}, {Name: "a"}}
	copied := []fixtures.Entry{{Name: "l", Type: '1', Link: strings.Repeat("x/", 40) + "x"}, {Name: "m", Type: '1', Link: "l"}, {Name: "n", Type: '1', Link: "l"}}
	forward := []fixtures.Entry{copied[1], copied[2], {Name: "a", Type: '1', Link: "m"}, copied[0]}
	for name, c := range map[string]struct {
		limits      Limits
		entries     []fixtures.Entry
		what, entry string
	}{
		"depth":                {Limits{}, []fixtures.Entry{{Name: deep}}, "path", deep},
		"depth, all implied":   {Limits{Path: -1, Entries: 4000}, []fixtures.Entry{{Name: deep}}, "entries", deep},
		"implied directories":  {Limits{Entries: 5}, []fixtures.Entry{{Name: "a/b/c"}, {Name: "x/y/z"}}, "entries", "x/y/z"},
		"entries of one name":  {Limits{Entries: 2}, duplicates, "entries", "a"},
		"replaced directories": {Limits{Entries: 4}, replaced, "entries", "a"},
		"names":                {Limits{Names: 10}, []fixtures.Entry{{Name: "a/b"}, {Name: "a/0123456789"}}, "names", "a/0123456789"},
		"links to links":       {Limits{Names: 90}, copied, "names", "n"},
		"links to later links": {Limits{Names: 90}, forward, "names", ""},
	} {
		if limit := limitError(t, c.limits, c.entries...); limit.What != c.what || limit.Entry != c.entry {
			t.Errorf("%s: %v", name, limit)
		}
	}
}

// A name that passed a limit may be as long as a tar can say; what is told of it is not.
func TestLimitErrorIsShort(t *testing.T) {
	err := limitError(t, Limits{}, fixtures.Entry{Name: strings.Repeat("d/", 32700) + "f"})
	if text := err.Error(); len(text) > 300 || !strings.Contains(text, `d/d/"…: more than the limit of 4096 for path`) {
		t.Error(text)
	}
}

// TestDeepTrees holds the memory of a table of contents to its entries, however deep
// they lie: no path is written whole but a block's first.
func TestDeepTrees(t *testing.T) {
	var entries []fixtures.Entry
	for i := range 20 {
		entries = append(entries, fixtures.Entry{Name: fmt.Sprintf("t%d/", i) + strings.Repeat("d/", 2000) + "f"})
	}
	blob := fixtures.NewLayer(fixtures.None, entries...).Blob
	var out bytes.Buffer
	if _, err := Index(context.Background(), bytes.NewReader(blob), Outputs{TOC: &out}, IndexOptions{}); err != nil {
		t.Fatal(err)
	}
	toc, err := ReadTOC(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	nodes := 0
	for _, err := range toc.Entries("") {
		if err != nil {
			t.Fatal(err)
		}
		nodes++
	}
	if want := 1 + 20*2002; nodes != want || out.Len() > 110*nodes {
		t.Errorf("%d entries, want %d, in %d bytes", nodes, want, out.Len())
	}
}
