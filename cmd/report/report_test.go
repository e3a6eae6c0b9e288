package report

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/diff"
	"github.com/layers/layers/fixtures"
	"github.com/layers/layers/inspect"
	"github.com/layers/layers/inspect/fleet"
	"github.com/layers/layers/inspect/packages"
)

var now = fixtures.Epoch.Add(5 * 24 * time.Hour)

// open reads an image as the store would.
func open(t testing.TB, img v1.Image) inspect.Input {
	t.Helper()
	in := inspect.Input{Name: "test:1"}
	var err error
	if in.Digest, err = img.Digest(); err != nil {
		t.Fatal(err)
	}
	if in.Manifest, err = img.Manifest(); err != nil {
		t.Fatal(err)
	}
	if in.Config, err = img.ConfigFile(); err != nil {
		t.Fatal(err)
	}
	in.Platform = *in.Config.Platform()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		in.Layers = append(in.Layers, index(t, l))
	}
	return in
}

func index(t testing.TB, l v1.Layer) inspect.Layer {
	t.Helper()
	blob, err := l.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	var toc, extents, kept bytes.Buffer
	out := layer.Outputs{TOC: &toc, Extents: &extents, Kept: &kept}
	if _, err := layer.Index(context.Background(), blob, out, layer.IndexOptions{}); err != nil {
		t.Fatal(err)
	}
	var read inspect.Layer
	if read.TOC, err = layer.ReadTOC(toc.Bytes()); err != nil {
		t.Fatal(err)
	}
	if read.Extents, err = layer.ReadExtents(extents.Bytes()); err != nil {
		t.Fatal(err)
	}
	if read.Kept, err = layer.ReadKept(kept.Bytes()); err != nil {
		t.Fatal(err)
	}
	return read
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// reports makes one of each report on an image.
func reports(in inspect.Input) map[string]any {
	ctx := context.Background()
	all := map[string]any{}
	image := must(inspect.Image(ctx, in, inspect.Options{}))
	all["inspect"] = image
	all["reclaimable"] = image.ReclaimableReport()
	all["dirs"] = must(inspect.Dirs(ctx, in, inspect.DirsOptions{By: inspect.ByContent, Limit: 2}))
	all["ls"] = must(inspect.List(ctx, in, "/", inspect.ListOptions{Recursive: true}))
	all["images"] = fleet.Images([]fleet.StoredImage{
		{Name: "a:1", Digest: in.Digest, Platform: in.Platform, Origin: "docker-archive", Layers: []fleet.Layer{{Content: 7}}},
		{Digest: in.Manifest.Config.Digest, Created: fixtures.Epoch, Pulled: now},
	}, fleet.ByName)
	all["df"], all["plan"], all["bump"] = stores()
	all["base"], all["no base"] = baseReport(in, true), baseReport(in, false)
	all["pull plan"] = pullPlan(in)
	for i := range in.Layers {
		all[fmt.Sprint("layer ", i+1)] = must(inspect.OneLayer(ctx, in, i+1, inspect.LayerOptions{}))
		all[fmt.Sprint("ls ", i+1)] = must(inspect.List(ctx, in, "/", inspect.ListOptions{Layer: i + 1, Recursive: true, Limit: 3}))
		all[fmt.Sprint("dirs ", i+1)] = must(inspect.Dirs(ctx, in, inspect.DirsOptions{Layer: i + 1}))
	}
	tree := layer.Squash(func() (tocs []*layer.TOC) {
		for _, l := range in.Layers {
			tocs = append(tocs, l.TOC)
		}
		return tocs
	}())
	for versions, err := range tree.Versions("") {
		path := must(versions, err)[0].Path
		if len(all) > 30 { // enough of the rest
			break
		}
		if r, err := inspect.Why(ctx, in, path); err == nil {
			all["why "+path] = r
		}
	}
	all["base tree"] = baseTree(in)
	all["suggestions"], all["more suggestions"] = baseSet(in).Suggest(), suggested()
	lower := in
	lower.Layers, lower.Manifest = nil, &v1.Manifest{}
	lower.Config = &v1.ConfigFile{Config: v1.Config{Env: []string{"A=\x1b[31m", "TOKEN=x"}, User: "\u202e", Labels: map[string]string{"a|b": "c\nd"}}}
	for name, r := range diffs(side(&lower), side(&in)) {
		all["diff to: "+name] = r
	}
	for name, r := range diffs(side(&in), side(&lower)) {
		all["diff from: "+name] = r
	}
	return all
}

// baseReport is what an image is built on, with all that can be said of it.
func baseReport(in inspect.Input, found bool) *inspect.BaseReport {
	const evil = "evil\x1b[2J\n|name|\u202e"
	known := inspect.BaseInput{
		Name: in.Name, Digest: in.Digest, Platform: in.Platform, Manifest: in.Manifest, Config: in.Config,
		Unpacked: make([]*int64, len(in.Layers)),
		Hints: []inspect.Hint{
			{Source: inspect.HintLabel, Name: evil, Digest: evil, Verdict: inspect.VerdictUnchecked, Sure: inspect.Likely, Reason: evil},
			{Source: inspect.HintHistory, Name: strings.Repeat("long", 100), Below: 1, Verdict: inspect.VerdictWrong, Reason: "its layers are not our lowest ones"},
			{Source: inspect.HintAnnotation, Digest: in.Digest.String(), Verdict: inspect.VerdictSame, Sure: inspect.SameDigest},
		},
	}
	for i, l := range in.Layers {
		sums := l.TOC.Totals()
		known.Unpacked[i] = &sums.Unpacked
		ids := inspect.DiffIDs(in.Config)[:i+1]
		for k, name := range []string{evil, strings.Repeat("name", 30), ""} {
			digest := v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%064x", 16*i+k)}
			known.Candidates = append(known.Candidates, inspect.Candidate{Name: name, DiffIDs: ids, Digest: digest, Index: &digest, From: inspect.FromSearch, Named: k == 1})
		}
	}
	if !found {
		known.Candidates = nil
		known.Unpacked = nil
	}
	r := inspect.FindBase(known)
	r.Now = []inspect.NameNow{
		{Name: evil, Was: in.Digest.String(), Now: in.Digest.String(), State: inspect.NowMoved, Move: inspect.MoveOf(in.Manifest.Layers, 1, nil, true)},
		{Name: evil, Was: in.Digest.String(), State: inspect.NowUnchecked, Reason: evil},
	}
	r.Searched = []inspect.Search{{Name: evil, Tags: 3, Asked: 2, Failed: 1, Error: evil}, {Name: "debian", Tags: 100000, Asked: 30}}
	return r
}

// pullPlan is a plan in which layers are in all states.
func pullPlan(in inspect.Input) *inspect.PullPlan {
	img := inspect.PullImage{Name: "evil\x1b[2J\n", Digest: in.Digest, Platform: in.Platform, Origin: "registry"}
	for i, d := range in.Manifest.Layers {
		img.Layers = append(img.Layers, inspect.PullLayer{Digest: d.Digest, Content: d.Size, Here: i == 0, Partial: int64(i % 2)})
	}
	return inspect.PlanPull([]inspect.PullImage{img, img})
}

// side is an image as package diff has it.
func side(in *inspect.Input) *diff.Image {
	i := &diff.Image{Name: in.Name, Digest: in.Digest, Platform: in.Platform.String(), Config: in.Config}
	history := inspect.ReadHistory(in.Config.History, len(in.Layers))
	var layers []packages.Layer
	for n, l := range in.Layers {
		of := diff.Layer{TOC: l.TOC, Digest: in.Manifest.Layers[n].Digest, Content: in.Manifest.Layers[n].Size, Number: n + 1}
		if s := history.Layers[n]; s != nil {
			of.Step = &diff.Step{Short: s.Short, CreatedBy: s.CreatedBy}
		}
		i.Layers = append(i.Layers, of)
		layers = append(layers, packages.Layer{TOC: l.TOC, Kept: l.Kept})
	}
	i.Packages = must(packages.Find(context.Background(), layers))
	i.Paths = func(ctx context.Context, of []packages.Package) ([][]string, error) {
		return packages.Paths(ctx, layers, of)
	}
	return i
}

// diffs makes one of each report on what changed.
func diffs(old, new *diff.Image) map[string]any {
	ctx := context.Background()
	r := must(diff.Compare(ctx, old, new, diff.Options{}))
	list := must(diff.List(ctx, old, new, diff.ListOptions{Renames: true}))
	return map[string]any{
		"diff": r, "layers": r.LayersReport(), "packages": r.PackagesReport(), "config": r.ConfigReport(),
		"files": list, "directories": must(list.Dirs(1)), "first": must(diff.List(ctx, old, new, diff.ListOptions{Limit: 1, Sort: diff.ByChange})),
		"same": must(diff.Same(ctx, old, new, diff.SameOptions{})), "trend": must(diff.Trend(ctx, []*diff.Image{old, new, old}, diff.Options{})),
	}
}

func write(t testing.TB, v any, o Options) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, v, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// hostile is an image whose names and steps try to do harm.
func hostile() v1.Image {
	return fixtures.Build([][]fixtures.Entry{
		{
			{Name: "a\x1b[2Jb", Body: "12345"}, {Name: "new\nline", Body: "x"}, {Name: "\xff\xfe", Body: "y"},
			{Name: "\u202egnp.exe", Body: "z"}, {Name: "a|b<c>`d`*e*", Body: "w"}, {Name: "世界世界", Body: "v"},
			{Name: "c1\u009b2J", Link: "to\u009b\x07"}, {Name: strings.Repeat("long", 50), Body: "q"},
			{Name: "=cmd()\",x", Body: "r"},
		},
		{{Name: ".wh.a\x1b[2Jb"}, {Name: ".wh.\xff\xfe"}, {Name: ".wh.new\nline"}, {Name: ".wh.a|b<c>`d`*e*"}, {Name: ".wh.\u202egnp.exe"}, {Name: ".wh.世界世界"}},
	}, fixtures.History(
		fixtures.Step{CreatedBy: "RUN /bin/sh -c \x1b]0;title\x07 make\nall | tee \u202e # buildkit"},
		fixtures.Step{CreatedBy: "ENV A=\x1b[31m|x|", Empty: true},
		fixtures.Step{CreatedBy: "RUN " + strings.Repeat("very long ", 50)},
	))
}

// Nothing that an image says reaches the output with a meaning of its own.
func TestHostileStringsAreEscaped(t *testing.T) {
	for name, r := range reports(open(t, hostile())) {
		for _, o := range []Options{
			{}, {NoTrunc: true}, {Long: true, ASCII: true}, {Format: JSON}, {Format: JSONL}, {Format: Markdown}, {Format: CSV},
			{Format: Template, Template: "{{.}}"},
		} {
			out := write(t, r, o)
			for _, c := range strings.ReplaceAll(out, "\n", "") {
				if !term.IsShown(c) {
					t.Errorf("%s as %q: %q in %q", name, o.Format, c, out)
					break
				}
			}
			if plain := strings.ReplaceAll(out, "\n", ""); o.ASCII && term.EscapeASCII(plain) != plain {
				t.Errorf("%s: not ASCII: %q", name, out)
			}
		}
	}
}

// No line of a table is wider than the terminal, but for lists of names, which are
// never cut.
func TestTablesFitTheTerminal(t *testing.T) {
	for name, r := range reports(open(t, hostile())) {
		if strings.HasPrefix(name, "ls") || strings.HasPrefix(name, "layer") || strings.HasPrefix(name, "why long") {
			continue
		}
		for _, o := range []Options{{}, {Width: 120}, {Width: 80, ASCII: true}} {
			for line := range strings.Lines(write(t, r, o)) {
				if w := Width(strings.TrimRight(line, "\n")); w > o.width() {
					t.Errorf("%s: %d columns of %d: %q", name, w, o.width(), line)
				}
			}
		}
	}
}

func TestImageTable(t *testing.T) {
	img := fixtures.Image(`
step /bin/sh -c #(nop) ADD file:226e963ef0a149b5fd00e32868620c3c074f4d5e04682db92e887af09605c253 in /
empty /bin/sh -c #(nop)  CMD ["bash"]
step RUN /bin/sh -c apt-get update && apt-get install -y curl # buildkit
step RUN /bin/sh -c rm -rf /opt # buildkit
-- 0/etc/os-release --
PRETTY_NAME="Test Linux 1"
-- 0/opt/big [size=3000000] --
-- 1/opt/big [size=3000000] --
-- 1/usr/bin/curl [size=1234567] --
-- 2/.wh.opt --
`)
	in := open(t, img)
	in.Bases = []inspect.Candidate{{Name: "base:1", DiffIDs: []layer.DiffID{in.Layers[0].TOC.DiffID()}}}
	r := must(inspect.Image(context.Background(), in, inspect.Options{}))
	for i := range r.Layers { // what a compressor makes of it may change
		r.Layers[i].Content, r.Layers[i].Digest = int64(1000*i+7), fmt.Sprintf("sha256:%064d", i)
	}
	r.Totals.Content, r.Image.Digest = 3021, "sha256:"+strings.Repeat("ab", 32)
	r.Base.Content, r.Own.Content = 7, 3014
	const want = `test:1   linux/amd64   sha256:abab…abab   5 days old   Test Linux 1
3.02 kB content   7.23 MB unpacked   3 layers   6.00 MB reclaimable (82.9 %)
base base:1 (1 of 3 layers)
base 7 B content, 3.00 MB unpacked   own 3.01 kB content, 4.23 MB unpacked

#  DIGEST        CONTENT  UNPACKED  SHARE         FILES  CREATED BY
1  000000000000      7 B   3.00 MB  ████▎   41 %      2  ADD file:226e963ef0a1…
2  000000000000  1.01 kB   4.23 MB  ██████  59 %      2  apt-get install curl
3  000000000000  2.01 kB       0 B           0 %      0  rm -rf /opt

Reclaimable 6.00 MB, which later layers hide (layer → hidden by):
  2 ×  3.00 MB  /opt/big  1, 2 → 2, 3

1 step without a layer: CMD ["bash"]
`
	if got := write(t, r, Options{Now: now}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A long list looks as a short one does.
func TestStreamedRowsLookAsDrawn(t *testing.T) {
	r := must(inspect.List(context.Background(), open(t, hostile()), "/", inspect.ListOptions{Recursive: true}))
	o := Options{Long: true}
	s := listTable(r, o).shown()
	var rows [][]string
	for row, err := range s.Rows {
		rows = append(rows, texts(must(row, err)))
	}
	var drawnOut, streamed bytes.Buffer
	p := newPrinter(&drawnOut, o)
	if err := s.draw(p, rows, o); err != nil {
		t.Fatal(err)
	}
	q := newPrinter(&streamed, o)
	s.stream(q, append([][]string{s.titles()}, rows...), s.widths(rows, o), o)
	if p.flush() != nil || q.flush() != nil || drawnOut.String() != streamed.String() {
		t.Errorf("drawn\n%s\nstreamed\n%s", &drawnOut, &streamed)
	}
}

func TestLongListIsStreamedWhole(t *testing.T) {
	var entries []fixtures.Entry
	for i := range 3 * drawn {
		entries = append(entries, fixtures.Entry{Name: fmt.Sprintf("f%04d", i)})
	}
	in := open(t, fixtures.Build([][]fixtures.Entry{entries}))
	r := must(inspect.List(context.Background(), in, "/", inspect.ListOptions{}))
	if got := strings.Count(write(t, r, Options{}), "\n"); got != len(entries) {
		t.Errorf("%d lines of %d", got, len(entries))
	}
	if got := strings.Count(write(t, r, Options{Long: true}), "\n"); got != len(entries)+1 {
		t.Errorf("%d lines of %d and a heading", got, len(entries))
	}
	if got := strings.Count(write(t, r, Options{Format: Template, Template: "{{.Path}}"}), "\n"); got != len(entries) {
		t.Errorf("%d rows of %d by template", got, len(entries))
	}
}

func BenchmarkListLong(b *testing.B) {
	var entries []fixtures.Entry
	for i := range 20000 {
		entries = append(entries, fixtures.Entry{Name: fmt.Sprintf("d%02d/f%05d", i/1000, i)})
	}
	in := open(b, fixtures.Build([][]fixtures.Entry{entries}))
	for _, f := range []Format{Text, JSON, CSV} {
		b.Run(string(f), func(b *testing.B) {
			for b.Loop() {
				r := must(inspect.List(context.Background(), in, "/", inspect.ListOptions{Recursive: true}))
				write(b, r, Options{Long: true, Format: f})
			}
		})
	}
}
