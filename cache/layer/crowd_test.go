package layer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/layers/layers/fixtures"
)

// manyNames is a layer whose tree takes more than crowdStep.
func manyNames() []byte {
	entries := make([]fixtures.Entry, 50_000)
	for i := range entries {
		entries[i].Name = fmt.Sprintf("some-directory/some-file-%d", i)
	}
	return fixtures.NewLayer(fixtures.None, entries...).Blob
}

// A pass whose tree grows large beside others gives up and leaves nothing behind;
// alone, and where others hold little, it comes to its end.
func TestPassesShareMemory(t *testing.T) {
	blob := manyNames()
	for name, c := range map[string]struct {
		others int64
		o      IndexOptions
		want   error
	}{
		"nobody else":             {0, IndexOptions{}, nil},
		"others with little":      {crowdLimit / 2, IndexOptions{}, nil},
		"others with much":        {crowdLimit, IndexOptions{}, ErrCrowded},
		"others, but not in fact": {crowdLimit, IndexOptions{Alone: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			crowd.Add(c.others)
			before := crowd.Load()
			_, err := Index(context.Background(), bytes.NewReader(blob), Outputs{TOC: io.Discard}, c.o)
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if held := crowd.Load() - before; held != 0 {
				t.Errorf("%d bytes are still held", held)
			}
			crowd.Add(-c.others)
		})
	}
}

// A layer's tree and the window of its decoder count together.
func TestMemoryLimit(t *testing.T) {
	tree := manyNames()
	window := bytesOf(frame(t, 25, string(tree[:len(tree)-1024])), frame(t, 27, string(make([]byte, 1024))))
	for name, c := range map[string]struct {
		blob  []byte
		limit int64
		fails bool
	}{
		"tree":                 {tree, 3 << 20, true},
		"tree, more room":      {tree, 12 << 20, false},
		"and a window":         {window, 128<<20 + 1<<20, true},
		"a window, more room":  {window, 128<<20 + 12<<20, false},
		"a window, no limit":   {window, -1, false},
		"a window and default": {window, 0, false},
	} {
		_, err := Index(context.Background(), bytes.NewReader(c.blob), Outputs{TOC: io.Discard},
			IndexOptions{Limits: Limits{Memory: c.limit}, Alone: true})
		var limit *LimitError
		if errors.As(err, &limit) != c.fails || c.fails && limit.What != "memory" || !c.fails && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantNoWindows(t)
}
