//go:build corpus

package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/layers/layers/inspect"
)

// realBases is what the corpus's images are built on, as its script says: the images
// whose layers are the lowest ones, the lowest first; of those with the same layers, all.
var realBases = map[string]string{
	"debian:bookworm-slim": "", "static:1": "", "static:2": "", "rpm:1": "", "rpm:2": "",
	"python:3.10": "debian:bookworm-slim", "python:3.11": "debian:bookworm-slim", "python:zstd": "debian:bookworm-slim",
	"node:1": "debian:bookworm-slim", "node:2": "debian:bookworm-slim", "many:100": "debian:bookworm-slim", "wasteful:1": "debian:bookworm-slim",
	"app:main": "debian:bookworm-slim python:3.10 python:zstd", "app:pr": "debian:bookworm-slim python:3.10 python:zstd",
}

// TestRealBases finds the bases of real images in three ways: by what the images say of
// themselves, by searching the registry, and offline among what the store has. No layer
// is fetched for the first two.
func TestRealBases(t *testing.T) {
	host, program := corpusHost(t), built(t)
	dir := t.TempDir()
	t.Setenv("LAYERS_STORE", filepath.Join(dir, "empty"))
	var repositories []string
	for _, r := range []string{"debian", "python", "app", "node", "wasteful", "many", "static", "rpm"} {
		repositories = append(repositories, host+"/"+r)
	}
	for image, want := range realBases {
		checkBases(t, "by hints", host, image, nearest(want), realBase(t, program, host+"/"+image), true)
		found := realBase(t, program, "--search", strings.Join(repositories, ","), host+"/"+image)
		checkBases(t, "by search", host, image, want, found, false)
		if found.Guess != nil && want != "" {
			t.Errorf("%s: a guess where the base is known", image)
		}
		wantSame := map[string]string{"python:3.10": "python:zstd", "python:zstd": "python:3.10"}[image]
		var same []string
		for _, s := range found.Same {
			same = append(same, s.Names...)
		}
		if got := strings.ReplaceAll(strings.Join(same, " "), host+"/", ""); got != wantSame {
			t.Errorf("%s: the same layers as %q, want %q", image, got, wantSame)
		}
	}
	if got := strings.TrimSpace(output(t, program, "images", "-q")); got != "" {
		t.Errorf("pulled: %s", got)
	}
	t.Setenv("LAYERS_STORE", filepath.Join(dir, "store"))
	for image := range realBases {
		output(t, program, "pull", "-q", host+"/"+image)
	}
	for image, want := range realBases {
		found := realBase(t, program, "--offline", host+"/"+image)
		checkBases(t, "in the store", host, image, want, found, false)
		checkSums(t, program, host+"/"+image, found)
	}
}

func realBase(t *testing.T, program string, args ...string) *inspect.BaseReport {
	t.Helper()
	var r inspect.BaseReport
	if err := json.Unmarshal([]byte(output(t, program, append([]string{"base", "-f", "json"}, args...)...)), &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

// nearest leaves out of a chain what an image does not say of itself: who else has the
// same layers.
func nearest(chain string) string { return strings.TrimSuffix(chain, " python:zstd") }

func checkBases(t *testing.T, how, host, image, want string, r *inspect.BaseReport, hinted bool) {
	t.Helper()
	var got []string
	for _, b := range r.Bases {
		for _, i := range b.Images {
			got = append(got, i.Names...)
		}
	}
	if text := strings.ReplaceAll(strings.Join(got, " "), host+"/", ""); text != want {
		t.Errorf("%s, %s: %q, want %q", image, how, text, want)
	}
	for _, h := range r.Hints {
		if hinted && h.Name != "" && h.Verdict != inspect.VerdictBase { // buildah gives scratch a digest without a name
			t.Errorf("%s: %+v", image, h)
		}
	}
}

// checkSums holds the parts of the chain, and base and own of layers inspect, against
// the image's sums.
func checkSums(t *testing.T, program, image string, r *inspect.BaseReport) {
	t.Helper()
	var i inspect.Report
	if err := json.Unmarshal([]byte(output(t, program, "inspect", "-f", "json", "--offline", image)), &i); err != nil {
		t.Fatal(err)
	}
	content, unpacked := r.Own.Content, *r.Own.Unpacked
	for _, b := range r.Bases {
		content, unpacked = content+b.Content, unpacked+*b.Unpacked
	}
	if content != i.Totals.Content || unpacked != i.Totals.Unpacked {
		t.Errorf("%s: the parts are %d and %d, the image %d and %d", image, content, unpacked, i.Totals.Content, i.Totals.Unpacked)
	}
	if (i.Base == nil) != (len(r.Bases) == 0) {
		t.Errorf("%s: inspect has the base %+v", image, i.Base)
	}
	if i.Base != nil && (i.Base.Content+i.Own.Content != content || i.Base.Unpacked+*i.Own.Unpacked != unpacked || i.Base.Name != r.Nearest().Name()) {
		t.Errorf("%s: base %+v, own %+v", image, i.Base, i.Own)
	}
}
