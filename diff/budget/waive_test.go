package budget

import (
	"testing"
	"time"
)

func dayOf(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t.Add(day - 1)
}

func TestWaivers(t *testing.T) {
	growth := Rule{Kind: Growth, Name: "ours", Limit: bytesLimit(10)}
	forbid := Rule{Kind: Forbid, Paths: []string{"id_rsa", ".git"}}
	for _, c := range []struct {
		name   string
		waiver Waiver
		rule   Rule
		want   Outcome
		state  WaiverState
	}{
		{"by the rule's name", Waiver{Rule: "ours", Until: dayOf("2027-01-01")}, growth, Waived, WaiverUsed},
		{"by its kind", Waiver{Rule: "growth", Until: dayOf("2027-01-01")}, growth, Waived, WaiverUsed},
		{"without an end", Waiver{Rule: "growth"}, growth, Waived, WaiverUsed},
		{"of another rule", Waiver{Rule: "max"}, growth, Failed, WaiverUnused},
		{"on its last day", Waiver{Rule: "growth", Until: dayOf("2026-11-29")}, growth, Waived, WaiverUsed},
		{"on the day after", Waiver{Rule: "growth", Until: dayOf("2026-11-28")}, growth, Failed, WaiverExpired},
		{"far enough", Waiver{Rule: "growth", Limit: &Limit{Bytes: ptr(int64(1 << 30))}}, growth, Waived, WaiverUsed},
		{"not far enough", Waiver{Rule: "growth", Limit: &Limit{Bytes: ptr(int64(100))}}, growth, Failed, WaiverSmall},
		{"of all paths", Waiver{Rule: "forbid", Path: "/app/**"}, forbid, Waived, WaiverUsed},
		{"of some paths", Waiver{Rule: "forbid", Path: ".git"}, forbid, Failed, WaiverUsed},
		{"of other paths", Waiver{Rule: "forbid", Path: "/srv"}, forbid, Failed, WaiverUnused},
		{"of what is not broken", Waiver{Rule: "growth"}, Rule{Kind: Growth, Limit: bytesLimit(1 << 40)}, Passed, WaiverUnused},
	} {
		b := budgetOf(c.rule)
		b.Waivers = []Waiver{c.waiver}
		q := Question{Image: image(t, "app:pr", secretText), Baseline: Counterpart{Image: image(t, "app:main", "step RUN debootstrap\n-- 0/x --\n")}}
		r := checkAll(t, b, q)
		if got := r.Images[0].Results[0]; got.Outcome != c.want {
			t.Errorf("%s: %+v", c.name, got)
		}
		if got := r.Waivers[0].State; got != c.state {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

func TestAWaiverDoesNotStandForABaseline(t *testing.T) {
	b := budgetOf(Rule{Kind: Growth, Limit: bytesLimit(10)})
	b.Waivers = []Waiver{{Rule: "growth", Limit: &Limit{Bytes: ptr(int64(1 << 40))}}}
	r := checkAll(t, b, Question{Image: image(t, "app:pr", secretText), Baseline: Counterpart{Name: "app:main", Missing: "not found"}})
	if got := r.Images[0].Results[0]; got.Outcome != Failed || !got.Lacking || r.Waivers[0].State != WaiverUnused {
		t.Errorf("%+v, %s", got, r.Waivers[0].State)
	}
}

func ptr[T any](v T) *T { return &v }

func TestWaivedPathsLeaveTheOthers(t *testing.T) {
	b := budgetOf(Rule{Kind: Forbid, Paths: []string{"id_rsa", ".git"}})
	b.Waivers = []Waiver{{Rule: "forbid", Path: ".git"}}
	r := check(t, b, image(t, "app", secretText), nil).Results[0]
	if r.Matched != 1 || r.Measured != 1 || r.Matches[0].Path != "app/id_rsa" {
		t.Errorf("%+v", r)
	}
}
