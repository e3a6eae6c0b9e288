package export

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unicode/utf8"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/fixtures"
)

// tocOf reads a layer as the store would; nil if it is refused.
func tocOf(t testing.TB, l *fixtures.Layer) *layer.TOC {
	t.Helper()
	blob, err := l.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	var toc bytes.Buffer
	if _, err := layer.Index(t.Context(), blob, layer.Outputs{TOC: &toc}, layer.IndexOptions{}); err != nil {
		return nil
	}
	read, err := layer.ReadTOC(toc.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// check writes layers' entries and compares what is read back with them.
func check(t *testing.T, tocs ...*layer.TOC) {
	t.Helper()
	var to bytes.Buffer
	entries := Entries{Table: NewTable[File](&to)}
	for _, toc := range tocs {
		if err := entries.Add(toc); err != nil {
			t.Fatal(err)
		}
	}
	if err := entries.Table.Close(); err != nil {
		t.Fatal(err)
	}
	rows := readBack[File](t, to.Bytes())
	for _, toc := range tocs {
		unpacked := int64(0)
		for e, err := range toc.Entries("") {
			if err != nil || len(rows) == 0 {
				t.Fatal(err, len(rows))
			}
			checkRow(t, rows[0], toc.DiffID().String(), &e)
			unpacked += rows[0].Unpacked
			rows = rows[1:]
		}
		if unpacked != toc.Totals().Unpacked {
			t.Errorf("%d bytes of %d", unpacked, toc.Totals().Unpacked)
		}
	}
	if len(rows) > 0 {
		t.Errorf("%d rows more", len(rows))
	}
}

// exactly is what a column of text and that of its bytes stand for together.
func exactly(t *testing.T, text string, exact *[]byte) string {
	t.Helper()
	if !utf8.ValidString(text) || exact != nil && utf8.Valid(*exact) {
		t.Errorf("%q is with bytes: %t", text, exact != nil)
	}
	if exact != nil {
		return string(*exact)
	}
	return text
}

func checkRow(t *testing.T, row File, id string, e *layer.Entry) {
	t.Helper()
	if row.DiffID != id || exactly(t, row.Path, row.PathBytes) != e.Path || row.Kind != e.Kind.String() || row.Implied != e.Implied {
		t.Errorf("%+v is not %+v", row, e)
	}
	if attributes := e.Kind != layer.Absent && !e.Implied; (row.Mode != nil) != attributes || (row.MTime != nil) != attributes ||
		attributes && (*row.Mode != int32(e.Mode) || *row.UID != int64(e.UID) || *row.GID != int64(e.GID) || *row.MTime != e.ModTime.Sec || *row.MTimeNsec != e.ModTime.Nsec) {
		t.Errorf("attributes of %+v are not those of %+v", row, e)
	}
	if file := e.Kind == layer.File; (row.Size != nil) != file || (row.Digest != nil) != file || file && (*row.Size != e.Size || *row.Digest != e.Digest.String()) {
		t.Errorf("content of %+v is not that of %+v", row, e)
	}
	if link := e.Kind == layer.Symlink || e.Kind == layer.HardLink; (row.Link != nil) != link || link && exactly(t, *row.Link, row.LinkBytes) != e.Link {
		t.Errorf("link of %+v is not that of %+v", row, e)
	}
	if (row.LinkGroup != nil) != (e.Group > 0) || e.Group > 0 && *row.LinkGroup != int64(e.Group) {
		t.Errorf("names of %+v are not those of %+v", row, e)
	}
	if (row.Hides != nil) != (e.Hides != layer.HidesNothing) {
		t.Errorf("%+v hides what %+v does not", row, e)
	}
}

func TestOddLayers(t *testing.T) {
	read := 0
	for _, c := range fixtures.Odd() {
		for _, l := range c.Layers {
			if toc := tocOf(t, l); toc != nil {
				read++
				check(t, toc)
			}
		}
	}
	if read < 100 {
		t.Errorf("only %d layers", read)
	}
}

func TestRandomLayers(t *testing.T) {
	for seed := range uint64(60) {
		var tocs []*layer.TOC
		for _, entries := range fixtures.Random(rand.New(rand.NewPCG(seed, 3)), fixtures.RandomOptions{Odd: seed%2 == 0}) {
			if toc := tocOf(t, fixtures.NewLayer(fixtures.Gzip, entries...)); toc != nil {
				tocs = append(tocs, toc)
			}
		}
		check(t, tocs...)
	}
}

func FuzzFile(f *testing.F) {
	f.Add("usr/bin/a\xffb", "../x\xfe", uint8(layer.Symlink), uint32(0o4755), int64(-62135596801), uint32(0))
	f.Add("", "", uint8(layer.Dir), uint32(0o755), int64(0), uint32(0))
	f.Add("a\nb\x1b[0m", "", uint8(layer.File), uint32(0o7777), int64(1<<62), uint32(1<<32-1))
	f.Add(".wh.\uFFFD", "", uint8(layer.Absent), uint32(0), int64(-1<<63), uint32(7))
	f.Fuzz(func(t *testing.T, path, link string, kind uint8, mode uint32, sec int64, number uint32) {
		e := layer.Entry{
			Path: path, Link: link, Kind: layer.Kind(kind % 8), Mode: mode & 0o7777, UID: number, GID: ^number, Size: sec &^ (-1 << 63),
			ModTime: layer.Time{Sec: sec}, Group: number, Digest: layer.Digest{1}, Hides: layer.Hides(number % 3),
		}
		checkRow(t, tableOf(t, []File{fileOf("sha256:x", &e)})[0], "sha256:x", &e)
	})
}

func BenchmarkEntries(b *testing.B) {
	var all []fixtures.Entry
	for i := range 20_000 {
		all = append(all, fixtures.Entry{Name: "usr/share/" + string(rune('a'+i%26)) + "/" + fixtures.Epoch.AddDate(0, 0, i).Format("2006-01-02"), Body: "x"})
	}
	toc := tocOf(b, fixtures.NewLayer(fixtures.Gzip, all...))
	for b.Loop() {
		entries := Entries{Table: NewTable[File](&bytes.Buffer{})}
		if err := entries.Add(toc); err != nil {
			b.Fatal(err)
		}
		if err := entries.Table.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/20_000, "ns/file")
}
