package policy

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// fits says whether a file fits the schema, as an editor says that has read its YAML.
func fits(t *testing.T, text string) error {
	t.Helper()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("file:///schema.json", schema); err != nil {
		t.Fatal(err)
	}
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		return err
	}
	dates(&n)
	var doc any
	if err := n.Decode(&doc); err != nil {
		return err
	}
	return c.MustCompile("file:///schema.json").Validate(doc)
}

// dates makes texts of dates, which YAML has had none of since version 1.2.
func dates(n *yaml.Node) {
	if n.Tag == "!!timestamp" {
		n.Tag = "!!str"
	}
	for _, c := range n.Content {
		dates(c)
	}
}

// unseen are mistakes that a schema cannot tell: what depends on another value, and what
// YAML says but not its data.
var unseen = []string{
	"two documents", "a merge key", "a template that is none", "a name that is no pattern", "a budget that is never reached",
	"percent of nothing", "a max that never decides", "a max that leaves an earlier one idle", "limits that are equal",
	"counts that never decide", "both and either", "what is required and forbidden", "bases of which no image has both",
	"users of which no image is both", "a platform that is not checked", "an anchor that is not there", "names that say little",
	"a waiver of a usual rule",
}

func TestTheSchemaRefusesWhatParseRefuses(t *testing.T) {
	for _, c := range wrongFiles {
		seen := fits(t, c.text) != nil
		if exempt := slices.Contains(unseen, c.name); seen == exempt {
			t.Errorf("%s: refused by the schema: %t", c.name, seen)
		}
	}
}

// judged are rules, a line each, of which Parse and the schema must think the same.
const judged = `
max: 5MB
max: 5 MB
max: 5  MB
max: 5mib
max: 5Mi
max: 5k
max: 5
max: 0
max: 5.5MB
max: 5.MB
max: .5MB
max: -5MB
max: 5 MBs
max: 5M%
max: true
max: [5MB]
max: {size: 5MB}
max: 5MB, of: unpacked
max: 5MB, of: packed
max: 5%, within: own
max: 5MB, within: all
max: 5MB, within: {layer: 1}
max: 5MB, within: {layer: 0}
max: 5MB, within: {layer: 1, step: x}
max: 5MB, within: {step: "RUN pip *"}
max: 5MB, within: {path: "app/**"}
max: 5MB, within: {path: "../x"}
max: 5MB, within: {package: deb}
max: 5MB, within: {package: python/torch*}
max: 5MB, within: {package: cobol}
max: 5MB, within: {}
max: 5MB, since: baseline
max: 5MB, everywhere: true
max: 5MB, growth: 5MB
max: 5MB, level: warn
max: 5MB, level: error
max: 5MB, name: x, why: y
max: 5MB, name: ""
max: 5MB, whi: y
growth: 5MB and 3%
growth: 5MB or 3%
growth: "5MB,3%"
growth: "5MB, 3%"
growth: 3% and 5MB
growth: 5MB und 3%
growth: 250 %
growth: 5MB, since: baseline, of: content, within: own
growth: 5MB, since: yesterday
layers: 1
layers: 0
layers: 2.5
layers: "3"
layers: 99999999999
reclaimable: 10MB or 5%
reclaimable: 10MB, within: own
forbid: .git
forbid: /.git
forbid: .git/
forbid: ""
forbid: /
forbid: ..
forbid: a/./b
forbid: a//b
forbid: .../a
forbid: [a, b]
forbid: []
forbid: [a, 5]
forbid: {}
forbid: {setuid: true}
forbid: {setuid: false}
forbid: {secrets: yes}
forbid: {paths: [a]}
forbid: {paths: a, secrets: false}
forbid: a, everywhere: true, within: own
forbid: a, everywhere: 1
forbid: a, since: baseline
require: etc/os-release
require: [etc/os-release], within: {layer: 1}
require: {paths: x}
base: debian
base: [debian, alpine]
base: {is: debian, max-age: 90d, pinned: true}
base: {pinned: false}
base: {max-age: 90}
base: {max-age: 0d}
base: {max-age: 1d}
base: {}
rebuilt-for-nothing: 0
rebuilt-for-nothing: 3, since: baseline
rebuilt-for-nothing: -1
fetch: 30MB
fetch: 0
fetch: 30MB, of: unpacked
duplicate: 5MB
user: non-root
user: 1000
user: 4294967295
user: -1
user: app:app
user: [app, 1000]
user: []
platforms: linux/amd64
platforms: [linux/amd64, linux/arm/v7]
platforms: [linux/amd64, linux/amd64]
platforms: linux
frobnicate: 5
level: warn
`

func TestTheSchemaAndParseThinkTheSame(t *testing.T) {
	right := 0
	for line := range strings.SplitSeq(strings.TrimSpace(judged), "\n") {
		text := rules + "      - {" + line + "}\n"
		said, err := mistakes(t, text), fits(t, text)
		if (said == nil) != (err == nil) {
			t.Errorf("%s: Parse says %q, the schema %v", line, said, err)
		}
		if err == nil {
			right++
		}
	}
	if right < 40 {
		t.Errorf("only %d are right", right)
	}
}

const waiver = "    waivers:\n      - {rule: forbid, until: 2026-12-31, reason: r, owner: o, path: x}\n"

func TestTheSchemaAndParseThinkTheSameOfBudgets(t *testing.T) {
	for _, c := range []struct {
		text string
		want bool
	}{
		{head + "    image: a\n", true},
		{head + "    image: a\n    on-missing: pass\n    match: [a, b]\n    platforms: linux/amd64\n", true},
		{head + "    image: 5\n", false},
		{head + "    on-missing: never\n", false},
		{head + "    rules: []\n", false},
		{head + "    rules: {max: 5MB}\n", false},
		{head + "    waivers: {}\n", false},
		{head + waiver, true},
		{head + strings.Replace(waiver, "2026-12-31", "2026-12-32", 1), false},
		{head + strings.Replace(waiver, "2026-12-31", "soon", 1), false},
		{head + strings.Replace(waiver, "reason: r", "reason: ''", 1), false},
		{head + strings.Replace(waiver, ", owner: o", "", 1), false},
		{head + strings.Replace(waiver, "path", "paths", 1), false},
		{head + strings.Replace(waiver, "path: x", "path: ../x", 1), false},
		{"version: 1\n", false},
		{"version: 2\nimages: {a: {image: a}}\n", false},
		{"images: {a: {image: a}}\n", false},
		{"version: 1\nimages: {}\n", false},
		{"version: 1\nimages: {a: {}}\n", false},
		{"version: 1\nimages: {a: {image: a}}\nextra: 1\n", false},
	} {
		said, err := mistakes(t, c.text), fits(t, c.text)
		if (said == nil) != c.want || (err == nil) != c.want {
			t.Errorf("%s\nParse says %q, the schema %v", c.text, said, err)
		}
	}
}
