package inspect

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/layers/layers/fixtures"
)

// unmeasured is hidden paths without their compressed bytes, which depend on the
// compressor.
func unmeasured(list []Hidden) []Hidden {
	out := slices.Clone(list)
	for i := range out {
		out[i].Content = nil
		out[i].Copies = slices.Clone(out[i].Copies)
		for j := range out[i].Copies {
			out[i].Copies[j].Content = nil
		}
	}
	return out
}

// By content the same paths are ranked in another order; a limit leaves its beginning,
// and the memo of the one order is not taken for the other's.
func TestHiddenByContent(t *testing.T) {
	everyStack(t, func(t *testing.T, in Input) {
		byUnpacked := image(t, in)
		all, err := Image(t.Context(), in, Options{By: ByContent, Limit: All})
		if err != nil {
			t.Fatal(err)
		}
		top := all.Reclaimable.Top
		if all.Reclaimable.By != ByContent || !slices.IsSortedFunc(top, ranking(ByContent)) {
			t.Errorf("not ranked by content: %+v", top)
		}
		again := slices.SortedFunc(slices.Values(top), ranking(ByUnpacked))
		if want := byUnpacked.Reclaimable.Top; len(want) > 0 && !reflect.DeepEqual(again[:len(want)], want) {
			t.Errorf("other paths:\n%+v\nwant\n%+v", again, want)
		}
		for range 2 { // the second comes from the memo
			some, err := Image(t.Context(), in, Options{By: ByContent, Limit: 2})
			if err != nil || len(top) > 0 && !reflect.DeepEqual(some.Reclaimable.Top, top[:min(2, len(top))]) {
				t.Errorf("with a limit: %+v, %v", some.Reclaimable.Top, err)
			}
		}
		checkSpans(t, in, all.Reclaimable)
	})
}

// checkSpans compares the content of copies with what carries them.
func checkSpans(t *testing.T, in Input, r Reclaimable) {
	t.Helper()
	for _, h := range r.Top {
		var sum int64
		for _, c := range h.Copies {
			l := in.Layers[c.Layer-1]
			e, err := l.TOC.Lookup(h.Path)
			if err != nil {
				t.Fatal(err)
			}
			span, ok := l.Extents.Span(e.Offset)
			if !ok || span.Bytes != *c.Content {
				t.Errorf("%s in layer %d: %d, and its span is %+v", h.Path, c.Layer, *c.Content, span)
			}
			sum += *c.Content
		}
		if sum != *h.Content {
			t.Errorf("%s: %d in all, %d in the copies", h.Path, *h.Content, sum)
		}
	}
	var blobs int64
	for _, l := range in.Layers {
		blobs += l.Extents.Size()
	}
	if *r.Content > blobs {
		t.Errorf("%d hidden of %d", *r.Content, blobs)
	}
}

// What compresses well is big by the one measure and small by the other.
func TestRankingsDiffer(t *testing.T) {
	random := make([]byte, 500_000) // many times what a decoder hands out at once
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	in := open(t, fixtures.Build([][]fixtures.Entry{
		{{Name: "flat", Body: strings.Repeat("a", 1_000_000)}, {Name: "random", Body: string(random)}},
		{{Name: ".wh.flat"}, {Name: ".wh.random"}},
	}, fixtures.Compressed(fixtures.Gzip)))
	for by, want := range map[By]string{"": "flat", ByUnpacked: "flat", ByContent: "random"} {
		r, err := Image(t.Context(), in, Options{By: by})
		if err != nil || r.Reclaimable.Top[0].Path != want {
			t.Errorf("%q: %+v, %v", by, r.Reclaimable.Top, err)
		}
		layer, err := OneLayer(t.Context(), in, 2, LayerOptions{By: by})
		if err != nil || layer.Hides.Top[0].Path != want {
			t.Errorf("%q: layer 2 hides %+v, %v", by, layer.Hides.Top, err)
		}
	}
}

// Where it is not known what carries the copies, that is not made up.
func TestHiddenWithoutExtents(t *testing.T) {
	in := open(t, fixtures.Image("-- 0/a [size=5] --\n-- 1/.wh.a --\n"))
	in.Memo = memory(map[string][]byte{})
	measured := image(t, in)
	in.Layers = slices.Clone(in.Layers)
	in.Layers[0].Extents = nil
	r := image(t, in)
	if r.Reclaimable.Content != nil || r.Reclaimable.Top[0].Content != nil || measured.Reclaimable.Content == nil {
		t.Errorf("%+v", r.Reclaimable)
	}
	if _, err := Image(t.Context(), in, Options{By: ByContent}); !errors.Is(err, ErrNoExtents) {
		t.Error(err)
	}
}
