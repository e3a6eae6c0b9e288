//go:build corpus

package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/layers/layers/cmd/export"
	"github.com/layers/layers/inspect/fleet"
)

// duck is DuckDB in a directory with exported tables.
type duck struct {
	t            *testing.T
	home, script string
	dir          string
}

// newDuck finds the DuckDB that .ci/run installs.
func newDuck(t *testing.T, dir string) *duck {
	t.Helper()
	home := os.Getenv("LAYERS_TEST_DUCKDB")
	if home == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		home = filepath.Join(user, ".cache/layers-corpus/duckdb")
	}
	if _, err := os.Stat(filepath.Join(home, "node_modules/@duckdb/node-api")); err != nil {
		t.Fatalf("DuckDB is not there: .ci/run duckdb installs it (LAYERS_TEST_DUCKDB is another place): %v", err)
	}
	script, err := filepath.Abs("testdata/duckdb.mjs")
	if err != nil {
		t.Fatal(err)
	}
	return &duck{t: t, home: home, script: script, dir: dir}
}

// ask runs a query into rows, whose numbers are strings in JSON.
func (d *duck) ask(query string, rows any) {
	d.t.Helper()
	c := exec.Command("node", d.script, d.home)
	c.Dir, c.Stdin, c.Stderr = d.dir, strings.NewReader(query), os.Stderr
	out, err := c.Output()
	if err != nil {
		d.t.Fatalf("%v\n%s", err, query)
	}
	if err := json.Unmarshal(out, rows); err != nil {
		d.t.Fatalf("%v\n%s\n%s", err, query, out)
	}
}

// number is the one number, as n, that a query gives.
func (d *duck) number(query string) int64 {
	d.t.Helper()
	var rows []struct {
		N int64 `json:",string"`
	}
	if d.ask(query, &rows); len(rows) != 1 {
		d.t.Fatalf("%d rows: %s", len(rows), query)
	}
	return rows[0].N
}

var corpusImages = []string{
	"debian:bookworm-slim", "python:3.10", "python:3.11", "python:zstd", "app:main", "app:pr", "node:1", "node:2",
	"wasteful:1", "many:100", "static:1", "static:2", "rpm:1",
}

// TestDuckDBHasTheSameSums exports the corpus and has DuckDB compute from the layers and
// the files what the report says.
func TestDuckDBHasTheSameSums(t *testing.T) {
	program, host, dir := built(t), corpusHost(t), t.TempDir()
	t.Setenv("LAYERS_STORE", filepath.Join(t.TempDir(), "store"))
	args := []string{"base", "-f", "json", "--export", filepath.Join(dir, "fleet.parquet")}
	for _, name := range corpusImages {
		args = append(args, host+"/"+name)
	}
	var r fleet.Report
	if err := json.Unmarshal([]byte(output(t, program, args...)), &r); err != nil {
		t.Fatal(err)
	}
	d, all := newDuck(t, dir), queries(t)
	d.checkTotals(&r, all["together.sql"])
	d.checkAlone(&r, all["alone.sql"])
	d.checkFiles(program, host)
	d.checkCopies(all["copies.sql"])

	again := filepath.Join(t.TempDir(), "fleet.parquet")
	args[4] = again
	output(t, program, args...)
	for _, table := range []string{"images", "layers", "files"} {
		first, err := os.ReadFile(filepath.Join(dir, "fleet."+table+".parquet"))
		second, err2 := os.ReadFile(strings.TrimSuffix(again, "parquet") + table + ".parquet")
		if err := cmp.Or(err, err2); err != nil || !bytes.Equal(first, second) {
			t.Errorf("%s: two runs are not the same bytes, %v", table, err)
		}
	}
}

// checkTotals compares sums over all images.
func (d *duck) checkTotals(r *fleet.Report, together string) {
	d.t.Helper()
	var sums []struct {
		Before, After int64 `json:",string"`
	}
	d.ask(together, &sums)
	if len(sums) != 1 || sums[0].Before != r.Totals.Before.Content || sums[0].After != r.Totals.After.Content {
		d.t.Errorf("together: %v, and the report has %+v", sums, r.Totals)
	}
	for query, want := range map[string]int64{
		"SELECT count(*) AS n FROM 'fleet.images.parquet'":                                                               int64(r.Totals.Images),
		"SELECT count(*) AS n FROM 'fleet.layers.parquet'":                                                               int64(r.Totals.Layers),
		"SELECT count(DISTINCT digest) AS n FROM 'fleet.layers.parquet'":                                                 int64(r.Totals.DistinctBlobs),
		"SELECT count(DISTINCT diff_id) AS n FROM 'fleet.files.parquet'":                                                 int64(r.Totals.DistinctLayers),
		"SELECT sum(unpacked) AS n FROM (SELECT DISTINCT diff_id, unpacked FROM 'fleet.layers.parquet')":                 *r.Totals.After.Unpacked,
		"SELECT sum(unpacked) AS n FROM 'fleet.files.parquet'":                                                           *r.Totals.After.Unpacked,
		"SELECT sum(proportional_content) AS n FROM 'fleet.images.parquet'":                                              r.Totals.After.Content,
		"SELECT sum(proportional_unpacked) AS n FROM 'fleet.images.parquet'":                                             *r.Totals.After.Unpacked,
		"SELECT sum(unpacked) AS n FROM 'fleet.images.parquet'":                                                          *r.Totals.Before.Unpacked,
		"SELECT count(*) AS n FROM 'fleet.images.parquet' WHERE content != exclusive_content + shared_content":           0,
		"SELECT count(*) AS n FROM 'fleet.images.parquet' WHERE base NOT IN (SELECT digest FROM 'fleet.images.parquet')": 0,
	} {
		if got := d.number(query); got != want {
			d.t.Errorf("%d, not %d: %s", got, want, query)
		}
	}
}

// checkAlone compares what goes with each image.
func (d *duck) checkAlone(r *fleet.Report, alone string) {
	d.t.Helper()
	want := map[string]int64{}
	var walk func(nodes []*fleet.Node)
	walk = func(nodes []*fleet.Node) {
		for _, n := range nodes {
			for _, m := range n.Images {
				want[m.Digest] = m.Exclusive.Content
			}
			walk(n.Children)
		}
	}
	walk(r.Roots)
	var rows []struct {
		Names  []string
		Digest string
		Freed  int64 `json:",string"`
	}
	d.ask(alone, &rows)
	for _, row := range rows {
		if len(row.Names) == 0 || want[row.Digest] != row.Freed {
			d.t.Errorf("%v: %d, and the report has %d", row.Names, row.Freed, want[row.Digest])
		}
	}
	if len(rows) != len(want) || len(want) == 0 {
		d.t.Errorf("%d images of %d", len(rows), len(want))
	}
}

// checkFiles compares the files of each layer with its row, and those of an image's bottom
// layer with what layers ls has.
func (d *duck) checkFiles(program, host string) {
	d.t.Helper()
	wrong := d.number(`SELECT count(*) AS n FROM (SELECT DISTINCT diff_id, unpacked, files, whiteouts FROM 'fleet.layers.parquet') l
		LEFT JOIN (SELECT diff_id, sum(unpacked) AS unpacked, count(*) FILTER (kind NOT IN ('dir', 'absent')) AS files FROM 'fleet.files.parquet' GROUP BY diff_id) f USING (diff_id)
		WHERE l.unpacked IS DISTINCT FROM f.unpacked OR l.files IS DISTINCT FROM f.files OR l.whiteouts IS NULL`)
	if wrong != 0 {
		d.t.Errorf("the files of %d layers are not what the layer has", wrong)
	}
	var rows []struct{ Path, Digest string }
	d.ask(`SELECT path, coalesce(digest, '') AS digest FROM 'fleet.files.parquet'
		JOIN (SELECT diff_id FROM 'fleet.layers.parquet' JOIN 'fleet.images.parquet' i ON image = i.digest
			WHERE number = 1 AND list_contains(names, '`+host+`/debian:bookworm-slim')) USING (diff_id)
		WHERE kind = 'file' ORDER BY path`, &rows)
	var got []string
	for _, row := range rows {
		got = append(got, row.Path+" "+row.Digest)
	}
	var want []string
	for line := range strings.Lines(output(d.t, program, "ls", "-R", "--layer", "1", "-f", "jsonl", host+"/debian:bookworm-slim")) {
		var row struct{ Path, Kind, Digest string }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			d.t.Fatal(err)
		}
		if row.Kind == "file" {
			want = append(want, row.Path+" "+row.Digest)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || len(want) == 0 {
		d.t.Errorf("%d files, and layers ls has %d", len(got), len(want))
	}
}

// checkCopies compares what one copy of files would save with what a look at every file
// says.
func (d *duck) checkCopies(copies string) {
	d.t.Helper()
	files, err := parquet.ReadFile[export.File](filepath.Join(d.dir, "fleet.files.parquet"))
	if err != nil {
		d.t.Fatal(err)
	}
	sizes, layers, path := map[string]int64{}, map[string]map[string]bool{}, map[string]string{}
	for _, f := range files {
		if f.Kind != "file" {
			continue
		}
		at := *f.Digest
		if layers[at] == nil {
			layers[at], path[at] = map[string]bool{}, f.Path
		}
		sizes[at], path[at] = *f.Size, min(path[at], f.Path)
		layers[at][f.DiffID] = true
	}
	type copied struct {
		Path          string
		Layers, Saved int64 `json:",string"`
	}
	var want, got []copied
	for at, in := range layers {
		if n := int64(len(in)); n > 1 {
			want = append(want, copied{path[at], n, (n - 1) * sizes[at]})
		}
	}
	slices.SortFunc(want, func(a, b copied) int { return cmp.Or(cmp.Compare(b.Saved, a.Saved), cmp.Compare(a.Path, b.Path)) })
	if d.ask(copies, &got); !slices.Equal(got, want[:10]) {
		d.t.Errorf("copies:\n%v\nand the files have\n%v", got, want[:10])
	}
}
