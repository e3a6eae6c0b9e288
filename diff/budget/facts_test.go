package budget

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/layers/layers/fixtures"
)

func TestUsers(t *testing.T) {
	for _, c := range []struct {
		user string
		may  []string
		want Outcome
	}{
		{"", nil, Failed},
		{"root", nil, Failed},
		{"0", nil, Failed},
		{"00:0", nil, Failed},
		{"root:app", nil, Failed},
		{"1000", nil, Passed},
		{"app", nil, Passed},
		{"app", []string{"app", "1000"}, Passed},
		{"www", []string{"app", "1000"}, Failed},
		{"", []string{"root"}, Passed},
	} {
		img := image(t, "app", "-- 0/x --\n")
		img.User = c.user
		if r := check(t, budgetOf(Rule{Kind: User, Users: c.may}), img, nil).Results[0]; r.Outcome != c.want {
			t.Errorf("%q of %v: %+v", c.user, c.may, r)
		}
	}
}

func TestPlatformsThatMustBeThere(t *testing.T) {
	b := budgetOf(Rule{Kind: Platforms, Platforms: []string{"linux/amd64", "linux/arm64", "linux/arm"}})
	q := Question{Image: image(t, "app", "-- 0/x --\n"), Available: []string{"linux/amd64", "linux/arm64/v8"}}
	r := checkAll(t, b, q).Images[0].Results[0]
	if r.Outcome != Failed || r.Matched != 1 || r.Matches[0].Value != "linux/arm" {
		t.Errorf("%+v", r)
	}
}

func TestBases(t *testing.T) {
	made := today.Add(-100 * day)
	for _, c := range []struct {
		name string
		base BaseFacts
		rule BaseRule
		want Outcome
	}{
		{"not known", BaseFacts{}, BaseRule{Is: []string{"debian:12"}}, Failed},
		{"not known, and only its age matters", BaseFacts{}, BaseRule{MaxAge: day}, Unknown},
		{"the right one", BaseFacts{Layers: 1, Names: []string{"debian:12"}}, BaseRule{Is: []string{"alpine:3", "debian:12"}}, Passed},
		{"another", BaseFacts{Layers: 1, Names: []string{"debian:11"}}, BaseRule{Is: []string{"debian:12"}}, Failed},
		{"a guess", BaseFacts{Layers: 1, How: BaseGuess}, BaseRule{Is: []string{"debian:12"}}, Failed},
		{"too old", BaseFacts{Layers: 1, Created: &made}, BaseRule{MaxAge: 99 * day}, Failed},
		{"old enough", BaseFacts{Layers: 1, Created: &made}, BaseRule{MaxAge: 100 * day}, Passed},
		{"of no age", BaseFacts{Layers: 1}, BaseRule{MaxAge: 100 * day}, Failed},
		{"not pinned", BaseFacts{Layers: 1}, BaseRule{Pinned: true}, Failed},
		{"pinned", BaseFacts{Layers: 1, Pinned: true}, BaseRule{Pinned: true}, Passed},
	} {
		img := image(t, "app", "-- 0/x --\n")
		img.Base = func(context.Context) (BaseFacts, error) { return c.base, nil }
		if r := check(t, budgetOf(Rule{Kind: Base, BaseIs: c.rule}), img, nil).Results[0]; r.Outcome != c.want {
			t.Errorf("%s: %+v", c.name, r)
		}
	}
}

func TestScopes(t *testing.T) {
	img := image(t, "app", grownText+strings.ReplaceAll(debText("x", "vim")[len("step x\n"):], "\n/lib", "\n/usr/lib"))
	img.Base = func(context.Context) (BaseFacts, error) {
		return BaseFacts{Layers: 1, Names: []string{"debian:12"}}, nil
	}
	for _, c := range []struct {
		within Scope
		want   int64
	}{
		{Scope{Own: true}, 6_000_030},
		{Scope{Layer: 3}, 3_000_000},
		{Scope{Layer: 9}, 0},
		{Scope{Step: "RUN apt-get*install*"}, 3_000_000},
		{Scope{Step: "COPY *"}, 3_000_030},
		{Scope{Step: "*app"}, 3_000_030},
		{Scope{Step: "COPY"}, 0},
		{Scope{Path: "/app"}, 3_000_030},
		{Scope{Path: "**/objects/**"}, 3_000_000},
		{Scope{Path: "lib/big"}, 5_000_000},
		{Scope{Package: "deb"}, 5_000_000},
		{Scope{Package: "deb/v*m"}, 5_000_000},
		{Scope{Package: "deb/emacs"}, 0},
		{Scope{Package: "npm"}, 0},
	} {
		r := check(t, budgetOf(Rule{Kind: Max, Of: Unpacked, Within: c.within, Limit: bytesLimit(1)}), img, nil).Results[0]
		if c.within.Path == "lib/big" || c.within.Own {
			continue // the database of packages is in the lowest layer, too
		}
		if r.Measured != c.want || (r.Outcome == Failed) != (c.want > 1) {
			t.Errorf("%+v: %d, want %d; %s", c.within, r.Measured, c.want, r.Outcome)
		}
		if r.Outcome == Failed && len(r.Causes) == 0 {
			t.Errorf("%+v: no cause", c.within)
		}
	}
}

func TestDuplicates(t *testing.T) {
	img := image(t, "app", "-- 0/a [size=1000] --\n-- 0/b => a --\n-- 1/c [size=1000] --\n-- 1/d [size=1000] --\n-- 1/empty1 --\n-- 1/empty2 --\n")
	r := check(t, budgetOf(Rule{Kind: Duplicate, Limit: bytesLimit(1999)}), img, nil).Results[0]
	if r.Outcome != Failed || r.Measured != 2000 || r.Causes[0].Layer != 2 {
		t.Errorf("%+v", r)
	}
}

func TestRebuiltForNothing(t *testing.T) {
	old := image(t, "app:main", "-- 0/x --\n-- 1/y [mtime=@1] --\ny\n")
	img := image(t, "app:pr", "-- 0/x --\n-- 1/y [mtime=@2] --\ny\n")
	b := budgetOf(Rule{Kind: Rebuilt})
	r := check(t, b, img, old).Results[0]
	if r.Outcome != Failed || r.Measured != 1 || r.Causes[0].Layer != 2 || r.Hint.Code != "reproducible" {
		t.Errorf("%+v", r)
	}
	saved := savedAgain(t, old)
	if again := check(t, b, image(t, "app:pr", "-- 0/x --\n-- 1/y [mtime=@2] --\ny\n"), saved).Results[0]; again.Measured != 1 {
		t.Errorf("%+v", again)
	}
}

// savedAgain is an image as a file of baselines has it.
func savedAgain(t *testing.T, img *Image) *Image {
	t.Helper()
	s, err := Save(context.Background(), []*Image{img})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	read, err := ReadSaved(data)
	if err != nil {
		t.Fatal(err)
	}
	again := read.For("registry.example.org/" + img.Name)
	if len(again) != 1 {
		t.Fatalf("%d images", len(again))
	}
	return again[0]
}

func TestASavedBaselineMeasuresAsTheImageDoes(t *testing.T) {
	old, img := image(t, "app:main", baseText), image(t, "app:pr", grownText)
	b := budgetOf(
		Rule{Kind: Growth, Limit: limit(1, 1, false)}, Rule{Kind: Growth, Of: Unpacked, Limit: limit(1, 1, false)},
		Rule{Kind: Fetch, Limit: bytesLimit(1)}, Rule{Kind: Growth, Of: Unpacked, Within: Scope{Path: "app"}, Limit: bytesLimit(1)})
	want, got := check(t, b, img, old), check(t, b, image(t, "app:pr", grownText), savedAgain(t, old))
	for i := range got.Results[:3] {
		w, g := want.Results[i], got.Results[i]
		if g.Measured != w.Measured || g.Before != w.Before || g.Outcome != Failed || len(g.Causes) != len(w.Causes) {
			t.Errorf("%s: %+v, want %+v", g.Kind, g, w)
			continue
		}
		for n := range g.Causes {
			if g.Causes[n].Bytes != w.Causes[n].Bytes || g.Causes[n].Layer != w.Causes[n].Layer || len(g.Causes[n].Files) == 0 {
				t.Errorf("%s: %+v, want %+v", g.Kind, g.Causes[n], w.Causes[n])
			}
		}
	}
	if last := got.Results[3]; last.Outcome != Unknown {
		t.Errorf("what the saved baseline does not hold: %+v", last)
	}
}

func TestBadBaselinesAreRefused(t *testing.T) {
	for _, text := range []string{
		"", "[]", "{}", `{"version":"layers.baseline/v2"}`,
		`{"version":"layers.baseline/v1","images":[{"name":"a","layers":[{"content":-1}]}]}`,
		`{"version":"layers.baseline/v1","images":[{"name":"a","base":3}]}`,
	} {
		if _, err := ReadSaved([]byte(text)); err == nil {
			t.Errorf("%s: taken", text)
		}
	}
}

func TestChecksAreTheSameEachTime(t *testing.T) {
	old, img := fixtures.Image(baseText), fixtures.Image(grownText)
	var first string
	for range 5 {
		r := checkAll(t, budgetOf(
			Rule{Kind: Growth, Of: Unpacked, Limit: bytesLimit(1)}, Rule{Kind: Forbid, Paths: []string{"**"}},
			Rule{Kind: Max, Limit: bytesLimit(1)}, Rule{Kind: Max, Within: Scope{Path: "**"}, Limit: bytesLimit(1)},
		), Question{Image: imageOf(t, "app:pr", img), Baseline: Counterpart{Image: imageOf(t, "app:main", old)}})
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(text)
		}
		if string(text) != first {
			t.Fatalf("%s\n%s", text, first)
		}
	}
}
