package report

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/diff"
	"github.com/layers/layers/diff/budget"
	"github.com/layers/layers/fixtures"
	"github.com/layers/layers/inspect"
	"github.com/layers/layers/inspect/packages"
)

func pointer[T any](v T) *T { return &v }

func named(path string) *layer.Named {
	n := layer.Name(path)
	return &n
}

// checked is what a check of a change finds that copies a .git directory in.
func checked() *budget.Report {
	const mb = 1_000_000
	image := budget.ImageReport{
		Outcome: budget.Failed, Budget: "app", Name: "app:pr-12", Digest: "sha256:" + strings.Repeat("ab", 32), Platform: "linux/amd64",
		Baseline: &budget.Other{Name: "app:main", How: "merge base 1f2e3d4"}, Anchor: &budget.Other{Name: "app:v1.0"},
		Content: diff.Amount{Old: 148.3 * mb, New: 167.7 * mb, Change: 19.4 * mb}, Layers: 8, Shared: 5,
	}
	image.Results = []budget.Result{
		{
			Rule: "max", Kind: budget.Max, At: budget.Position{Line: 5, Column: 7}, Outcome: budget.Passed, Of: budget.Content, Unit: budget.Bytes,
			Measured: 167.7 * mb, Allowed: &budget.Allowed{Bytes: pointer[int64](200 * mb)},
		},
		growthResult(), secretResult(),
		{
			Rule: "drift", Kind: budget.Growth, At: budget.Position{Line: 14, Column: 7}, Outcome: budget.Waived, Of: budget.Content, Since: budget.Anchor,
			Unit: budget.Bytes, Measured: 30 * mb, Percent: pointer(21.8), Whole: 137.7 * mb, Before: 137.7 * mb, After: 167.7 * mb,
			Allowed: &budget.Allowed{Percent: pointer(10.0)}, Waiver: "until 2026-09-01: the new model, agreed with ops (ann)",
		},
		{
			Rule: "layers", Kind: budget.Layers, At: budget.Position{Line: 16, Column: 7}, Outcome: budget.Warned, Unit: budget.Count, Measured: 8,
			Allowed: &budget.Allowed{Count: pointer(7)},
		},
		{
			Rule: "not root", Kind: budget.User, At: budget.Position{Line: 17, Column: 7}, Outcome: budget.Failed, Matched: 1,
			Matches: []budget.Match{{Value: "root"}}, Allowed: &budget.Allowed{Values: []string{"app", "nobody"}}, Note: "our clusters refuse root",
		},
		{
			Rule: "base", Kind: budget.Base, At: budget.Position{Line: 18, Column: 7}, Outcome: budget.Unknown,
			Why: "the image does not say what it is built on, and no image in the store is its base",
		},
	}
	arm := budget.ImageReport{
		Outcome: budget.Passed, Budget: "app", Name: "app:pr-12", Platform: "linux/arm64", Digest: image.Digest,
		Baseline: &budget.Other{Name: "app:main"}, Content: diff.Amount{Old: 150 * mb, New: 147 * mb, Change: -3 * mb}, Layers: 7, Shared: 6,
		Results: []budget.Result{{
			Rule: "growth", Kind: budget.Growth, At: budget.Position{Line: 6, Column: 7}, Outcome: budget.Passed, Of: budget.Content, Since: budget.Baseline,
			Unit: budget.Bytes, Measured: -3 * mb, Percent: pointer(-2.0), Whole: 150 * mb, Before: 150 * mb, After: 147 * mb,
			Allowed: &budget.Allowed{Bytes: pointer[int64](5 * mb), Percent: pointer(3.0)},
		}},
	}
	other := budget.ImageReport{
		Outcome: budget.Passed, Name: "worker:pr-12", Digest: image.Digest, Baseline: &budget.Other{Name: "worker:main", Missing: "not found"},
		Content: diff.Amount{New: 91 * mb}, Layers: 6, Results: []budget.Result{{
			Rule: "growth", Kind: budget.Growth, At: budget.Position{Line: 24, Column: 7}, Outcome: budget.Unknown, Since: budget.Baseline, Unit: budget.Bytes,
			Allowed: &budget.Allowed{Bytes: pointer[int64](5 * mb)}, Why: "there is no baseline",
		}},
	}
	return &budget.Report{
		Version: budget.ReportVersion, Outcome: budget.Failed, Policy: ".layers.yaml", Images: []budget.ImageReport{image, arm, other},
		Waivers: []budget.WaiverReport{
			{State: budget.WaiverUsed, Budget: "app", Rule: "drift", At: budget.Position{Line: 30}, Until: day(2026, 9, 1), Reason: "the new model, agreed with ops", Owner: "ann"},
			{State: budget.WaiverExpired, Budget: "app", Rule: "growth", At: budget.Position{Line: 34}, Until: day(2026, 1, 31), Reason: "debug symbols for the launch", Owner: "team-runtime"},
			{State: budget.WaiverUnused, Rule: "forbid", Path: "**/*.pem", From: "commit 1f2e3d4", Reason: "test certificate"},
		},
	}
}

func day(year, month, day int) *time.Time {
	return pointer(time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC))
}

func growthResult() budget.Result {
	const mb = 1_000_000
	copied := &diff.Step{Short: "COPY . /app", CreatedBy: "COPY . /app # buildkit"}
	return budget.Result{
		Rule: "growth", Kind: budget.Growth, At: budget.Position{Line: 6, Column: 7}, Outcome: budget.Failed, Of: budget.Content, Since: budget.Baseline,
		Unit: budget.Bytes, Measured: 19.4 * mb, Percent: pointer(13.1), Whole: 148.3 * mb, Before: 148.3 * mb, After: 167.7 * mb,
		Allowed: &budget.Allowed{Bytes: pointer[int64](5 * mb), Percent: pointer(3.0)},
		Note:    "every node pulls this image over a slow line", Rest: 0.1 * mb,
		Causes: []budget.Cause{
			{
				Layer: 6, Relation: diff.Changed, Step: copied, Bytes: 17.8 * mb,
				Parts: []diff.Part{
					{Kind: diff.PartDirectory, Named: named("app/.git"), Added: 18.2 * mb, Change: 18.2 * mb, Files: 214},
					{Kind: diff.PartFile, Named: named("app/data.bin"), Added: 0.2 * mb, Change: 0.2 * mb, Files: 1},
				},
				Files: []budget.File{
					{Named: layer.Name("app/.git/objects/pack/pack-0123456789abcdef0123456789abcdef01234567.pack"), Bytes: 17.7 * mb},
					{Named: layer.Name("app/.git/index"), Bytes: 40_000}, {Named: layer.Name("app/.git/hooks/pre-commit.sample"), Bytes: 1_600},
				},
			},
			{
				Layer: 4, Relation: diff.New, Step: &diff.Step{Short: "apt-get install -y vim"}, Bytes: 1.5 * mb,
				Parts: []diff.Part{{Kind: diff.PartPackage, Package: &diff.PackageChange{Kind: packages.Deb, Name: "vim", New: "9.0.1378"}, Added: 4 * mb, Change: 4 * mb, Files: 12}},
			},
		},
		Hint: &budget.Hint{Code: "dockerignore", Text: "leave .git out of what is copied", Example: ".git", File: ".dockerignore"},
		More: "layers why app:pr-12 app/.git",
	}
}

func secretResult() budget.Result {
	return budget.Result{
		Rule: "forbid", Kind: budget.Forbid, At: budget.Position{Line: 9, Column: 7}, Outcome: budget.Failed, Matched: 214,
		Allowed: &budget.Allowed{Values: []string{"**/.git/**", "**/*.pem"}},
		Matches: []budget.Match{
			{Named: named("app/.git/index"), Value: "**/.git/**", Kind: "file", Bytes: 40_000, Layer: 6, Step: "COPY . /app"},
			{Named: named("app/key.pem"), Kind: "file", Bytes: 1_704, Layer: 3, What: "private key", DeletedBy: 5},
			{Named: named("root/.npmrc"), Kind: "file", Layer: 7, DeletedBy: 7, Below: true},
		},
		More: "layers ls -l app:pr-12 app/.git",
	}
}

// evil are strings that try to be more than text.
var evil = []string{
	"](javascript:alert(1))", "![x](https://evil.example/x.png)", "[a]: https://evil.example", "@team", "@org/team", "<img src=x onerror=alert(1)>",
	"<script>alert(1)</script>", "</details>", "#123", "org/repo#1", "GH-12", "a\nb", "\n::error::x", "::set-output name=a::b", "  ::warning::x",
	"x ##[add-mask]y", "##vso[task.complete]", "%0A::error::x", "a%b", "`", "``", "```\ncode", "a`b``c", "` `", "|", "a|b|c", `a\|b`, `a\\|b`, `\\\|`,
	`ends in \`, "-->", "<!--", "--!>", "www.example.com", "https://example.com/x", "http://a.b", "user@example.com", "mailto:a@b.c", "xmpp:a@b.c", ":smile:",
	"&lt;b&gt;", "&#64;team", "&amp;", "*a*", "__a__", "~~a~~", "$`x`$", "$a$", "- [ ] a", "> a", "1. a", "# a", "---", "===", "/close", "[[_TOC_]]",
	"deadbeefdeadbeefdeadbeefdeadbeefdeadbeef", "\x1b[2J", "\x1b]8;;http://x\x07", "\u202egnp.exe", "\xff\xfe", "\x00", "世界", "\U0001f600", "]]>", "a,b:c",
	`"quoted"`, `a\nb`, "\ufffe", " ", "  a  ", "\t", "\r\n", "=cmd()", `back\slash`, strings.Repeat("long", 200), strings.Repeat("`", 40), strings.Repeat("|", 40),
	"\u00a0", "\u200b@team", "e\u0301",
}

// hostileCheck has s wherever what an image, a policy or a commit says can be.
func hostileCheck(s string) *budget.Report {
	at := budget.Position{Line: 3, Column: 2}
	result := func(kind budget.Kind, outcome budget.Outcome, unit budget.Unit) budget.Result {
		return budget.Result{
			Rule: s, Kind: kind, At: at, Outcome: outcome, Why: s, Note: s, Scope: s, Of: budget.Unpacked, Since: budget.Baseline, Unit: unit,
			Measured: 5, Percent: pointer(12.5), Whole: 40, Before: 40, After: 45, Allowed: &budget.Allowed{Bytes: pointer[int64](1), Percent: pointer(0.5), Either: true},
			Matched: 9, Matches: []budget.Match{
				{Named: named(s), Value: s, Kind: "file", Bytes: 1, Layer: 2, Step: s, What: s, DeletedBy: 3},
				{Named: named(s), Kind: "dir", Layer: 2, DeletedBy: 3, Below: true}, {Value: s}, {Named: named("a/" + s)}, {Named: named(s + s)},
			},
			Causes: []budget.Cause{{
				Layer: 1, Relation: diff.Gone, Step: &diff.Step{Short: s, CreatedBy: s}, Bytes: 4,
				Parts: []diff.Part{
					{Kind: diff.PartDirectory, Named: named(s), Change: 2, Files: 2}, {Kind: diff.PartFile, Named: named(s), Change: 1, Files: 1},
					{Kind: diff.PartPackage, Package: &diff.PackageChange{Kind: packages.Kind(s), Name: s, Old: s, New: s}, Change: 1},
				},
				Files: []budget.File{{Named: layer.Name(s), Bytes: 1}, {Named: layer.Name("b/" + s), Bytes: 1}, {Named: layer.Name("c/" + s), Bytes: 1}},
			}},
			Rest: 1, Hint: &budget.Hint{Code: "x", Text: s, Example: s, File: s}, More: s, Waiver: s,
		}
	}
	values := result(budget.User, budget.Failed, "")
	values.Allowed = &budget.Allowed{Values: []string{s, s}}
	image := budget.ImageReport{
		Outcome: budget.Failed, Budget: s, Name: s, Platform: s, Baseline: &budget.Other{Name: s, How: s}, Anchor: &budget.Other{Name: s, Missing: s},
		Content: diff.Amount{Old: 40, New: 45, Change: 5}, Layers: 3, Shared: 1, Results: []budget.Result{
			result(budget.Growth, budget.Failed, budget.Bytes), result(budget.Forbid, budget.Warned, ""), result(budget.Layers, budget.Waived, budget.Count),
			result(budget.Base, budget.Unknown, ""), result(budget.Max, budget.Passed, budget.Bytes), result(budget.Require, budget.Failed, ""), values,
		},
	}
	missing := image
	missing.Baseline = &budget.Other{Name: s, Missing: s}
	r := &budget.Report{Version: budget.ReportVersion, Outcome: budget.Failed, Policy: s, Images: []budget.ImageReport{image, missing}}
	for _, state := range []budget.WaiverState{budget.WaiverUsed, budget.WaiverUnused, budget.WaiverExpired, budget.WaiverSmall} {
		r.Waivers = append(r.Waivers, budget.WaiverReport{State: state, Budget: s, Rule: s, Path: s, At: at, From: s, Until: day(2026, 1, 1), Reason: s, Owner: s})
	}
	return r
}

// checkReports are all of these.
func checkReports() map[string]*budget.Report {
	all := map[string]*budget.Report{
		"realistic": checked(), "empty": {Version: budget.ReportVersion, Outcome: budget.Passed, Default: true, Images: []budget.ImageReport{}},
		"no policy": {Version: budget.ReportVersion, Outcome: budget.Passed, Images: checked().Images[1:2]},
	}
	for _, s := range evil {
		all[s] = hostileCheck(s)
	}
	return all
}

// explainedRules has a rule of each kind.
func explainedRules() *budget.ExplainReport {
	b := budget.Budget{Name: "app", Waivers: []budget.Waiver{{Rule: "max", Reason: "x"}}}
	for _, kind := range budget.Kinds {
		b.Rules = append(b.Rules, budget.Rule{Kind: kind, Within: budget.Scope{Step: "RUN *"}, Paths: []string{"*.pem"}, Setuid: true})
	}
	return &budget.ExplainReport{
		Version: budget.ExplainVersion, Policy: ".layers.yaml", Images: []budget.Explained{b.Explain("app:pr", "app", true), b.Explain("app:main", "app", false)},
	}
}

// savedBaseline is of an image in a test's memory.
func savedBaseline(t *testing.T) *budget.Saved {
	in := open(t, fixtures.Image("step COPY a /\n-- 0/a --\na\n-- 1/b --\n"))
	img := &budget.Image{Name: "app:main", Digest: in.Digest, Platform: "linux/amd64", Reader: heldLayers(in.Layers)}
	for i, l := range in.Layers {
		img.Layers = append(img.Layers, budget.Layer{
			Digest: in.Manifest.Layers[i].Digest, DiffID: l.TOC.DiffID(), Content: in.Manifest.Layers[i].Size, Step: &diff.Step{Short: "COPY a /"},
		})
	}
	return must(budget.Save(t.Context(), []*budget.Image{img}))
}

// heldLayers are layers that are read already.
type heldLayers []inspect.Layer

func (h heldLayers) Read(_ context.Context, numbers []int) (all []packages.Layer, err error) {
	for _, n := range numbers {
		all = append(all, packages.Layer{TOC: h[n].TOC, Kept: h[n].Kept})
	}
	return all, nil
}

func (h heldLayers) Open(context.Context, int, layer.Entry) (io.ReadCloser, error) {
	return nil, errors.ErrUnsupported
}
