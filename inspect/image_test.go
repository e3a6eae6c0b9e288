package inspect

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

func image(t *testing.T, in Input) *Report {
	t.Helper()
	r, err := Image(t.Context(), in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What later layers hide, in all the ways there are.
func TestReclaimable(t *testing.T) {
	in := open(t, fixtures.Image(`
-- 0/opt/d/copy [size=1000] --
-- 0/opt/kept [size=1] --
-- 0/etc/conf [size=30] --
-- 0/srv/old [size=200] --
-- 0/mode [size=50] --
-- 1/etc/conf [size=31] --
-- 1/.wh.gone --
-- 1/mode [size=50 mode=600] --
-- 2/etc/conf [size=32] --
-- 2/opt/.wh.d --
-- 2/srv/.wh..wh..opq --
-- 2/srv/new [size=5] --
`))
	r := image(t, in)
	want := []Hidden{
		{Named: layer.Name("opt/d/copy"), Bytes: 1000, Copies: []HiddenCopy{{Layer: 1, HiddenBy: 3, Bytes: 1000}}},
		{Named: layer.Name("srv/old"), Bytes: 200, Copies: []HiddenCopy{{Layer: 1, HiddenBy: 3, Bytes: 200}}},
		{Named: layer.Name("etc/conf"), Bytes: 61, Copies: []HiddenCopy{{Layer: 1, HiddenBy: 2, Bytes: 30}, {Layer: 2, HiddenBy: 3, Bytes: 31}}},
		{Named: layer.Name("mode"), Bytes: 50, Copies: []HiddenCopy{{Layer: 1, HiddenBy: 2, Bytes: 50}}},
	}
	if got := r.Reclaimable; got.Bytes != 1311 || got.Copies != 5 || got.Paths != 4 || !reflect.DeepEqual(unmeasured(got.Top), want) {
		t.Errorf("got %+v", got)
	}
	if l := r.Layers[1].Lints; l == nil || l.Codes[layer.LintUselessWhiteout] != 1 {
		t.Errorf("lints of layer 2: %+v", l)
	}
}

// A file of several names is one copy, and joins the other copies of its path.
func TestReclaimableOfLinks(t *testing.T) {
	linked := []fixtures.Entry{{Name: "a", Body: "12345"}, {Name: "z", Type: '1', Link: "a"}}
	in := open(t, fixtures.Build([][]fixtures.Entry{
		linked, {{Name: "a", Body: "123"}}, {{Name: ".wh.a"}, {Name: ".wh.z"}},
	}))
	want := []Hidden{{Named: layer.Name("a"), Bytes: 8, Copies: []HiddenCopy{{Layer: 1, HiddenBy: 3, Bytes: 5, Names: 2}, {Layer: 2, HiddenBy: 3, Bytes: 3}}}}
	if got := unmeasured(image(t, in).Reclaimable.Top); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestMemoIsUsedAndNotTrusted(t *testing.T) {
	in := open(t, fixtures.Build([][]fixtures.Entry{{{Name: "\xff", Body: "12"}}, {{Name: ".wh.\xff"}}}))
	kept := map[string][]byte{}
	in.Memo = memory(kept)
	first := image(t, in)
	if len(kept) != 1 {
		t.Fatalf("%d memos", len(kept))
	}
	if again := image(t, in); !reflect.DeepEqual(first, again) || again.Reclaimable.Top[0].Path != "\xff" {
		t.Errorf("first %+v, then %+v", first.Reclaimable, again.Reclaimable)
	}
	for _, bad := range []string{"", "{}", `{"Bytes":[1],"Lints":[{}]}`, "null"} {
		for key := range kept {
			kept[key] = []byte(bad)
		}
		if again := image(t, in); !reflect.DeepEqual(first, again) {
			t.Errorf("with %q kept: %+v", bad, again.Reclaimable)
		}
	}
}

func TestBaseIsTheLongestProperPrefix(t *testing.T) {
	in := open(t, fixtures.Image("-- 0/a --\n-- 1/b --\n-- 2/c --\n"))
	ids := in.diffIDs()
	in.Bases = []Candidate{
		{Name: "none"}, {Name: "one:1", DiffIDs: ids[:1]}, {Name: "two:2", DiffIDs: ids[:2]}, {Name: "two:1", DiffIDs: ids[:2]},
		{Name: "same:1", DiffIDs: ids}, {Name: "other", DiffIDs: []layer.DiffID{ids[1], ids[0]}},
	}
	r := image(t, in)
	want := &Base{Name: "two:1", Layers: 2, Sure: SameLayers, Content: in.Manifest.Layers[0].Size + in.Manifest.Layers[1].Size}
	if !reflect.DeepEqual(r.Base, want) {
		t.Errorf("got %+v, want %+v", r.Base, want)
	}
	if !r.Layers[0].Base || !r.Layers[1].Base || r.Layers[2].Base {
		t.Errorf("marked: %v %v %v", r.Layers[0].Base, r.Layers[1].Base, r.Layers[2].Base)
	}
	in.Bases = in.Bases[4:]
	if b := image(t, in).Base; b != nil {
		t.Errorf("%+v is no base", b)
	}
}

func TestHistoryIsAttributed(t *testing.T) {
	in := open(t, fixtures.Image(`
empty ENV A=b
step RUN one
empty USER x
empty CMD y
step RUN two
-- 0/a --
-- 1/b --
`))
	r := image(t, in)
	if r.Layers[0].Step.Short != "one" || r.Layers[1].Step.Short != "two" || len(r.Notes) != 0 {
		t.Errorf("%+v %+v %+v", r.Layers[0].Step, r.Layers[1].Step, r.Notes)
	}
	var after []int
	for _, e := range r.Empty {
		after = append(after, e.After)
	}
	if !slices.Equal(after, []int{0, 1, 1}) {
		t.Errorf("the empty steps come after %v", after)
	}
}

func codes(r *Report) []NoteCode {
	var list []NoteCode
	for _, n := range r.Notes {
		list = append(list, n.Code)
	}
	return list
}

// What contradicts itself is said, and nothing is guessed from it.
func TestNotes(t *testing.T) {
	const two = "-- 0/a --\n-- 1/b --\n"
	for _, c := range []struct {
		name string
		img  v1.Image
		want []NoteCode
	}{
		{"short history", fixtures.Image("step RUN x\n" + two), []NoteCode{NoteHistory}},
		{"no history", fixtures.Image(two), []NoteCode{NoteNoHistory}},
		{"diff IDs", fixtures.Image("step x\nstep y\n"+two, fixtures.Config(func(c *v1.ConfigFile) {
			c.RootFS.DiffIDs[0], c.RootFS.DiffIDs[1] = c.RootFS.DiffIDs[1], c.RootFS.DiffIDs[0]
		})), []NoteCode{NoteDiffIDs, NoteDiffIDs}},
		{"one diff ID", fixtures.Image("step x\nstep y\n"+two, fixtures.Config(func(c *v1.ConfigFile) {
			c.RootFS.DiffIDs = c.RootFS.DiffIDs[:1]
		})), []NoteCode{NoteDiffIDs}},
		{"media type", fixtures.Image("step x\nstep y\n"+two, fixtures.Manifest(func(m *v1.Manifest) {
			m.Layers[1].MediaType = types.OCILayerZStd
		})), []NoteCode{NoteMediaType}},
		{"the same twice", fixtures.Image("step x\nstep y\n-- 0/a --\n-- 1/a --\n"), []NoteCode{NoteRepeated}},
		{"foreign", fixtures.Image("step x\nstep y\n"+two, fixtures.Manifest(func(m *v1.Manifest) {
			m.Layers[0].URLs = []string{"https://example.com/blob"}
		})), []NoteCode{NoteForeignBlob}},
		{"no layers", fixtures.Build(nil), nil},
	} {
		r := image(t, open(t, c.img))
		if got := codes(r); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, r.Notes, c.want)
		}
		for _, l := range r.Layers {
			if slices.Contains(c.want, NoteHistory) && l.Step != nil {
				t.Errorf("%s: layer %d has step %v", c.name, l.Number, l.Step)
			}
		}
	}
}

// A layer that stands in the stack twice is pulled once and hides itself.
func TestRepeatedLayer(t *testing.T) {
	r := image(t, open(t, fixtures.Image("-- 0/a [size=7] --\n-- 1/a [size=7] --\n")))
	if r.Totals.Content != r.Layers[0].Content || r.Totals.Unpacked != 14 || r.Reclaimable.Bytes != 7 {
		t.Errorf("%+v, %+v", r.Totals, r.Reclaimable)
	}
}

func TestNoLayers(t *testing.T) {
	in := open(t, fixtures.Build(nil))
	r := image(t, in)
	if r.Totals != (Totals{}) || len(r.Layers) != 0 || r.Reclaimable.Bytes != 0 {
		t.Errorf("%+v", r)
	}
	if got := rows(t, in, "/", ListOptions{}); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	if _, err := Dirs(t.Context(), in, DirsOptions{By: ByContent}); err != nil {
		t.Error(err)
	}
	if _, err := OneLayer(t.Context(), in, 1, LayerOptions{}); err == nil || !strings.Contains(err.Error(), "no layer 1") {
		t.Error(err)
	}
}

func TestConfig(t *testing.T) {
	in := open(t, fixtures.Image("-- 0/a --\n", fixtures.Config(func(c *v1.ConfigFile) {
		c.Config = v1.Config{
			Env: []string{"PATH=/bin", "TOKEN=secret", "EMPTY"}, Cmd: []string{"x"}, User: "1000", WorkingDir: "/w",
			ExposedPorts: map[string]struct{}{"80/tcp": {}, "443/tcp": {}}, Labels: map[string]string{"a": "b"},
		}
	})))
	want := Config{
		EnvNames: []string{"PATH", "TOKEN", "EMPTY"}, Cmd: []string{"x"}, User: "1000", WorkingDir: "/w",
		Ports: []string{"443/tcp", "80/tcp"}, Labels: map[string]string{"a": "b"},
	}
	if got := image(t, in).Config; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestDistribution(t *testing.T) {
	for text, want := range map[string]*Distribution{
		"-- 0/etc/os-release --\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n": {"Debian GNU/Linux 12 (bookworm)", "debian", "12"},
		"-- 0/etc/os-release -> ../usr/lib/os-release --\n-- 1/usr/lib/os-release --\nPRETTY_NAME='A \"B\"'\n":   {Name: `A "B"`},
		"-- 0/usr/lib/os-release --\n# comment\nID=x\\ y\n":                                                      {ID: "x y"},
		"-- 0/etc/os-release -> os-release --\n":                                                                 nil,
		"-- 0/etc/os-release --\nID=gone\n-- 1/etc/.wh.os-release --\n":                                          nil,
		"-- 0/etc/os-release/dir --\n":                                                                           nil,
		"-- 0/a --\n":                                                                                            nil,
	} {
		if got := image(t, open(t, fixtures.Image(text))).Image.Distribution; !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}
