package layer

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/layers/layers/fixtures"
)

// TestOddStacks holds the tree against what is known of odd and hostile stacks.
func TestOddStacks(t *testing.T) {
	for _, c := range fixtures.Odd() {
		t.Run(c.Name, func(t *testing.T) {
			tocs, err := indexAll(t, c.Layers)
			if c.WantError {
				if err == nil {
					t.Fatalf("%s: not refused", c.Rule)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", c.Rule, err)
			}
			tree := Squash(tocs)
			if got := seen(t, tree, c.Layers); !slices.Equal(got, c.Want) {
				t.Errorf("%s:\n%s\nwant\n%s", c.Rule, strings.Join(got, "\n"), strings.Join(c.Want, "\n"))
			}
			codes := lintCodes(t, tree)
			for _, code := range c.Lints {
				if !slices.Contains(codes, code) {
					t.Errorf("%s: lint %s is missing of %v", c.Rule, code, codes)
				}
			}
			checkReclaimable(t, 0, tocs)
		})
	}
}

func indexAll(t *testing.T, layers []*fixtures.Layer) ([]*TOC, error) {
	t.Helper()
	var tocs []*TOC
	for _, l := range layers {
		var toc bytes.Buffer
		if _, err := Index(context.Background(), bytes.NewReader(l.Blob), Outputs{TOC: &toc}, IndexOptions{}); err != nil {
			return nil, err
		}
		c, err := ReadTOC(toc.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Verify(); err != nil {
			t.Fatal(err)
		}
		tocs = append(tocs, c)
	}
	return tocs, nil
}

func seen(t *testing.T, tree *Tree, layers []*fixtures.Layer) (lines []string) {
	t.Helper()
	for n, err := range tree.Walk("") {
		if err != nil {
			t.Fatal(err)
		}
		if n.Path == "" {
			continue
		}
		s := fixtures.Seen{
			Path: n.Path, Kind: n.Kind.String(), Mode: n.Mode, UID: n.UID, GID: n.GID,
			Major: n.Major, Minor: n.Minor, ModTime: n.ModTime.Time(),
		}
		switch n.Kind {
		case Symlink:
			s.Link = n.Link
		case File:
			s.Content = content0(t, layers[n.Carrier].Blob, n.Offset)
		}
		for _, x := range n.Xattrs {
			if s.Xattrs == nil {
				s.Xattrs = map[string]string{}
			}
			s.Xattrs[x.Name] = x.Value
		}
		lines = append(lines, s.String())
	}
	slices.Sort(lines)
	return lines
}

func content0(t *testing.T, blob []byte, offset int64) string {
	t.Helper()
	r, err := fileAt(bytes.NewReader(blob), offset)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func lintCodes(t *testing.T, tree *Tree) (codes []string) {
	t.Helper()
	for _, toc := range tree.Layers() {
		lints, _ := toc.Lints()
		for _, l := range lints {
			codes = append(codes, string(l.Code))
		}
	}
	for l, err := range tree.Lints() {
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, string(l.Code))
	}
	return codes
}

// TestBuiltStacks holds the tree against a file system of which the layers are the
// differences.
func TestBuiltStacks(t *testing.T) {
	for seed := range uint64(1500) {
		rng := rand.New(rand.NewPCG(seed, 5))
		entries, want := fixtures.RandomBuilt(rng, fixtures.RandomOptions{})
		var layers []*fixtures.Layer
		for _, e := range entries {
			layers = append(layers, fixtures.NewLayer(fixtures.None, e...))
		}
		tocs, err := indexAll(t, layers)
		if err != nil {
			t.Fatal(err)
		}
		if got := seen(t, Squash(tocs), layers); !slices.Equal(got, want) {
			t.Fatalf("seed %d:\n%s\nwant\n%s", seed, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		checkReclaimable(t, seed, tocs)
	}
}
