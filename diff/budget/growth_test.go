package budget

import (
	"slices"
	"testing"

	"github.com/layers/layers/diff"
)

const baseText = `step RUN debootstrap
step COPY app /app
-- 0/lib/big [size=5000000] --
-- 1/app/main.py --
print(1)
`

const grownText = `step RUN debootstrap
step COPY app /app
step RUN apt-get update && apt-get install -y vim
-- 0/lib/big [size=5000000] --
-- 1/app/main.py --
print(1)
-- 1/app/.git/objects/pack/one [size=3000000] --
-- 1/app/.git/HEAD --
ref: refs/heads/main
-- 2/var/lib/apt/lists/deb_Packages [size=2000000] --
-- 2/usr/bin/vim [size=1000000] --
`

func TestGrowthNamesWhatDidItAndReadsNothingThatIsShared(t *testing.T) {
	old, img := image(t, "app:main", baseText), image(t, "app:pr", grownText)
	b := budgetOf(Rule{Kind: Growth, Of: Unpacked, Limit: limit(1_000_000, 1, false)})
	r := check(t, b, img, old)
	if r.Outcome != Failed || r.Shared != 1 || r.Layers != 3 {
		t.Fatalf("%+v", r)
	}
	g := r.Results[0]
	if g.Measured != 6_000_021 || g.Before != 5_000_009 || g.After != 11_000_030 {
		t.Errorf("%d: %d to %d", g.Measured, g.Before, g.After)
	}
	if len(g.Causes) != 2 || g.Rest != 0 {
		t.Fatalf("%+v", g.Causes)
	}
	first, second := g.Causes[0], g.Causes[1]
	if first.Layer != 2 || first.Bytes != 3_000_021 || first.Relation != diff.Changed || first.Files[0].Path != "app/.git/objects/pack/one" {
		t.Errorf("%+v", first)
	}
	if second.Layer != 3 || second.Bytes != 3_000_000 || second.Parts[0].Path != "var/lib/apt/lists/deb_Packages" {
		t.Errorf("%+v", second)
	}
	if g.Hint == nil || g.Hint.Example != "**/.git" {
		t.Errorf("%+v", g.Hint)
	}
	if g.More != "layers diff app:main app:pr" {
		t.Error(g.More)
	}
}

func TestSharedLayersAreNotRead(t *testing.T) {
	old, img := image(t, "app:main", baseText), image(t, "app:pr", grownText)
	content := Rule{Kind: Growth, Limit: bytesLimit(10)}
	secrets := Rule{Kind: Forbid, Paths: []string{".git/**"}, Secrets: true}
	unpacked := Rule{Kind: Growth, Of: Unpacked, Limit: bytesLimit(10)}
	rebuilt := Rule{Kind: Rebuilt}
	r := check(t, budgetOf(content, secrets, unpacked, rebuilt, Rule{Kind: Fetch, Limit: bytesLimit(1)}), img, old)
	if r.Outcome != Failed {
		t.Fatalf("%+v", r)
	}
	if slices.Contains(img.readLayers(), 0) || slices.Contains(old.readLayers(), 0) {
		t.Errorf("read %v and %v", img.readLayers(), old.readLayers())
	}
}

func TestSizesInTheManifestNeedNoLayer(t *testing.T) {
	old, img := image(t, "app:main", baseText), image(t, "app:pr", grownText)
	max := Rule{Kind: Max, Limit: bytesLimit(1 << 30)}
	r := check(t, budgetOf(max, Rule{Kind: Growth, Limit: bytesLimit(1 << 30)}, Rule{Kind: Layers, Count: 3}, Rule{Kind: Fetch, Limit: bytesLimit(1 << 30)},
		Rule{Kind: User}, Rule{Kind: Max, Of: Content, Within: Scope{Step: "RUN apt-get*"}, Limit: bytesLimit(1 << 30)}), img, old)
	if len(img.readLayers())+len(old.readLayers()) > 0 {
		t.Errorf("read %v and %v", img.readLayers(), old.readLayers())
	}
	for _, result := range r.Results {
		if want := map[bool]Outcome{true: Failed, false: Passed}[result.Kind == User]; result.Outcome != want {
			t.Errorf("%s: %s", result.Kind, result.Outcome)
		}
	}
}

func TestLimitsInBytesAndPercent(t *testing.T) {
	for _, c := range []struct {
		limit           Limit
		measured, whole int64
		want            bool
	}{
		{limit(100, 1, false), 101, 1000, true},
		{limit(100, 1, false), 101, 10_100, false}, // 1 % to the byte
		{limit(100, 1, false), 101, 10_099, true},
		{limit(100, 1, false), 100, 10, false},
		{limit(100, 1, true), 100, 10, true},
		{limit(100, 1, true), 101, 1 << 40, true},
		{bytesLimit(0), 1, 0, true},
		{bytesLimit(0), 0, 0, false},
		{bytesLimit(0), -5, 100, false},
		{Limit{Percent: new(float64)}, 1, 0, true},
		{Limit{Percent: new(float64)}, -1, 0, false},
	} {
		if got := c.limit.exceeded(c.measured, c.whole); got != c.want {
			t.Errorf("%+v of %d in %d: %v", c.limit, c.measured, c.whole, got)
		}
	}
}

func TestAMissingBaselineIsNeverSilent(t *testing.T) {
	img := image(t, "app:pr", grownText)
	growth := Rule{Kind: Growth, Limit: bytesLimit(1)}
	for how, want := range map[OnMissing]Outcome{"": Failed, MissingFails: Failed, MissingWarns: Warned, MissingPass: Unknown} {
		b := budgetOf(growth)
		b.OnMissing = how
		r := checkAll(t, b, Question{Image: img, Baseline: Counterpart{Name: "app:main", Missing: "not found"}})
		result := r.Images[0].Results[0]
		if result.Outcome != want || result.Why != "the baseline app:main: not found" {
			t.Errorf("%s: %+v", how, result)
		}
	}
	r := check(t, budgetOf(growth), img, nil)
	if result := r.Results[0]; result.Outcome != Unknown || result.Why != "there is no baseline to compare with" {
		t.Errorf("%+v", result)
	}
}

func TestTheAnchorIsAnotherBaseline(t *testing.T) {
	anchor, old, img := image(t, "app:1.0", "-- 0/a --\na\n"), image(t, "app:main", grownText), image(t, "app:pr", grownText)
	b := budgetOf(Rule{Kind: Growth, Limit: bytesLimit(1000)}, Rule{Kind: Growth, Since: Anchor, Limit: bytesLimit(1000)})
	r := checkAll(t, b, Question{Image: img, Baseline: Counterpart{Image: old}, Anchor: Counterpart{Image: anchor}})
	results := r.Images[0].Results
	if results[0].Outcome != Failed || results[0].Since != Anchor || results[1].Outcome != Passed {
		t.Errorf("%+v", results)
	}
}

func TestWhatIsTooLargeIsNamedWithoutReadingWhatTheBaselineHas(t *testing.T) {
	old, img := image(t, "app:main", baseText), image(t, "app:pr", grownText)
	r := check(t, budgetOf(Rule{Kind: Max, Limit: bytesLimit(10)}), img, old).Results[0]
	if r.Outcome != Failed || len(r.Causes) != 3 || r.Rest != 0 {
		t.Fatalf("%+v", r)
	}
	for _, c := range r.Causes {
		if c.Relation != "" || (len(c.Files) > 0) != (c.Layer > 1) {
			t.Errorf("%+v", c)
		}
	}
	if slices.Contains(img.readLayers(), 0) || len(old.readLayers()) > 0 {
		t.Errorf("read %v and %v", img.readLayers(), old.readLayers())
	}
}
