package budget

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/diff"
	"github.com/layers/layers/fixtures"
	"github.com/layers/layers/inspect/packages"
)

// memory reads an image that is in memory, and counts what it reads.
type memory struct {
	t      testing.TB
	layers []v1.Layer
	read   []int
}

func (m *memory) Read(ctx context.Context, numbers []int) (all []packages.Layer, err error) {
	for _, n := range numbers {
		m.read = append(m.read, n)
		blob, err := m.layers[n].Compressed()
		if err != nil {
			return nil, err
		}
		var toc, kept bytes.Buffer
		if _, err := layer.Index(ctx, blob, layer.Outputs{TOC: &toc, Kept: &kept}, layer.IndexOptions{}); err != nil {
			return nil, err
		}
		var l packages.Layer
		if l.TOC, err = layer.ReadTOC(toc.Bytes()); err != nil {
			return nil, err
		}
		if l.Kept, err = layer.ReadKept(kept.Bytes()); err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

func (m *memory) Open(ctx context.Context, n int, e layer.Entry) (io.ReadCloser, error) {
	all, err := m.Read(ctx, []int{n})
	if err != nil {
		return nil, err
	}
	content, ok, err := all[0].Kept.Content(e.Offset)
	if !ok {
		err = errors.Join(err, fmt.Errorf("%s was not kept", e.Path))
	}
	return io.NopCloser(bytes.NewReader(content)), err
}

// image makes an image of a text as fixtures.Image has it.
func image(t testing.TB, name, text string) *Image {
	t.Helper()
	return imageOf(t, name, fixtures.Image(text))
}

func imageOf(t testing.TB, name string, from v1.Image) *Image {
	t.Helper()
	manifest, err := from.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	config, err := from.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	layers, err := from.Layers()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := from.Digest()
	if err != nil {
		t.Fatal(err)
	}
	img := &Image{Name: name, Digest: digest, User: config.Config.User, Reader: &memory{t: t, layers: layers}}
	var steps []*diff.Step
	for _, h := range config.History {
		if !h.EmptyLayer {
			steps = append(steps, &diff.Step{Short: h.CreatedBy, CreatedBy: h.CreatedBy})
		}
	}
	for n, d := range manifest.Layers {
		l := Layer{Digest: d.Digest, DiffID: layer.DiffID(config.RootFS.DiffIDs[n]), Content: d.Size}
		if n < len(steps) {
			l.Step = steps[n]
		}
		img.Layers = append(img.Layers, l)
	}
	return img
}

func (i *Image) readLayers() []int { return i.Reader.(*memory).read }

var today = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// check checks an image against others, either of which may be nil.
func check(t testing.TB, b Budget, img, baseline *Image) ImageReport {
	t.Helper()
	r := checkAll(t, b, Question{Image: img, Baseline: Counterpart{Image: baseline}})
	return r.Images[0]
}

func checkAll(t testing.TB, b Budget, questions ...Question) *Report {
	t.Helper()
	c := New(&Policy{File: ".layers.yaml"}, false, today)
	for _, q := range questions {
		q.Budget = &b
		if err := c.Check(context.Background(), q); err != nil {
			t.Fatal(err)
		}
	}
	return c.Report()
}

func budgetOf(rules ...Rule) Budget { return Budget{Name: "app", Rules: rules} }

func bytesLimit(n int64) Limit { return Limit{Bytes: &n} }

func limit(bytes int64, percent float64, either bool) Limit {
	return Limit{Bytes: &bytes, Percent: &percent, Either: either}
}
