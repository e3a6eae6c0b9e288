package fleet

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

// tocOf reads a layer as the store would.
func tocOf(t testing.TB, l *fixtures.Layer) *layer.TOC {
	t.Helper()
	blob, err := l.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	var toc bytes.Buffer
	if _, err := layer.Index(t.Context(), blob, layer.Outputs{TOC: &toc}, layer.IndexOptions{}); err != nil {
		t.Fatal(err)
	}
	read, err := layer.ReadTOC(toc.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// fleetOf is a set of images of real layers, of which all is learned.
type fleetOf struct {
	t    testing.TB
	set  Set
	tocs map[layer.DiffID]*layer.TOC
}

func (f *fleetOf) add(name string, layers ...*fixtures.Layer) {
	f.t.Helper()
	img := fixtures.FromLayers(layers)
	digest, err := img.Digest()
	if err != nil {
		f.t.Fatal(err)
	}
	to := Image{Names: []string{name}, Digest: digest}
	var ids []layer.DiffID
	for _, l := range layers {
		toc := tocOf(f.t, l)
		digest, err := l.Digest()
		size, errSize := l.Size()
		if err := errors.Join(err, errSize); err != nil {
			f.t.Fatal(err)
		}
		to.Layers = append(to.Layers, Layer{Digest: digest, DiffID: toc.DiffID(), Content: size, Unpacked: toc.Totals().Unpacked})
		f.tocs[toc.DiffID()] = toc
		ids = append(ids, toc.DiffID())
	}
	f.set.Add(to)
	for _, id := range ids {
		facts, err := ReadFacts(f.tocs[id])
		if err != nil {
			f.t.Fatal(err)
		}
		f.set.Learn(id, facts)
	}
}

func (f *fleetOf) report() *Report {
	r := f.set.Report()
	f.set.Near(r, NearOptions{OtherTimes: func(a, b layer.DiffID) (int64, error) { return layer.OtherTimes(f.tocs[a], f.tocs[b]) }})
	return r
}

func file(name, body string, at time.Time) fixtures.Entry {
	return fixtures.Entry{Name: name, Body: body, ModTime: at}
}

// TestNearLayers tells layers that differ by times, by order, by compressor and by what
// they hold.
func TestNearLayers(t *testing.T) {
	old, new := fixtures.Epoch, fixtures.Epoch.Add(time.Hour)
	big, other := strings.Repeat("0123456789", 10_000), strings.Repeat("abc", 50_000)
	one := []fixtures.Entry{file("a", big, old), file("b", "small", old), file("c", "c", old)}
	later := []fixtures.Entry{file("a", big, new), file("b", "small", new), file("c", "c", old)}
	turned := []fixtures.Entry{one[2], one[1], one[0]}
	mode := []fixtures.Entry{file("a", big, old), file("b", "small", old), file("c", "c", old)}
	mode[2].Mode = 0o600
	moved := []fixtures.Entry{file("elsewhere/a", big, old), file("d", other, old)}
	f := &fleetOf{t: t, tocs: map[layer.DiffID]*layer.TOC{}}
	base := fixtures.NewLayer("", file("base", "base", old))
	f.add("a:1", base, fixtures.NewLayer("", one...))
	f.add("b:1", base, fixtures.NewLayer("", later...))
	f.add("c:1", fixtures.NewLayer(fixtures.None, one...))
	f.add("d:1", fixtures.NewLayer("", turned...))
	f.add("e:1", fixtures.NewLayer("", mode...))
	f.add("f:1", fixtures.NewLayer("", moved...))
	f.add("g:1", fixtures.NewLayer("", file("d", other, old)), fixtures.NewLayer("", file("again", other, old)))
	r := f.report()
	var got []string
	for _, n := range r.Near {
		for _, l := range n.Layers {
			got = append(got, fmt.Sprintf("%s/%d %s %d", l.Image, l.Layer, l.Differs, l.OtherTimes))
		}
		got = append(got, fmt.Sprint(*n.Saved.Unpacked))
	}
	want := []string{"c:1/1  0", "d:1/1 packing 0", "a:1/2 compression 0", "b:1/2 times 2", fmt.Sprint(2 * (len(big) + 6))}
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		t.Errorf("got %q, want %q", got, want)
	}
	// The big file lies in the group, in e:1 and in f:1; the other one in f:1 and, twice, in g:1.
	got = nil
	for _, f := range r.Files.Top {
		got = append(got, fmt.Sprintf("%s %d layers %d images %d", f.Path, f.Layers, f.Images, f.Saved))
	}
	want = []string{fmt.Sprintf("a 3 layers 6 images %d", 2*len(big)), fmt.Sprintf("again 2 layers 2 images %d", len(other))}
	if strings.Join(got, "; ") != strings.Join(want, "; ") || r.Files.Count != 2 || r.Files.Saved != int64(2*len(big)+len(other)) {
		t.Errorf("got %q, want %q; %+v", got, want, r.Files)
	}
}

// TestNearNeedsNoTables finds blobs of one tar by what manifests and configurations say.
func TestNearNeedsNoTables(t *testing.T) {
	var s Set
	for i, content := range []int64{100, 60, 80} {
		s.Add(Image{Names: []string{fmt.Sprint("n:", i)}, Digest: digest("image", i), Layers: []Layer{
			{Digest: digest("blob", i), DiffID: layer.DiffID(digest("tar", 1)), Content: content, Unpacked: Unknown},
		}})
	}
	r := s.Report()
	s.Near(r, NearOptions{})
	if len(r.Near) != 1 || len(r.Near[0].Layers) != 3 || r.Near[0].Saved.Content != 180 || r.Files != nil {
		t.Errorf("got %s", text(r.Near))
	}
}

// TestFilesAreBounded gives it more files than it keeps: it forgets the small ones, and
// says so, and what it keeps is exact.
func TestFilesAreBounded(t *testing.T) {
	var s Set
	const layers, files = 40, 20_000
	for i := range layers {
		id := layer.DiffID(digest("tar", i))
		s.Add(Image{Names: []string{fmt.Sprint("n:", i)}, Digest: digest("image", i), Layers: []Layer{{Digest: digest("blob", i), DiffID: id, Content: 1, Unpacked: 1}}})
		facts := Facts{Fingerprint: layer.Fingerprint{Content: layer.Digest{1, byte(i)}}}
		for n := range files {
			facts.Large = append(facts.Large, File{Digest: layer.Digest{2, byte(i), byte(n), byte(n >> 8)}, Size: LargeFile + int64(n)*10})
		}
		facts.Large = append(facts.Large, File{Digest: layer.Digest{3}, Size: 1 << 30, Path: "everywhere"}, File{Digest: layer.Digest{4}, Size: LargeFile, Path: "small"})
		s.Learn(id, facts)
	}
	if s.near.uses > mostUses || len(s.near.files) > mostUses {
		t.Errorf("%d uses of %d files are kept", s.near.uses, len(s.near.files))
	}
	r := s.Report()
	s.Near(r, NearOptions{})
	if r.Files.Least <= LargeFile || r.Files.Count != 1 || r.Files.Top[0].Layers != layers || r.Files.Saved != (layers-1)<<30 || len(r.Files.Top[0].Places) != mostPlaces {
		t.Errorf("got %s", text(r.Files))
	}
	if _, known := s.near.of[0]; !known || s.Knows(layer.DiffID(v1.Hash{})) {
		t.Error("it does not know what it knows")
	}
}
