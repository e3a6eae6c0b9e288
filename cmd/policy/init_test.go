package policy

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/layers/layers/diff/budget"
)

func TestInitAllowsWhatIsThereAndATenthMore(t *testing.T) {
	text := Init([]Facts{{
		Name: "app", Ref: "ghcr.io/acme/app:pr", Content: 43_200_000, Unpacked: 99_500_000, Reclaimable: 12_345, Layers: 9, User: "app:app",
		Baseline: "app:main", Base: "debian:bookworm-slim",
	}})
	p := parsed(t, text)
	if fits(t, text) != nil || len(p.Budgets) != 1 {
		t.Fatal(text)
	}
	b := p.Budgets[0]
	if b.Name != "app" || b.Image != "ghcr.io/acme/app:pr" || b.Baseline != "app:main" || b.Base != "debian:bookworm-slim" || !slices.Equal(b.Match, []string{"app"}) {
		t.Errorf("%+v", b)
	}
	got := map[budget.Kind]budget.Rule{}
	for _, r := range b.Rules {
		if r.Kind == budget.Max && r.Of == budget.Unpacked {
			if *r.Limit.Bytes != 110e6 {
				t.Errorf("%+v", r)
			}
			continue
		}
		got[r.Kind] = r
	}
	if *got[budget.Max].Limit.Bytes != 48e6 || *got[budget.Reclaimable].Limit.Bytes != 1_100_000 || got[budget.Layers].Count != 10 ||
		!got[budget.Forbid].Secrets || got[budget.Growth].Kind == "" || got[budget.User].Kind == "" {
		t.Errorf("%+v", got)
	}
}

func TestInitShowsEveryKindOfRule(t *testing.T) {
	text := Init([]Facts{{Name: "app", Ref: "app:pr"}})
	parsed(t, text)
	for _, kind := range budget.Kinds {
		if !strings.Contains(text, "- "+string(kind)+":") {
			t.Errorf("no %s in\n%s", kind, text)
		}
	}
}

// What is a comment is right, too, when its mark is taken away.
func TestInitIsRightWithoutItsMarks(t *testing.T) {
	text := Init([]Facts{{Name: "app", Ref: "app:pr", User: "0", Content: 5_000_000}})
	var lines []string
	for line := range strings.Lines(text) {
		bare := strings.TrimLeft(line, " ")
		mark, ok := strings.CutPrefix(bare, "# ")
		isKey := strings.HasPrefix(mark, " ") || strings.HasPrefix(mark, "- ") || slices.ContainsFunc([]string{"match:", "baseline:", "anchor:", "base:", "platforms:", "waivers:", "setuid:"}, func(k string) bool { return strings.HasPrefix(mark, k) })
		if ok && isKey {
			line = line[:len(line)-len(bare)] + mark
		}
		lines = append(lines, line)
	}
	p := parsed(t, strings.Join(lines, ""))
	if b := p.Budgets[0]; len(b.Rules) < 14 || len(b.Waivers) != 1 || len(b.Platforms) != 2 || len(b.Match) != 2 || b.Anchor == "" {
		t.Errorf("%d rules, %+v\n%s", len(b.Rules), b, strings.Join(lines, ""))
	}
}

func TestInitOfHostileNames(t *testing.T) {
	names := []string{
		"", " ", "a\nb", "a\n    rules: [evil]", `"`, `'`, "a: b", "a #b", "# a", "- a", "{a}", "[a", "*", "**", "&a", "!a", "| ", "> ", "%a", "@a", "`",
		"null", "~", "true", "yes", "1", "1.0", "2026-01-01", "<<", "0x1", "?", "a\x1b[31m", "::error ::x", "](javascript:x)", "@team", "<img>", "a\xffb", "a\x00b",
		"{{", "{{.SHA}}", "{{evil}}", "a:", ":", "@", "a\\", "a\\b", "\uFEFFa", "\u2028", "\u0085", strings.Repeat("x", 10_000), "app", "app", "a/b:c",
		"no-image-3", "no-image-3", "\t", "---", "...", "\U0010FFFF",
	}
	var images []Facts
	for _, n := range names {
		images = append(images, Facts{Name: n, Ref: n, Baseline: n, Base: n, User: n, Content: math.MaxInt64, Unpacked: -5, Reclaimable: math.MinInt64, Layers: math.MaxInt})
	}
	text := Init(images)
	p := parsed(t, text)
	if len(p.Budgets) != len(names) {
		t.Errorf("%d budgets of %d names", len(p.Budgets), len(names))
	}
	if err := fits(t, text); err != nil {
		t.Error(err)
	}
	for i, b := range p.Budgets {
		if want := clean(names[i]); strings.TrimSpace(want) != "" && !strings.Contains(names[i], "{{") && len(want) < 4096 && b.Image != want {
			t.Errorf("the image %q became %q", names[i], b.Image)
		}
		for _, r := range b.Rules {
			if r.Kind == budget.Max && *r.Limit.Bytes <= 0 {
				t.Errorf("%+v", r)
			}
		}
	}
	for _, c := range text {
		if c < ' ' && c != '\n' || c == '\u2028' || c == '\u0085' {
			t.Fatalf("%q is in the file", c)
		}
	}
}

func TestInitOfNoImage(t *testing.T) {
	if p := parsed(t, Init(nil)); len(p.Budgets) != 1 || len(p.Budgets[0].Rules) != 1 || !budget.MatchesReference(p.Budgets[0].Match[0], "ghcr.io/acme/app:1") {
		t.Errorf("%+v", p)
	}
}

func TestRoomIsRoundedUp(t *testing.T) {
	for n, want := range map[int64]string{
		0: "1MB", 1: "1.1MB", 1_000_000: "2MB", 10_000_000: "11MB", 43_200_000: "48MB", 89_000_000: "98MB", 90_000_000: "99MB", 90_500_000: "100MB",
		123_456_789: "140MB", 999_999_999: "1.1GB", 9_000_000_000: "9.9GB", math.MaxInt64: "9.2EB", 8_280_000_000_000_000_000: "9.2EB", -7: "1MB",
	} {
		got := room(n)
		if got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
		if l := limitOf(t, got); *l.Bytes < max(n, 0) && n < 9e18 {
			t.Errorf("%d: %s is less", n, got)
		}
	}
}
