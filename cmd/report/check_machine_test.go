package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/layers/layers/diff"
	"github.com/layers/layers/diff/budget"
)

func TestCheckFormats(t *testing.T) {
	for _, f := range CheckFormats {
		if got, _, err := ParseCheckFormat(string(f)); err != nil || got != f {
			t.Errorf("%s: %s, %v", f, got, err)
		}
		for name, r := range checkReports() {
			if text := write(t, r, Options{Format: f}); text != write(t, r, Options{Format: f}) || text != "" && !strings.HasSuffix(text, "\n") {
				t.Errorf("%q as %s: two runs differ, or the last line has no end", name, f)
			}
		}
	}
	for _, f := range []Format{GitHub, GitLab, JUnit, SARIF, OpenMetrics} {
		if _, _, err := ParseFormat(string(f)); err == nil {
			t.Errorf("every command takes %s", f)
		}
		if err := Write(new(bytes.Buffer), &diff.Report{}, Options{Format: f}); err == nil {
			t.Errorf("what changed can be written as %s", f)
		}
	}
	for in, want := range map[string]Format{"": Text, "md": Markdown, "{{.Outcome}}": Template} {
		if got, _, err := ParseCheckFormat(in); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{"svg", "yaml", "template"} {
		if _, _, err := ParseCheckFormat(in); err == nil || !strings.Contains(err.Error(), "openmetrics") {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func results(r *budget.Report, outcomes ...budget.Outcome) (n int) {
	for i := range r.Images {
		for k := range r.Images[i].Results {
			if len(outcomes) == 0 || slices.Contains(outcomes, r.Images[i].Results[k].Outcome) {
				n++
			}
		}
	}
	return n
}

func TestCheckRows(t *testing.T) {
	for name, r := range checkReports() {
		records, err := csv.NewReader(strings.NewReader(write(t, r, Options{Format: CSV}))).ReadAll()
		if err != nil || len(records) != results(r)+1 {
			t.Errorf("%q: %d records of %d rows, %v", name, len(records), results(r), err)
		}
		lines := strings.Split(strings.TrimSuffix(write(t, r, Options{Format: JSONL}), "\n"), "\n")
		if results(r) > 0 && len(lines) != results(r) {
			t.Errorf("%q: %d lines of %d rows", name, len(lines), results(r))
		}
		for i, record := range records[1:] {
			var row struct {
				Image, Rule string
				Outcome     budget.Outcome
			}
			if err := json.Unmarshal([]byte(lines[i]), &row); err != nil || row.Outcome != budget.Outcome(record[6]) {
				t.Errorf("%q: %q is not %q, %v", name, lines[i], record, err)
			}
		}
	}
}

// command is a line as GitHub's runner takes it.
type command struct {
	name, data string
	properties map[string]string
}

func parseCommand(line string) (c command, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(line), "::")
	head, data, found := strings.Cut(rest, "::")
	if !ok || !found {
		return c, false
	}
	unescape := strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%")
	c.data, c.properties = unescape.Replace(data), map[string]string{}
	name, list, _ := strings.Cut(head, " ")
	c.name = name
	for pair := range strings.SplitSeq(list, ",") {
		key, value, _ := strings.Cut(pair, "=")
		c.properties[key] = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%").Replace(value)
	}
	return c, true
}

func TestCheckGitHub(t *testing.T) {
	for name, r := range checkReports() {
		var b strings.Builder
		if err := WriteGitHub(&b, r, Options{}); err != nil {
			t.Fatal(err)
		}
		counts := map[string]int{}
		for line := range strings.Lines(b.String()) {
			c, ok := parseCommand(strings.TrimSuffix(line, "\n"))
			counts[c.name]++
			if !ok || !slices.Contains([]string{"error", "warning", "notice"}, c.name) || !strings.HasPrefix(c.properties["title"], "layers check: ") {
				t.Errorf("%q: %q", name, line)
			}
			for key := range c.properties {
				if !slices.Contains([]string{"file", "line", "col", "title"}, key) {
					t.Errorf("%q: property %q", name, key)
				}
			}
			if r.Policy != "" && c.properties["file"] != (Options{}).Escape(r.Policy) && c.properties["line"] != "" {
				t.Errorf("%q: file %q", name, c.properties["file"])
			}
		}
		waivers := 0
		for _, w := range r.Waivers {
			if w.State == budget.WaiverExpired || w.State == budget.WaiverSmall {
				waivers++
			}
		}
		want := map[string]int{"error": results(r, budget.Failed), "warning": results(r, budget.Warned), "notice": results(r, budget.Waived, budget.Unknown) + waivers}
		for kind, n := range want {
			if counts[kind] != n {
				t.Errorf("%q: %d of %s, want %d", name, counts[kind], kind, n)
			}
		}
	}
	const want = "::error file=.layers.yaml,line=17,col=7,title=layers check%3A not root::app:pr-12 (linux/amd64): not root: root, must be app, nobody (.layers.yaml:17)%0A  note: our clusters refuse root\n"
	if got := write(t, checked(), Options{Format: GitHub}); !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
}

func TestCheckGitLab(t *testing.T) {
	for name, r := range checkReports() {
		var issues []struct {
			Description string `json:"description"`
			CheckName   string `json:"check_name"`
			Fingerprint string `json:"fingerprint"`
			Severity    string `json:"severity"`
			Location    struct {
				Path  string `json:"path"`
				Lines struct {
					Begin int `json:"begin"`
				} `json:"lines"`
			} `json:"location"`
		}
		d := json.NewDecoder(strings.NewReader(write(t, r, Options{Format: GitLab})))
		d.DisallowUnknownFields()
		if err := d.Decode(&issues); err != nil || issues == nil {
			t.Fatalf("%q: %v", name, err)
		}
		if want := results(r, budget.Failed, budget.Warned, budget.Waived); len(issues) != want {
			t.Errorf("%q: %d issues, want %d", name, len(issues), want)
		}
		seen := map[string]bool{}
		for _, i := range issues {
			if i.Description == "" || i.CheckName == "" || i.Location.Path == "" || i.Location.Lines.Begin < 1 || seen[i.Fingerprint] || len(i.Fingerprint) != 32 ||
				!slices.Contains([]string{"info", "minor", "major", "critical", "blocker"}, i.Severity) {
				t.Errorf("%q: %+v", name, i)
			}
			seen[i.Fingerprint] = true
		}
	}
}

// A fingerprint is the same for the next version of an image, and another for another
// rule, image or platform.
func TestFingerprints(t *testing.T) {
	of := func(image, platform, rule string) string {
		return fingerprint(checkKeys{}, &budget.ImageReport{Name: image, Platform: platform}, &budget.Result{Rule: rule})
	}
	first := of("localhost:5000/app:pr-1", "linux/amd64", "growth")
	if again := of("localhost:5000/app:pr-2@sha256:abc", "linux/amd64", "growth"); again != first {
		t.Error("the tag counts")
	}
	for _, other := range []string{of("localhost:5000/ap", "linux/amd64", "growth"), of("localhost:5000/app", "linux/arm64", "growth"), of("localhost:5000/app", "linux/amd64", "max")} {
		if other == first {
			t.Error("something does not count")
		}
	}
	keys := checkKeys{}
	i, r := &budget.ImageReport{Name: "a"}, &budget.Result{Rule: "forbid"}
	one, two := fingerprint(keys, i, r), fingerprint(keys, i, r)
	if one == two {
		t.Error("two rules of one name are one")
	}
}

func TestCheckJUnit(t *testing.T) {
	for name, r := range checkReports() {
		text := write(t, r, Options{Format: JUnit})
		d := xml.NewDecoder(strings.NewReader(text))
		var all junitSuites
		if err := d.Decode(&all); err != nil {
			t.Fatalf("%q: %v\n%s", name, err, text)
		}
		if all.Tests != results(r) || all.Failures != results(r, budget.Failed) || all.Skipped != results(r, budget.Unknown) || len(all.Suites) != len(r.Images) {
			t.Errorf("%q: %+v", name, all)
		}
		for i, s := range all.Suites {
			failures, skipped := 0, 0
			for k, c := range s.Cases {
				result := r.Images[i].Results[k]
				if c.Name != (Options{}).Escape(result.Rule) || c.Class != (Options{}).Escape(r.Images[i].Name) {
					t.Errorf("%q: case %q of class %q", name, c.Name, c.Class)
				}
				if c.Failure != nil {
					failures++
					if result.Outcome != budget.Failed || c.Failure.Message == "" || c.Failure.Type != string(result.Kind) || c.Failure.Text == "" {
						t.Errorf("%q: %+v", name, c.Failure)
					}
				}
				if c.Skipped != nil {
					skipped++
				}
			}
			if s.Failures != failures || s.Skipped != skipped || s.Tests != len(s.Cases) || s.Errors != 0 {
				t.Errorf("%q: suite %+v", name, s)
			}
		}
	}
	o := Options{quote: func(string) string { return "a\x00\x1b\ufffe" }} // as if nothing were escaped before
	text := write(t, checked(), Options{Format: JUnit, quote: o.quote})
	if strings.ContainsAny(text, "\x00\x1b\ufffe") || !strings.Contains(text, "a\ufffd\ufffd\ufffd") {
		t.Error("XML holds what it cannot")
	}
}

func TestCheckSARIF(t *testing.T) {
	for name, r := range checkReports() {
		var log struct {
			Schema  string `json:"$schema"`
			Version string
			Runs    []struct {
				Tool struct {
					Driver struct {
						Name  string
						Rules []struct {
							ID               string
							ShortDescription struct{ Text string }
						}
					}
				}
				Invocations []struct {
					ExecutionSuccessful        *bool
					ToolExecutionNotifications []struct{ Message struct{ Text string } }
				}
				Results []struct {
					RuleID    string
					RuleIndex int
					Level     string
					Message   struct{ Text string }
					Locations []struct {
						PhysicalLocation *struct {
							ArtifactLocation struct{ URI string }
							Region           *struct{ StartLine, StartColumn int }
						}
						LogicalLocations []struct{ FullyQualifiedName string }
					}
					PartialFingerprints map[string]string
					Suppressions        []struct{ Kind string }
				}
			}
		}
		if err := json.Unmarshal([]byte(write(t, r, Options{Format: SARIF})), &log); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		if log.Version != "2.1.0" || log.Schema == "" || len(log.Runs) != 1 || log.Runs[0].Tool.Driver.Name != "layers" || log.Runs[0].Results == nil ||
			len(log.Runs[0].Invocations) != 1 || log.Runs[0].Invocations[0].ExecutionSuccessful == nil || log.Runs[0].Tool.Driver.Rules == nil {
			t.Fatalf("%q: %+v", name, log)
		}
		run, ids, prints := log.Runs[0], map[string]bool{}, map[string]bool{}
		for _, rule := range run.Tool.Driver.Rules {
			if rule.ShortDescription.Text == "" || ids[rule.ID] {
				t.Errorf("%q: rule %+v", name, rule)
			}
			ids[rule.ID] = true
		}
		if n := len(run.Invocations[0].ToolExecutionNotifications); n != results(r, budget.Unknown) {
			t.Errorf("%q: %d notifications", name, n)
		}
		if n := results(r, budget.Failed, budget.Warned, budget.Waived); len(run.Results) != n {
			t.Errorf("%q: %d results, want %d", name, len(run.Results), n)
		}
		for _, result := range run.Results {
			if result.RuleID != run.Tool.Driver.Rules[result.RuleIndex].ID || result.Message.Text == "" || len(result.Locations) != 1 || len(result.PartialFingerprints) != 2 ||
				!slices.Contains([]string{"error", "warning", "note"}, result.Level) || (result.Level == "note") != (len(result.Suppressions) == 1) {
				t.Errorf("%q: %+v", name, result)
			}
			if print := result.PartialFingerprints["primaryLocationLineHash"]; prints[print] || print == "" {
				t.Errorf("%q: fingerprint %q", name, print)
			} else {
				prints[print] = true
			}
			at := result.Locations[0].PhysicalLocation
			if (at != nil) != (r.Policy != "") || len(result.Locations[0].LogicalLocations) != 1 {
				t.Fatalf("%q: %+v", name, result.Locations)
			}
			if at == nil {
				continue
			}
			u, err := url.Parse(at.ArtifactLocation.URI)
			if err != nil || strings.TrimPrefix(u.Path, "./") != strings.TrimPrefix(r.Policy, "./") || u.RawQuery != "" || u.Fragment != "" || u.Host != "" {
				t.Errorf("%q: %q is not %q: %v", name, at.ArtifactLocation.URI, r.Policy, err)
			}
			if at.Region != nil && at.Region.StartLine < 1 {
				t.Errorf("%q: %+v", name, at.Region)
			}
		}
	}
}

// family is a metric family as it is read back.
type family struct {
	kind, unit, help string
	samples          map[string]string
}

var (
	metaLine   = regexp.MustCompile(`^# (TYPE|UNIT|HELP) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$`)
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-zA-Z_][a-zA-Z0-9_]*="(?:[^\n"\\]|\\[n"\\])*"(?:,[a-zA-Z_][a-zA-Z0-9_]*="(?:[^\n"\\]|\\[n"\\])*")*\})? (\S+)$`)
	labelName  = regexp.MustCompile(`[{,]([a-zA-Z_][a-zA-Z0-9_]*)="(?:[^\n"\\]|\\[n"\\])*"`)
)

// parseMetrics reads what the grammar of OpenMetrics 1.0 allows of gauges, and no more.
func parseMetrics(text string) (map[string]*family, error) {
	body, ok := strings.CutSuffix(text, "# EOF\n")
	if !ok {
		return nil, fmt.Errorf("it does not end")
	}
	all, current := map[string]*family{}, ""
	for line := range strings.Lines(body) {
		line = strings.TrimSuffix(line, "\n")
		if m := metaLine.FindStringSubmatch(line); m != nil {
			if m[2] != current {
				if all[m[2]] != nil {
					return nil, fmt.Errorf("%s is in two places", m[2])
				}
				all[m[2]], current = &family{samples: map[string]string{}}, m[2]
			}
			f := all[current]
			field := map[string]*string{"TYPE": &f.kind, "UNIT": &f.unit, "HELP": &f.help}[m[1]]
			if *field != "" || len(f.samples) > 0 {
				return nil, fmt.Errorf("%q comes again, or late", line)
			}
			*field = m[3]
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil || m[1] != current {
			return nil, fmt.Errorf("%q is no sample of %q", line, current)
		}
		if _, err := strconv.ParseFloat(m[3], 64); err != nil {
			return nil, err
		}
		names := map[string]bool{}
		for _, l := range labelName.FindAllStringSubmatch(m[2], -1) {
			if names[l[1]] {
				return nil, fmt.Errorf("%q: a label twice", line)
			}
			names[l[1]] = true
		}
		if _, again := all[current].samples[m[2]]; again {
			return nil, fmt.Errorf("%q comes twice", line)
		}
		all[current].samples[m[2]] = m[3]
	}
	for name, f := range all {
		if f.kind != "gauge" || f.help == "" || f.unit != "" && !strings.HasSuffix(name, "_"+f.unit) || len(f.samples) == 0 {
			return nil, fmt.Errorf("%s: %+v", name, f)
		}
	}
	return all, nil
}

func TestCheckOpenMetrics(t *testing.T) {
	twice := checked()
	again := twice.Images[0].Results[0]
	numbered := again
	numbered.Rule = "max #2"
	twice.Images[0].Results = append(twice.Images[0].Results, numbered, again, again)
	all := checkReports()
	all["twice"] = twice
	for name, r := range all {
		text := write(t, r, Options{Format: OpenMetrics})
		families, err := parseMetrics(text)
		if err != nil {
			t.Errorf("%q: %v\n%s", name, err, text)
			continue
		}
		if f := families["layers_check_passed"]; len(r.Images) > 0 && len(f.samples) != len(r.Images) {
			t.Errorf("%q: %d images", name, len(f.samples))
		}
		if f := families["layers_check_rule_failed"]; f != nil && len(f.samples) != results(r)-results(r, budget.Unknown) {
			t.Errorf("%q: %d rules", name, len(f.samples))
		}
	}
	got := must(parseMetrics(write(t, hostileCheck(`a"b\`), Options{Format: OpenMetrics})))["layers_check_layers"].samples
	if _, ok := got[`{image="a\"b\\",platform="a\"b\\",budget="a\"b\\"}`]; !ok {
		t.Errorf("%q", got)
	}
}
