package fleet

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

// TestSuggestionsSaveWhatTheySay does on random families what each suggestion says, and
// then all of them, and looks at what is left.
func TestSuggestionsSaveWhatTheySay(t *testing.T) {
	kinds := map[SuggestKind]int{}
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 7))
		images := family(r, 2+r.IntN(12), 2+r.IntN(24), seed%4 == 0)
		s := setOf(images)
		if seed%2 == 0 {
			learnRandom(r, s)
		}
		rename(r, s)
		o, report := knownBy(s), s.Suggest()
		all, sum := slices.Clone(o), Bytes{Unpacked: new(int64)}
		for i, g := range report.Suggestions {
			name := fmt.Sprintf("seed %d, suggestion %d (%s)", seed, i+1, g.Kind)
			kinds[g.Kind]++
			left := slices.Clone(o)
			do(o, left, g)
			checkSaved(t, name, o, left, g.Saves)
			before := slices.Clone(all)
			do(o, all, g)
			checkSaved(t, name+", added", before, all, g.Adds)
			if sum = sum.plus(g.Adds); g.Saves.both() <= 0 || g.Adds.Content > g.Saves.Content || g.Adds.Content < 0 || g.Rank != i+1 || g.How == "" || len(g.Images) == 0 {
				t.Errorf("%s: %+v", name, g)
			}
			if i > 0 && g.Saves.both() > report.Suggestions[i-1].Saves.both() {
				t.Errorf("%s saves more than the one before", name)
			}
		}
		if text(sum) != text(report.Saved) {
			t.Errorf("seed %d: all save %s, told %s", seed, text(sum), text(report.Saved))
		}
		checkSaved(t, fmt.Sprint("seed ", seed, ", all"), o, all, report.Saved)
	}
	for _, kind := range []SuggestKind{PinBase, BuildOnce, BuiltAgain, Recompress} {
		if kinds[kind] < 10 {
			t.Errorf("%d suggestions of kind %s", kinds[kind], kind)
		}
	}
}

// rename gives images names of few repositories.
func rename(r *rand.Rand, s *Set) {
	for image := range s.images {
		s.Call(image, fmt.Sprintf("%s:%d", []string{"app", "base"}[r.IntN(2)], image))
	}
}

func learnRandom(r *rand.Rand, s *Set) {
	for tar := range s.tars.keys {
		content := layer.Digest{1, byte(r.IntN(12))}
		s.Learn(layer.DiffID(s.tars.hash(uint32(tar))), Facts{Fingerprint: layer.Fingerprint{Content: content, Times: layer.Digest{byte(r.IntN(3))}}, Unpacked: max(s.tars.amount[tar], 0)})
	}
}

// knownBy is a set as the oracle has it.
func knownBy(s *Set) (o oracle) {
	for image := range s.images {
		img := Image{Names: s.Names(image), Digest: s.Digest(image)}
		for _, l := range s.layers(image) {
			img.Layers = append(img.Layers, Layer{Digest: s.blobs.hash(l.blob), DiffID: layer.DiffID(s.tars.hash(l.tar)), Content: s.blobs.amount[l.blob], Unpacked: s.tars.amount[l.tar]})
		}
		o = append(o, img)
	}
	return o
}

// do does to images what is suggested, by nothing but what the suggestion says.
func do(was, o oracle, g Suggestion) {
	if g.Kind == PinBase {
		doPin(was, o, g)
	}
	for _, group := range g.Groups {
		doUnite(o, group)
	}
}

func doPin(was, o oracle, g Suggestion) {
	var bottom []Layer
	least := ""
	for i, img := range was {
		if name := img.Names[0]; standsOn(img, g.Bases[0]) && (bottom == nil || name < least || slices.Contains(g.Bases[0].Names, name)) {
			if bottom, least = o[i].Layers[:g.Bases[0].Layers], name; name == append(g.Bases[0].Names, "")[0] {
				break
			}
		}
	}
	for i, img := range was {
		for _, b := range g.Bases[1:] {
			switch {
			case !standsOn(img, b):
			case len(img.Layers) == b.Layers:
				o[i].Layers = nil
			default:
				o[i].Layers = slices.Concat(bottom, o[i].Layers[b.Layers:])
			}
		}
	}
}

func standsOn(img Image, b SuggestedBase) bool {
	var ids []layer.DiffID
	for _, l := range img.Layers {
		ids = append(ids, l.DiffID)
	}
	return len(ids) >= b.Layers && v1.Hash(layer.Chain(ids[:b.Layers])).String() == b.Chain
}

func doUnite(o oracle, group []SuggestedLayer) {
	held := map[string]Layer{}
	for _, img := range o {
		for _, l := range img.Layers {
			held[l.Digest.String()] = l
		}
	}
	var to Layer
	for _, l := range slices.Backward(group) {
		if h, has := held[l.Digest]; has {
			to = h
		}
	}
	for i := range o {
		o[i].Layers = slices.Clone(o[i].Layers)
		for k, l := range o[i].Layers {
			if slices.ContainsFunc(group, func(s SuggestedLayer) bool { return s.Digest == l.Digest.String() }) {
				o[i].Layers[k] = to
			}
		}
	}
}

// checkSaved holds what is said to the bytes that are held before and after. What layers
// unpack to is compared where all of it is known.
func checkSaved(t *testing.T, name string, before, after oracle, said Bytes) {
	t.Helper()
	b, a := before.bytes(before.others(nil)...), after.bytes(after.others(nil)...)
	if said.Content != b.Content-a.Content {
		t.Errorf("%s: said to save %d bytes of content, saves %d", name, said.Content, b.Content-a.Content)
	}
	if b.Unpacked != nil && a.Unpacked != nil && (said.Unpacked == nil || *said.Unpacked != *b.Unpacked-*a.Unpacked) {
		t.Errorf("%s: said to save %s, saves %d of unpacked", name, text(said), *b.Unpacked-*a.Unpacked)
	}
}

// TestNothingToSuggest: images that share all they can.
func TestNothingToSuggest(t *testing.T) {
	var s Set
	base := Layer{Digest: digest("blob", 1), DiffID: layer.DiffID(digest("tar", 1)), Content: 100, Unpacked: 200}
	for i := range 5 {
		own := Layer{Digest: digest("blob", i+2), DiffID: layer.DiffID(digest("tar", i+2)), Content: 10, Unpacked: 20}
		s.Add(Image{Names: []string{fmt.Sprint("app:", i)}, Digest: digest("image", i), Layers: []Layer{base, own}})
	}
	for tar := range s.tars.keys {
		s.Learn(layer.DiffID(s.tars.hash(uint32(tar))), Facts{Fingerprint: layer.Fingerprint{Content: layer.Digest{byte(tar)}}, Unpacked: s.tars.amount[tar]})
	}
	if r := s.Suggest(); len(r.Suggestions) != 0 || r.Saved.both() != 0 {
		t.Errorf("%+v", r)
	}
	if r := new(Set).Suggest(); len(r.Suggestions) != 0 {
		t.Errorf("of no images: %+v", r)
	}
}

// TestVersionless: only numbers make versions.
func TestVersionless(t *testing.T) {
	for name, want := range map[string]string{
		"python:3.10": "python:", "python:3.11-slim": "python:slim", "r:5000/python:v3": "r:5000/python:", "python:latest": "python:",
		"debian:bookworm-20260101": "debian:bookworm", "debian:bookworm": "debian:bookworm", "r:5000/x": "r:5000/x:", "x@sha256:12": "x:",
	} {
		if got := versionless(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestPackagesInOneLayer gives random layers random packages, and holds what a common layer
// saves to the files that are held twice.
func TestPackagesInOneLayer(t *testing.T) {
	found := 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 9))
		s := setOf(family(r, 2+r.IntN(10), 2+r.IntN(24), false))
		learnRandom(r, s)
		for tar := range s.tars.keys {
			s.tars.amount[tar] += 1000 // more than its files
		}
		s.counted = nil
		has := map[string]map[string]bool{} // of each DiffID, the files
		for tar := range s.tars.keys {
			installRandom(r, s, layer.DiffID(s.tars.hash(uint32(tar))), has)
		}
		report, sum := s.Suggest(), int64(0)
		for _, g := range report.Suggestions {
			sum += *g.Adds.Unpacked
			if *g.Adds.Unpacked < 0 || *g.Adds.Unpacked > *g.Saves.Unpacked && g.Kind == PackageSets {
				t.Errorf("seed %d: %+v", seed, g)
			}
			if g.Kind != PackageSets {
				continue
			}
			found++
			if files, most := copiesOf(g, has); files != g.Files || most != *g.Saves.Unpacked || len(g.Layers) < 2 || len(g.Packages) == 0 {
				t.Errorf("seed %d: %d files, %d bytes of %d: %+v", seed, files, *g.Saves.Unpacked, most, g)
			}
		}
		if *report.Saved.Unpacked != sum || sum > *report.Held.Unpacked {
			t.Errorf("seed %d: %d saved, told %d", seed, sum, *report.Saved.Unpacked)
		}
	}
	if found < 100 {
		t.Errorf("%d suggestions", found)
	}
}

func installRandom(r *rand.Rand, s *Set, id layer.DiffID, has map[string]map[string]bool) {
	has[id.String()] = map[string]bool{}
	for name := range 4 {
		if r.IntN(2) == 0 {
			continue
		}
		var files []File
		for n := range r.IntN(4) {
			content := 1 + r.IntN(2)
			f := File{Path: fmt.Sprintf("p%d/f%d", name, n), Digest: layer.Digest{byte(content)}, Size: int64(content + n)}
			files = append(files, f)
			has[id.String()][fmt.Sprint(f)] = true
		}
		s.Install(id, Package{Kind: "deb", Name: fmt.Sprint("p", name)}, files)
	}
}

// copiesOf counts the files of packages in the layers of a suggestion, and the bytes of
// all their copies but one.
func copiesOf(g Suggestion, has map[string]map[string]bool) (files, bytes int64) {
	of := map[string]int64{}
	for _, l := range g.Layers {
		for f := range has[l.DiffID] {
			of[f]++
		}
	}
	for _, p := range g.Packages {
		for n := range 4 {
			for content := 1; content < 3; content++ {
				f := File{Path: fmt.Sprintf("%s/f%d", p.Name, n), Digest: layer.Digest{byte(content)}, Size: int64(content + n)}
				if k := of[fmt.Sprint(f)]; k > 1 {
					files++
					bytes += f.Size * (k - 1)
				}
			}
		}
	}
	return files, bytes
}
