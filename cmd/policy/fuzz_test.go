package policy

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/layers/layers/diff/budget"
)

func FuzzParse(f *testing.F) {
	for _, c := range wrongFiles {
		f.Add([]byte(c.text))
	}
	for line := range strings.SplitSeq(judged, "\n") {
		f.Add([]byte(rules + "      - {" + line + "}\n"))
	}
	f.Add([]byte(Init([]Facts{{Name: "app", Ref: "app:pr", Content: 5e6, Baseline: "app:main"}})))
	f.Add([]byte("rules:\n  lowestEfficiency: 0.95\n  highestWastedBytes: 20MB\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse("f", data)
		checkResult(t, data, p, err)
		p, _, err = ParseDiveCI("f", data)
		checkResult(t, data, p, err)
	})
}

func checkResult(t *testing.T, data []byte, p *budget.Policy, err error) {
	t.Helper()
	if err != nil {
		checkPlaces(t, data, err)
		return
	}
	for _, b := range p.Budgets {
		for _, pattern := range b.Match {
			if checkPattern(pattern) != nil {
				t.Errorf("the pattern %q", pattern)
			}
		}
		for _, r := range b.Rules {
			checkLimit(t, r.Limit)
			checkGlobs(t, append(r.Paths, r.Within.Path))
			if r.Level == "" || r.Kind == "" || r.Count < 0 {
				t.Errorf("%+v", r)
			}
		}
		for _, w := range b.Waivers {
			checkGlobs(t, []string{w.Path})
			if w.Limit != nil {
				checkLimit(t, *w.Limit)
			}
			if w.Until.IsZero() || w.Reason == "" || w.Owner == "" || w.Rule == "" {
				t.Errorf("%+v", w)
			}
		}
	}
}

// checkPlaces knows of the line breaks that YAML has.
func checkPlaces(t *testing.T, data []byte, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || len(e.Mistakes) == 0 {
		t.Fatalf("%v", err)
	}
	lines := strings.FieldsFunc(strings.ReplaceAll("x"+string(data), "\n", "\nx"), func(c rune) bool { return c == '\n' })
	breaks := strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")
	most := 1 + strings.Count(breaks.Replace(string(data)), "\n")
	longest := 0
	for _, l := range lines {
		longest = max(longest, utf8.RuneCountInString(l))
	}
	for _, m := range e.Mistakes {
		if m.Line < 1 || m.Line > most || m.Column < 1 || m.Column > longest || m.Text == "" {
			t.Errorf("%d:%d of %d lines of at most %d: %s", m.Line, m.Column, most, longest, m)
		}
		if strings.ContainsAny(m.String(), "\n\r\x1b\x00") || !utf8.ValidString(m.String()) {
			t.Errorf("%q", m.String())
		}
	}
}

func checkLimit(t *testing.T, l budget.Limit) {
	t.Helper()
	if l.Bytes != nil && *l.Bytes < 0 || l.Percent != nil && !(*l.Percent >= 0 && *l.Percent <= 1e9) {
		t.Errorf("%+v", l)
	}
}

func checkGlobs(t *testing.T, globs []string) {
	t.Helper()
	for _, g := range globs {
		if g == "" {
			continue
		}
		if again, err := ParseGlob(g); err != nil || again != g || !doublestar.ValidatePattern(g) {
			t.Errorf("%q: %q, %v", g, again, err)
		}
	}
}
