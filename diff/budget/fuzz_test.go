package budget

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

// FuzzReadSaved says that no file of a baseline, however it is made, ends the program: it
// is refused, or an image is checked against it.
func FuzzReadSaved(f *testing.F) {
	f.Add([]byte(`{"version":"layers.baseline/v1","images":[]}`))
	f.Add([]byte(`{"version":"layers.baseline/v1","images":[{"name":"app:main","digest":"sha256:` + strings.Repeat("ab", 32) + `","base":1,"layers":[` +
		`{"digest":"sha256:` + strings.Repeat("cd", 32) + `","diffId":"sha256:` + strings.Repeat("ef", 32) + `","content":5,"unpacked":9,"files":1,"holds":"x"}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ReadSaved(data)
		if err != nil {
			return
		}
		b := budgetOf(
			Rule{Kind: Growth, Limit: limit(1, 1, true)}, Rule{Kind: Growth, Of: Unpacked, Limit: limit(1, 1, false)},
			Rule{Kind: Growth, Within: Scope{Own: true}, Limit: bytesLimit(1)}, Rule{Kind: Fetch, Limit: bytesLimit(1)}, Rule{Kind: Rebuilt})
		for _, old := range s.For("app:pr") {
			r := check(t, b, image(t, "app:pr", "step COPY a\n-- 0/a --\na\n"), old)
			if _, err := json.Marshal(r); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzMatchesPath says that a pattern takes the same paths whether they are asked for one
// by one or in a walk.
func FuzzMatchesPath(f *testing.F) {
	f.Add(".git/**", "app/.git/HEAD")
	f.Add("/a/{b,c}*", "a/bx/y")
	f.Add("**/*.pem", "x.pem")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if len(pattern) > 100 || len(path) > 100 || strings.Contains("/"+path+"/", "//") {
			return // no clean path
		}
		m := newMatcher([]string{pattern})
		w := walker{matcher: m}
		for end := range len(path) + 1 {
			if end < len(path) && path[end] != '/' || end == 0 {
				continue
			}
			at := path[:end]
			if one, walked := m.takes(at), w.takes(at); one != walked {
				t.Fatalf("%q takes %q: %v, in a walk %v", pattern, at, one, walked)
			}
		}
	})
}

// BenchmarkForbid looks for what usual rules forbid in a layer of 20,000 files.
func BenchmarkForbid(b *testing.B) {
	var text strings.Builder
	for n := range 20_000 {
		text.WriteString("-- 0/usr/lib/python3/dist-packages/p" + string(rune('a'+n%26)) + "/m" + strings.Repeat("x", n%7) + "/" + string(rune('a'+n%23)) + strconv.Itoa(n) + ".py --\n")
	}
	img := image(b, "app", text.String())
	rule := Rule{Kind: Forbid, Paths: []string{".git", ".hg", ".svn", "*.pem", "id_rsa", "/root/.npmrc", "var/lib/apt/lists/*"}, Setuid: true}
	if _, err := img.layers(context.Background(), img.all()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if r := check(b, budgetOf(rule), img, nil); r.Outcome != Passed {
			b.Fatal(r.Results)
		}
	}
}
