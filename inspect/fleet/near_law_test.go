package fleet

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

// TestSharedFilesAreApart gives random layers random files, some layers being the same
// files as others, and holds what is told of each file against all pairs of its layers.
func TestSharedFilesAreApart(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 4))
		images := family(r, 2+r.IntN(10), 2+r.IntN(30), false)
		s, o := setOf(images), newOracle(images)
		facts := map[layer.DiffID]Facts{}
		for tar := range s.tars.keys {
			id := layer.DiffID(s.tars.hash(uint32(tar)))
			content := r.IntN(10)
			facts[id] = Facts{Fingerprint: layer.Fingerprint{Content: layer.Digest{1, byte(content)}, Times: layer.Digest{byte(r.IntN(2))}}, Unpacked: s.tars.amount[tar], Large: filesOf(content)}
			s.Learn(id, facts[id])
		}
		report := s.Report()
		s.Near(report, NearOptions{Top: 1000})
		told := map[string]SharedFile{}
		if report.Files == nil { // no layers at all
			continue
		}
		for _, f := range report.Files.Top {
			told[f.Digest] = f
		}
		for n := range 8 {
			digest := layer.Digest{2, byte(n)}.String()
			checkFile(t, fmt.Sprintf("seed %d, file %d", seed, n), told[digest], groupsWith(o, facts, n))
		}
		checkNear(t, fmt.Sprint("seed ", seed), report, facts)
	}
}

// filesOf are the files of all layers of a content.
func filesOf(content int) (files []File) {
	for n := range 8 {
		if (content*7+n*5)%3 == 0 {
			files = append(files, File{Digest: layer.Digest{2, byte(n)}, Size: LargeFile + int64(n), Path: fmt.Sprint("f", n)})
		}
	}
	return files
}

// groupsWith are the images that have each content with a file.
func groupsWith(o oracle, facts map[layer.DiffID]Facts, n int) map[layer.Digest][]int {
	groups := map[layer.Digest][]int{}
	for i := range o {
		for _, l := range o[i].Layers {
			f := facts[l.DiffID]
			has := slices.ContainsFunc(f.Large, func(f File) bool { return f.Digest == layer.Digest{2, byte(n)} })
			if has && !slices.Contains(groups[f.Content], i) {
				groups[f.Content] = append(groups[f.Content], i)
			}
		}
	}
	return groups
}

// checkFile holds what is told of a file to the pairs of contents that no image has both
// of: it is told of if and only if there is one, and never of more layers than contents.
func checkFile(t *testing.T, name string, f SharedFile, groups map[layer.Digest][]int) {
	t.Helper()
	apart := false
	for a, of := range groups {
		for b, others := range groups {
			apart = apart || a != b && !slices.ContainsFunc(of, func(i int) bool { return slices.Contains(others, i) })
		}
	}
	if told := f.Layers >= 2; told && !apart || f.Layers > len(groups) || f.Saved != f.Size*int64(max(f.Layers-1, 0)) {
		t.Errorf("%s: %d layers of %d contents, %d saved; two are apart: %v", name, f.Layers, len(groups), f.Saved, apart)
	}
	if len(groups) == 2 && apart != (f.Layers == 2) {
		t.Errorf("%s: two contents, apart: %v, and %d layers are told of", name, apart, f.Layers)
	}
	if len(f.Places) != min(f.Layers, mostPlaces) {
		t.Errorf("%s: %d places of %d layers", name, len(f.Places), f.Layers)
	}
}

// checkNear holds the groups of layers to their facts and sums.
func checkNear(t *testing.T, name string, r *Report, facts map[layer.DiffID]Facts) {
	t.Helper()
	for _, n := range r.Near {
		sum, least, tars := int64(0), n.Layers[0].Content, map[string]bool{}
		first := facts[idOf(t, n.Layers[0].DiffID)]
		for i, l := range n.Layers {
			f := facts[idOf(t, l.DiffID)]
			want := Difference("")
			switch {
			case i == 0:
			case l.DiffID == n.Layers[0].DiffID:
				want = Compression
			case f.Times == first.Times:
				want = Packing
			default:
				want = Times
			}
			if f.Content != first.Content || l.Differs != want {
				t.Errorf("%s: %s is said to differ by %q, want %q", name, l.DiffID, l.Differs, want)
			}
			sum, least = sum+l.Content, min(least, l.Content)
			tars[l.DiffID] = true
		}
		if n.Saved.Content != sum-least || *n.Saved.Unpacked != int64(len(tars)-1)*first.Unpacked {
			t.Errorf("%s: saved %s of %d bytes, %d layers", name, text(n.Saved), sum, len(tars))
		}
	}
}

func idOf(t *testing.T, s string) layer.DiffID {
	t.Helper()
	h, err := v1.NewHash(s)
	if err != nil {
		t.Fatal(err)
	}
	return layer.DiffID(h)
}
