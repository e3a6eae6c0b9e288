package layer

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/layers/layers/fixtures"
)

// TestExtractAgrees asks go-containerregistry's mutate.Extract for a second opinion
// on stacks that it is known to read rightly; see extractIsWrong for the others.
func TestExtractAgrees(t *testing.T) {
	agreed := 0
	for seed := range uint64(4000) {
		rng := rand.New(rand.NewPCG(seed, 13))
		entries, _ := fixtures.RandomBuilt(rng, fixtures.RandomOptions{})
		if extractIsWrong(entries) {
			continue
		}
		var layers []*fixtures.Layer
		for _, e := range entries {
			layers = append(layers, fixtures.NewLayer(fixtures.None, e...))
		}
		flat := mutate.Extract(fixtures.FromLayers(layers))
		data, err := io.ReadAll(flat)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		tocs, err := indexAll(t, layers)
		if err != nil {
			t.Fatal(err)
		}
		var toc bytes.Buffer
		if _, err := Index(context.Background(), bytes.NewReader(data), Outputs{TOC: &toc}, IndexOptions{}); err != nil {
			t.Fatal(err)
		}
		one, err := ReadTOC(toc.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		want := seen(t, Squash([]*TOC{one}), []*fixtures.Layer{{Blob: data}})
		if got := seen(t, Squash(tocs), layers); !slices.Equal(got, want) {
			t.Fatalf("seed %d: %v\n%s\nmutate.Extract\n%s", seed, entries, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		agreed++
	}
	if agreed < 1000 {
		t.Errorf("only %d stacks were compared", agreed)
	}
}

// extractIsWrong lists what mutate.Extract does not flatten rightly:
// hard links (they follow a target that a higher layer rewrites), links that leave
// their root (dropped), a directory that comes back after something else stood in
// its place (its old children come back too), and what a layer adds where it has a
// whiteout (lost).
func extractIsWrong(layers [][]fixtures.Entry) bool {
	last := map[string]bool{} // whether the path is a directory in the layer before
	replaced := map[string]bool{}
	for _, entries := range layers {
		whiteouts := map[string]bool{}
		for _, e := range entries {
			dir, name := path.Split(path.Clean(e.Name))
			if hidden, ok := strings.CutPrefix(name, ".wh."); ok {
				whiteouts[dir+hidden] = true
			}
		}
		for _, e := range entries {
			name := path.Clean(e.Name)
			if e.Type == tar.TypeLink || strings.HasPrefix(path.Join(path.Dir(name), e.Link), "..") {
				return true
			}
			isDir := strings.HasSuffix(e.Name, "/") || e.Type == tar.TypeDir
			if isDir && replaced[name] {
				return true
			}
			was, known := last[name]
			replaced[name] = replaced[name] || known && was && !isDir
			last[name] = isDir
			for p := name; p != "."; p = path.Dir(p) {
				if whiteouts[p] {
					return true
				}
			}
		}
	}
	return false
}
