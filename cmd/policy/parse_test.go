package policy

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/layers/layers/diff/budget"
)

func parsed(t *testing.T, text string) *budget.Policy {
	t.Helper()
	p, err := Parse(".layers.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// mistakes are what Parse says, a line each.
func mistakes(t *testing.T, text string) []string {
	t.Helper()
	p, err := Parse("f", []byte(text))
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) || len(e.Mistakes) == 0 || p != nil {
		t.Fatalf("%v, and a policy %v", err, p)
	}
	return strings.Split(e.Error(), "\n")
}

func size(n int64) *int64 { return &n }

func part(p float64) *float64 { return &p }

func TestParseReadsEveryKey(t *testing.T) {
	p := parsed(t, `
version: 1
on-missing: warn
images:
  app:
    image: "registry.example.com/acme/app:{{.SHA}}"
    match: [app, "ghcr.io/acme/app:pr-*"]
    baseline: app:main
    anchor: app:1.0
    base: debian:bookworm-slim
    on-missing: pass
    platforms: [linux/amd64, linux/arm64]
    rules:
      - max: 200MB
        of: unpacked
        within: {path: "app/**"}
        name: our-max
        level: warn
        why: text
      - growth: 5MB or 3%
        since: anchor
      - layers: 20
      - reclaimable: 10 MiB and 5.5 %
      - forbid: {paths: [".git/**", /key.pem], setuid: true, secrets: true}
        everywhere: true
        within: own
      - require: etc/os-release
        within: {layer: 3}
      - base: {is: [debian, "ghcr.io/**"], max-age: 90d, pinned: true}
      - rebuilt-for-nothing: 0
      - fetch: 30MB
        since: anchor
      - duplicate: 0
      - user: [app, 1000]
      - platforms: linux/amd64
      - user: non-root
      - max: 1GB
        within: {step: "RUN pip *"}
      - max: 5%
        within: {package: python/torch*}
    waivers:
      - rule: our-max
        path: app/big/**
        allow: 20MB
        until: 2026-12-31
        reason: text
        owner: team
  other: {image: other}
`)
	app := budget.Budget{
		Name: "app", At: budget.Position{Line: 5, Column: 3}, Image: "registry.example.com/acme/app:{{.SHA}}",
		Match: []string{"app", "ghcr.io/acme/app:pr-*"}, Baseline: "app:main", Anchor: "app:1.0", Base: "debian:bookworm-slim",
		OnMissing: budget.MissingPass, Platforms: []string{"linux/amd64", "linux/arm64"},
		Rules: []budget.Rule{
			{Kind: budget.Max, Name: "our-max", At: at(14, 9), Level: budget.Warn, Why: "text", Of: budget.Unpacked, Within: budget.Scope{Path: "app/**"}, Limit: budget.Limit{Bytes: size(200e6)}},
			{Kind: budget.Growth, At: at(20, 9), Level: budget.Fail, Of: budget.Content, Since: budget.Anchor, Limit: budget.Limit{Bytes: size(5e6), Percent: part(3), Either: true}},
			{Kind: budget.Layers, At: at(22, 9), Level: budget.Fail, Count: 20},
			{Kind: budget.Reclaimable, At: at(23, 9), Level: budget.Fail, Limit: budget.Limit{Bytes: size(10 << 20), Percent: part(5.5)}},
			{Kind: budget.Forbid, At: at(24, 9), Level: budget.Fail, Paths: []string{".git/**", "/key.pem"}, Setuid: true, Secrets: true, Everywhere: true, Within: budget.Scope{Own: true}},
			{Kind: budget.Require, At: at(27, 9), Level: budget.Fail, Paths: []string{"etc/os-release"}, Within: budget.Scope{Layer: 3}},
			{Kind: budget.Base, At: at(29, 9), Level: budget.Fail, BaseIs: budget.BaseRule{Is: []string{"debian", "ghcr.io/**"}, MaxAge: 90 * 24 * time.Hour, Pinned: true}},
			{Kind: budget.Rebuilt, At: at(30, 9), Level: budget.Fail, Since: budget.Baseline},
			{Kind: budget.Fetch, At: at(31, 9), Level: budget.Fail, Since: budget.Anchor, Limit: budget.Limit{Bytes: size(30e6)}},
			{Kind: budget.Duplicate, At: at(33, 9), Level: budget.Fail, Limit: budget.Limit{Bytes: size(0)}},
			{Kind: budget.User, At: at(34, 9), Level: budget.Fail, Users: []string{"app", "1000"}},
			{Kind: budget.Platforms, At: at(35, 9), Level: budget.Fail, Platforms: []string{"linux/amd64"}},
			{Kind: budget.User, At: at(36, 9), Level: budget.Fail},
			{Kind: budget.Max, At: at(37, 9), Level: budget.Fail, Of: budget.Content, Within: budget.Scope{Step: "RUN pip *"}, Limit: budget.Limit{Bytes: size(1e9)}},
			{Kind: budget.Max, At: at(39, 9), Level: budget.Fail, Of: budget.Unpacked, Within: budget.Scope{Package: "python/torch*"}, Limit: budget.Limit{Percent: part(5)}},
		},
		Waivers: []budget.Waiver{{
			At: at(42, 9), Rule: "our-max", Path: "app/big/**", Limit: &budget.Limit{Bytes: size(20e6)},
			Until: time.Date(2026, 12, 31, 23, 59, 59, 999999999, time.UTC), Reason: "text", Owner: "team",
		}},
	}
	other := budget.Budget{Name: "other", At: at(48, 3), Image: "other", Match: []string{"other"}, OnMissing: budget.MissingWarns}
	want := &budget.Policy{File: ".layers.yaml", Budgets: []budget.Budget{app, other}}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("got\n%+v\nwant\n%+v", p, want)
		for i := range want.Budgets[0].Rules {
			if got := p.Budgets[0].Rules[i]; !reflect.DeepEqual(got, want.Budgets[0].Rules[i]) {
				t.Errorf("rule %d: %+v", i, got)
			}
		}
	}
}

func at(line, column int) budget.Position { return budget.Position{Line: line, Column: column} }

func TestParseOfScalarsThatStandForLists(t *testing.T) {
	p := parsed(t, "version: 1\nimages:\n  a:\n    match: b\n    platforms: linux/amd64\n    rules: [{forbid: x, within: own}, {base: debian}, {user: 0}]\n")
	b := p.Budgets[0]
	if !slices.Equal(b.Match, []string{"b"}) || !slices.Equal(b.Platforms, []string{"linux/amd64"}) ||
		!slices.Equal(b.Rules[0].Paths, []string{"x"}) || !slices.Equal(b.Rules[1].BaseIs.Is, []string{"debian"}) || !slices.Equal(b.Rules[2].Users, []string{"0"}) {
		t.Errorf("%+v", b)
	}
}

func TestParseFollowsAliases(t *testing.T) {
	p := parsed(t, "version: 1\nimages:\n  a:\n    rules: &usual\n      - max: &most 5MB\n  b:\n    rules: *usual\n  c:\n    rules: [{max: *most}]\n")
	for _, b := range p.Budgets {
		if len(b.Rules) != 1 || *b.Rules[0].Limit.Bytes != 5e6 {
			t.Errorf("%+v", b)
		}
	}
}

func TestParseTakesAByteOrderMarkAndWindowsLines(t *testing.T) {
	text := "\uFEFFversion: 1\r\nimages:\r\n  a:\r\n    rules:\r\n      - max: 5MB\r\n"
	if p := parsed(t, text); p.Budgets[0].Rules[0].At != at(5, 9) {
		t.Errorf("%+v", p)
	}
}

func TestErrorTellsAllMistakesInOrder(t *testing.T) {
	got := mistakes(t, `version: 2
on-missing: maybe
images:
  app:
    imgae: x
    rules:
      - grwoth: 5MB
      - max: 5 MBs
        of: content
        of: unpacked
`)
	want := []string{
		`f:1:10: version is "2": this program reads version 1`,
		`f:2:13: on-missing is "maybe": write fail, or warn, or pass`,
		`f:5:5: unknown key "imgae": did you mean image?`,
		`f:7:9: unknown key "grwoth": did you mean growth?`,
		`f:8:14: max: "5 MBs": "MBs" is no unit: did you mean MB?`,
		`f:10:9: "of" is here twice: first on line 9`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s", strings.Join(got, "\n"))
	}
}
