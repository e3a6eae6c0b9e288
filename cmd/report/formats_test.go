package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/diff"
	"github.com/layers/layers/fixtures"
	"github.com/layers/layers/inspect"
)

func schemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	files := must(fs.Glob(Schemas, "schema/*.json"))
	for _, f := range files {
		doc := must(jsonschema.UnmarshalJSON(bytes.NewReader(must(Schemas.ReadFile(f)))))
		if err := c.AddResource("file:///"+f, doc); err != nil {
			t.Fatal(err)
		}
	}
	compiled := map[string]*jsonschema.Schema{}
	for _, f := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(f, "schema/"), ".json")
		compiled["layers."+name+"/v1"] = must(c.Compile("file:///" + f))
	}
	return compiled
}

// Every report on every odd image is one JSON document that fits its schema, and
// the same bytes each time.
func TestJSONFitsItsSchema(t *testing.T) {
	known := schemas(t)
	used := map[string]bool{}
	check := func(t *testing.T, name string, r any) {
		text := write(t, r, Options{Format: JSON})
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil || !strings.HasSuffix(text, "}\n") {
			t.Fatalf("%s: not one document: %v\n%s", name, err, text)
		}
		version, _ := doc.(map[string]any)["version"].(string)
		schema, ok := known[version]
		if !ok {
			t.Fatalf("%s: no schema for version %q", name, version)
		}
		used[version] = true
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
		if again := write(t, r, Options{Format: JSON}); again != text {
			t.Errorf("%s: two runs differ:\n%s\n%s", name, text, again)
		}
	}
	for name, r := range reports(open(t, hostile())) {
		check(t, name, r)
	}
	for name, r := range checkReports() {
		check(t, name, r)
	}
	check(t, "explained rules", explainedRules())
	check(t, "saved baseline", savedBaseline(t))
	for _, n := range fixtures.Demo() {
		for name, r := range reports(open(t, n.Image)) {
			check(t, name, r)
		}
	}
	for _, c := range fixtures.Odd() {
		if c.WantError {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			for name, r := range reports(open(t, fixtures.FromLayers(c.Layers))) {
				check(t, name, r)
			}
		})
	}
	delete(known, "layers.common/v1")
	for version := range known {
		if !used[version] {
			t.Errorf("no report has version %s", version)
		}
	}
}

// JSON gives back what went in, names that are not UTF-8 included.
func TestListingJSONKeepsNames(t *testing.T) {
	in := open(t, hostile())
	r := must(inspect.List(t.Context(), in, "/", inspect.ListOptions{Layer: 1}))
	var doc struct {
		Entries []struct {
			Path       string
			PathBase64 []byte
		}
	}
	if err := json.Unmarshal([]byte(write(t, r, Options{Format: JSON})), &doc); err != nil {
		t.Fatal(err)
	}
	i := 0
	for row, err := range r.Rows() {
		got := doc.Entries[i].Path
		if b := doc.Entries[i].PathBase64; b != nil {
			got = string(b)
		}
		if want := must(row, err).Path; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		i++
	}
	if text := write(t, r, Options{Format: JSON}); strings.Contains(text, `\u003c`) {
		t.Errorf("HTML is escaped: %s", text)
	}
}

func TestJSONLinesAreJSON(t *testing.T) {
	for name, r := range reports(open(t, hostile())) {
		for line := range strings.Lines(write(t, r, Options{Format: JSONL})) {
			if !json.Valid([]byte(line)) {
				t.Errorf("%s: %q", name, line)
			}
		}
	}
}

func TestCSVReadsBack(t *testing.T) {
	for name, r := range reports(open(t, hostile())) {
		records, err := csv.NewReader(strings.NewReader(write(t, r, Options{Format: CSV}))).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		table := must(tableOf(r, Options{Format: CSV}))
		rows := 0
		for _, err := range table.Rows {
			must(0, err)
			rows++
		}
		if len(records) != rows+1 {
			t.Errorf("%s: %d records of %d rows", name, len(records), rows)
		}
		for _, key := range records[0] {
			if key == "" {
				t.Errorf("%s: a column without a name: %q", name, records[0])
			}
		}
	}
}

// A path is written alike in CSV and in JSON lines.
func TestCSVHasThePathsOfJSON(t *testing.T) {
	compared := 0
	for name, r := range reports(open(t, hostile())) {
		records := must(csv.NewReader(strings.NewReader(write(t, r, Options{Format: CSV}))).ReadAll())
		column := slices.Index(records[0], "path")
		if column < 0 {
			continue
		}
		lines := strings.Split(write(t, r, Options{Format: JSONL}), "\n")
		for i, record := range records[1:] {
			var row struct {
				Path       string
				PathBase64 string
				Omitted    any
			}
			if err := json.Unmarshal([]byte(lines[i]), &row); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if row.PathBase64 != "" || row.Omitted != nil {
				continue
			}
			compared++
			if want := term.Escape(row.Path); record[column] != want {
				t.Errorf("%s: CSV has %q, JSON %q", name, record[column], want)
			}
		}
	}
	if compared < 20 {
		t.Errorf("only %d paths were compared", compared)
	}
}

// Markdown has one blank line between its parts, and none at the ends; what follows a
// table is not taken for a row of it.
func TestMarkdownParts(t *testing.T) {
	for name, r := range reports(open(t, hostile())) {
		text := write(t, r, Options{Format: Markdown})
		if strings.Contains(text, "\n\n\n") || strings.HasPrefix(text, "\n") || strings.HasSuffix(text, "\n\n") {
			t.Errorf("%s: blank lines: %q", name, text)
		}
		lines := strings.Split(text, "\n")
		for i, line := range lines[1:] {
			if row := strings.HasPrefix(lines[i], "|"); line == "" || lines[i] == "" || row == strings.HasPrefix(line, "|") {
				continue
			}
			t.Errorf("%s: no blank line between %q and %q", name, lines[i], line)
		}
		for _, line := range lines {
			if line != "" && strings.TrimSpace(line) == "" {
				t.Errorf("%s: a line of blanks", name)
			}
		}
	}
}

// Every row of a Markdown table has as many cells as its head.
func TestMarkdownRowsAreWhole(t *testing.T) {
	bars := func(line string) int { return strings.Count(line, "|") - strings.Count(line, `\|`) }
	for name, r := range reports(open(t, hostile())) {
		head := 0
		for line := range strings.Lines(write(t, r, Options{Format: Markdown})) {
			if !strings.HasPrefix(line, "|") {
				head = 0
				continue
			}
			if head == 0 {
				head = bars(line)
			}
			if bars(line) != head {
				t.Errorf("%s: %d bars of %d: %q", name, bars(line), head, line)
			}
			if strings.ContainsAny(line, "<`") && !strings.Contains(line, "\\`") {
				t.Errorf("%s: not escaped: %q", name, line)
			}
		}
	}
}

// A comment is never longer than one may be, whatever an image holds, and says what it
// leaves out.
func TestCommentsAreBounded(t *testing.T) {
	var entries []fixtures.Entry
	for n := range 600 {
		entries = append(entries, fixtures.Entry{Name: fmt.Sprint(n, strings.Repeat("世|", 60)), Body: strings.Repeat("x", n+1)})
	}
	in := open(t, fixtures.Build([][]fixtures.Entry{entries}))
	r := must(diff.Compare(t.Context(), &diff.Image{}, side(&in), diff.Options{Biggest: 1000}))
	text := write(t, r, Options{Format: Markdown})
	if n := utf8.RuneCountInString(text); n > mostMarkdown || n < mostMarkdown/2 {
		t.Errorf("%d characters", n)
	}
	if !strings.Contains(text, " rows more") || strings.Count(text, "<details>") != strings.Count(text, "</details>") {
		t.Errorf("it ends in %q", text[len(text)-300:])
	}
}

func TestTemplate(t *testing.T) {
	r := reports(open(t, hostile()))["inspect"]
	for _, c := range []struct{ template, want string }{
		{"{{.Image.Name}} {{len .Layers}}", "test:1 2\n"},
		{"{{range .Layers}}{{.Number}}\t{{bytes .Unpacked}}\n{{end}}", "1\t12 B\n2\t0 B\n"},
		{"{{json .Image.Platform}}", "\"linux/amd64\"\n"},
	} {
		if got := write(t, r, Options{Format: Template, Template: c.template}); got != c.want {
			t.Errorf("%s: got %q, want %q", c.template, got, c.want)
		}
	}
	for _, bad := range []string{"{{.Nothing}}", "{{", "{{bytes .Image}}"} {
		err := Write(new(bytes.Buffer), r, Options{Format: Template, Template: bad})
		if _, ok := err.(*TemplateError); !ok {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestContinuedCSVHasNoHead(t *testing.T) {
	r := reports(open(t, hostile()))["inspect"]
	whole := write(t, r, Options{Format: CSV})
	_, want, _ := strings.Cut(whole, "\n")
	if got := write(t, r, Options{Format: CSV, Continued: true}); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParseFormat(t *testing.T) {
	for in, want := range map[string]Format{"": Text, "json": JSON, "md": Markdown, "{{.X}}": Template, "csv": CSV} {
		if got, _, err := ParseFormat(in); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	if _, _, err := ParseFormat("yaml"); err == nil {
		t.Error("yaml is taken")
	}
}
