package cmd

import (
	"slices"
	"testing"
	"time"
)

func TestKeptNames(t *testing.T) {
	for name, patterns := range map[string]map[string]bool{
		"registry.example.com:5000/team/app:main-3@sha256:00": {
			"main*": true, "main": false, "app:*": true, "app:*@*": true, "team/**": true, "team/*": true, "app*": true,
			"registry.example.com:5000/**": true, "5000*": false, "**": true, "*": true,
		},
		"python:3.10": {"python:*": true, "3.1?": true, "3.[01]": false, "{python,debian}:3*": true, "pyth": false},
		"python":      {"python": true, "latest": false},
		"":            {"a": false},
	} {
		for pattern, want := range patterns {
			f := keepFlags{names: []string{"nothing", pattern}}
			if got := f.keeps([]string{name}); (got != "") != want {
				t.Errorf("%s, like %s: %q", name, pattern, got)
			}
		}
	}
	if parts := partsOf("a/b:c"); !slices.Equal(parts, []string{"a/b:c", "b:c", "c"}) {
		t.Errorf("parts %q", parts)
	}
}

func TestAges(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30d": 720 * time.Hour, "2w": 336 * time.Hour, "12h": 12 * time.Hour, "1h30m": 90 * time.Minute, "0d": 0, "0s": 0,
	} {
		if got, ok := parseAge(text); !ok || got != want {
			t.Errorf("%s: %v %t", text, got, ok)
		}
	}
	for _, text := range []string{"", "d", "-1d", "-1h", "30", "1y", "99999999999999999d", "40000000w", "1.5d", "d30"} {
		if got, ok := parseAge(text); ok {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}
