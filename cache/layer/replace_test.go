package layer

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/layers/layers/fixtures"
)

// What a layer carries and then replaces is told to the byte, once.
func TestReplacedBytes(t *testing.T) {
	file := func(name string, size int) fixtures.Entry {
		return fixtures.Entry{Name: name, Body: string(make([]byte, size))}
	}
	link := func(name, target string) fixtures.Entry { return fixtures.Entry{Name: name, Type: '1', Link: target} }
	for name, c := range map[string]struct {
		entries []fixtures.Entry
		want    map[LintCode]int64
	}{
		"a file":             {[]fixtures.Entry{file("a", 5), file("a", 3)}, map[LintCode]int64{LintDuplicate: 5}},
		"a tree":             {[]fixtures.Entry{file("d/a", 5), file("d/e/b", 7), file("d", 1)}, map[LintCode]int64{LintReplacedDir: 12}},
		"a name is left":     {[]fixtures.Entry{file("d/a", 5), file("d/b", 7), link("l", "d/a"), file("d", 1)}, map[LintCode]int64{LintReplacedDir: 7}},
		"both names":         {[]fixtures.Entry{file("d/a", 5), link("d/b", "d/a"), file("d", 1)}, map[LintCode]int64{LintReplacedDir: 5}},
		"the last name":      {[]fixtures.Entry{file("d/a", 5), link("l", "d/a"), file("d", 1), file("l", 1)}, map[LintCode]int64{LintReplacedDir: 0, LintDuplicate: 5}},
		"a tree twice":       {[]fixtures.Entry{file("d/a", 5), file("d", 1), file("d/a", 3), file("d", 2)}, map[LintCode]int64{LintReplacedDir: 5 + 3, LintDuplicate: 1}},
		"a tree in a tree":   {[]fixtures.Entry{file("d/e/a", 5), file("d/e", 2), file("d", 1)}, map[LintCode]int64{LintReplacedDir: 5 + 2}},
		"a directory again":  {[]fixtures.Entry{{Name: "d/"}, file("d/a", 5), {Name: "d/"}}, map[LintCode]int64{LintDuplicate: 0}},
		"a link that stayed": {[]fixtures.Entry{file("a", 5), link("b", "a"), file("a", 1)}, map[LintCode]int64{LintDuplicate: 0}},
	} {
		lints, _ := stack(t, c.entries)[0].Lints()
		got := map[LintCode]int64{}
		for _, l := range lints {
			got[l.Code] += l.Bytes
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
		for code, bytes := range c.want {
			if got[code] != bytes {
				t.Errorf("%s: %s carries %d bytes, want %d", name, code, got[code], bytes)
			}
		}
	}
}

// A record that cannot be read back is an error, and not a file without bytes.
func TestReplacedUnreadable(t *testing.T) {
	b := newBuilder(t.TempDir(), Limits{}.WithDefaults())
	h := &Header{Name: []byte("a"), Type: '0', Size: 5}
	if err := b.add(h, make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "spool"))
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	b.spool = spool{file: file, filed: b.spool.size(), pages: map[int64]*spoolPage{}}
	if err := b.add(h, make([]byte, 32)); err == nil {
		t.Error("no error")
	}
}
