package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cmd/report"
	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/fixtures"
	"github.com/layers/layers/inspect"
)

const (
	baseText = "step ADD file:1 in /\n-- 0/etc/motd --\nhello\n"
	appText  = "step ADD file:1 in /\nstep COPY app\n-- 0/etc/motd --\nhello\n-- 1/app --\napp\n"
	baseName = "org.opencontainers.image.base.name"
	baseSum  = "org.opencontainers.image.base.digest"
)

// annotated says in its manifest what it is built on.
func annotated(name, digest string) v1.Image {
	return fixtures.Image(appText, fixtures.Manifest(func(m *v1.Manifest) {
		m.Annotations = map[string]string{baseName: name, baseSum: digest}
	}))
}

// labelled says in its config what it is built on.
func labelled(name, digest string) v1.Image {
	return fixtures.Image(appText, fixtures.Config(func(c *v1.ConfigFile) {
		c.Config.Labels = map[string]string{baseName: name, baseSum: digest}
	}))
}

// baseOf is what layers base says of an image, as JSON has it.
func baseOf(t *testing.T, args ...string) *inspect.BaseReport {
	t.Helper()
	var r inspect.BaseReport
	if err := json.Unmarshal(layersOut(t, append([]string{"base", "-f", "json"}, args...)...), &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

// TestHintsAreCheckedAndNotBelieved: what an image says of its base is held against
// what it names.
func TestHintsAreCheckedAndNotBelieved(t *testing.T) {
	base := fixtures.Image(baseText)
	digest, err := base.Digest()
	if err != nil {
		t.Fatal(err)
	}
	r := fixtures.Serve(t, map[string]v1.Image{
		"base:1": base, "base:moved": fixtures.Image("-- 0/other --\n"), "twin:1": fixtures.Image(appText, fixtures.Platform("linux/arm64")),
		"wrong:1": fixtures.Image("-- 0/wrong --\n"), "empty:1": fixtures.FromLayers(nil),
	})
	const absent = "sha256:0000000000000000000000000000000000000000000000000000000000000001"
	for _, c := range []struct {
		name, digest string
		verdict      inspect.Verdict
		sure         inspect.Certainty
		bases        int
		reason       string
	}{
		{r.Ref("base:1"), "", inspect.VerdictBase, inspect.SameLayers, 1, ""},
		{r.Ref("base:1"), digest.String(), inspect.VerdictBase, inspect.SameDigest, 1, ""},
		{r.Ref("base"), digest.String(), inspect.VerdictBase, inspect.SameDigest, 1, ""},
		{r.Ref("base:moved"), digest.String(), inspect.VerdictBase, inspect.SameDigest, 1, ""},
		{r.Ref("base:1"), absent, inspect.VerdictBase, inspect.SameLayers, 1, ""},
		{r.Ref("base:moved"), absent, inspect.VerdictUnchecked, inspect.Likely, 0, "another image now"},
		{r.Ref("wrong:1"), "", inspect.VerdictWrong, "", 0, "not our lowest ones"},
		{r.Ref("twin:1"), "", inspect.VerdictSame, inspect.SameLayers, 0, ""},
		{r.Ref("gone:1"), "", inspect.VerdictUnchecked, inspect.Likely, 0, "not found"},
		{r.Ref("empty:1"), "", inspect.VerdictUnchecked, inspect.Likely, 0, "no layers"},
		{"127.0.0.1:1/x:1", "", inspect.VerdictUnchecked, inspect.Likely, 0, "was not asked, which this image is not from"},
		{"169.254.169.254/latest/meta-data", "", inspect.VerdictUnchecked, inspect.Likely, 0, "was not asked"},
		{"registry.corp.internal/x", absent, inspect.VerdictUnchecked, inspect.Likely, 0, "was not asked"},
		{"oci:/etc", "", inspect.VerdictUnchecked, inspect.Likely, 0, "not the name"},
		{"/etc/passwd", "", inspect.VerdictUnchecked, inspect.Likely, 0, "not the name"},
		{"-", "", inspect.VerdictUnchecked, inspect.Likely, 0, "not the name"},
		{"podman:x", "", inspect.VerdictUnchecked, inspect.Likely, 0, "not the name"},
		{"\x1b[2J\n\u202eevil", "", inspect.VerdictUnchecked, inspect.Likely, 0, "not the name"},
		{"", "sha256:zz", inspect.VerdictUnchecked, inspect.Likely, 0, "the digest is none"},
		{"", digest.String(), inspect.VerdictUnchecked, inspect.Likely, 0, "no name, and the image is not in the store"},
		{strings.Repeat("x/", 5000), "", inspect.VerdictUnchecked, inspect.Likely, 0, "not the name"},
	} {
		for kind, img := range map[string]v1.Image{"annotation": annotated(c.name, c.digest), "label": labelled(c.name, c.digest)} {
			t.Setenv("LAYERS_STORE", t.TempDir())
			if err := r.Push("app:1", img); err != nil {
				t.Fatal(err)
			}
			got := baseOf(t, r.Ref("app:1"))
			if len(got.Hints) != 1 || len(got.Bases) != c.bases {
				t.Fatalf("%.60q: %d hints, %d bases", c.name, len(got.Hints), len(got.Bases))
			}
			h := got.Hints[0]
			if string(h.Source) != kind || h.Verdict != c.verdict || h.Sure != c.sure || !strings.Contains(h.Reason, c.reason) {
				t.Errorf("%s %.60q %s: %+v", kind, c.name, c.digest, h)
			}
			if c.bases == 1 && got.Bases[0].Images[0].Sure != c.sure {
				t.Errorf("%.60q: the base is %+v", c.name, got.Bases[0].Images[0])
			}
			checkShown(t, layersOut(t, "base", r.Ref("app:1")))
		}
	}
}

// checkShown holds an answer for people to a width of 80 and to what terminals show.
func checkShown(t *testing.T, out []byte) {
	t.Helper()
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSuffix(line, "\n")
		if term.Escape(line) != line {
			t.Errorf("not escaped: %q", line)
		}
		if n := report.Width(line); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// TestBuildahNamesItsBasesInTheHistory: each FROM of it is a hint, and the base that it
// leads to is nearest.
func TestBuildahNamesItsBasesInTheHistory(t *testing.T) {
	r := fixtures.Serve(t, map[string]v1.Image{"base:1": fixtures.Image(baseText)})
	img := fixtures.Image("-- 0/etc/motd --\nhello\n-- 1/app --\n", fixtures.History(
		fixtures.Step{CreatedBy: "ADD x", Comment: "FROM scratch"},
		fixtures.Step{CreatedBy: "RUN a", Comment: "FROM " + r.Ref("base:1")},
		fixtures.Step{CreatedBy: "CMD b", Comment: "FROM 0123456789ab", Empty: true},
	))
	if err := r.Push("app:1", img); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LAYERS_STORE", t.TempDir())
	got := baseOf(t, r.Ref("app:1"))
	if len(got.Hints) != 1 || got.Hints[0].Below != 1 || got.Hints[0].Verdict != inspect.VerdictBase || got.Bases[0].Images[0].Names[0] != r.Ref("base:1") {
		t.Errorf("%+v %+v", got.Hints, got.Bases)
	}
	if len(got.Now) != 1 || got.Now[0].State != inspect.NowCurrent || got.Guess != nil {
		t.Errorf("%+v", got)
	}
	got = baseOf(t, "--pull", "never", "--offline=false", pulled(t, r.Ref("app:1")))
	if len(got.Bases) != 0 || got.Hints[0].Verdict != inspect.VerdictUnchecked || got.Guess == nil || got.Guess.Layers != 1 || got.Guess.Reasons[0].Code != inspect.SignFrom {
		t.Errorf("%+v %+v %+v", got.Bases, got.Hints, got.Guess)
	}
}

func pulled(t *testing.T, ref string) string {
	t.Helper()
	layersOut(t, "pull", ref)
	return ref
}

// TestAHostThatAnImageNamesIsNotAsked: nobody is sent into the own network by a label.
func TestAHostThatAnImageNamesIsNotAsked(t *testing.T) {
	asked := false
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer s.Close()
	host := s.Listener.Addr().String()
	r := fixtures.Serve(t, map[string]v1.Image{"app:1": labelled(host+"/base:1", "")})
	t.Setenv("LAYERS_STORE", t.TempDir())
	if got := baseOf(t, r.Ref("app:1")); got.Hints[0].Verdict != inspect.VerdictUnchecked || asked {
		t.Errorf("asked: %v, %+v", asked, got.Hints)
	}
	// Nor by an archive whose image is called as if it were from there.
	name := host + "/app:1"
	archive := filepath.Join(t.TempDir(), "evil.tar")
	f, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	err = fixtures.WriteDockerArchive(f, fixtures.Named{Name: name, Image: labelled(host+"/base:1", "")})
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	layersOut(t, "pull", archive)
	if got := baseOf(t, name); got.Hints[0].Verdict != inspect.VerdictUnchecked || asked {
		t.Errorf("asked: %v, %+v", asked, got.Hints)
	}
}

// TestOddImagesHaveBases: lies about sizes, no layers, no history.
func TestOddImagesHaveBases(t *testing.T) {
	lie := func(m *v1.Manifest) {
		m.Layers[0].Size = 1 << 62
	}
	r := fixtures.Serve(t, map[string]v1.Image{
		"base:1": fixtures.Image("-- 0/etc/motd --\nhello\n"), "lies:1": fixtures.Image("-- 0/etc/motd --\nhello\n-- 1/app --\napp\n", fixtures.Manifest(lie)),
		"none:1": fixtures.FromLayers(nil),
	})
	t.Setenv("LAYERS_STORE", t.TempDir())
	args := []string{"--candidates", r.Ref("base:1") + "," + r.Ref("none:1"), "--search", r.Ref("none")}
	if got := baseOf(t, append(args, r.Ref("lies:1"))...); len(got.Bases) != 1 || got.Bases[0].Content != 1<<62 || got.Own.Content >= 1<<62 {
		t.Errorf("%+v", got)
	}
	if got := baseOf(t, append(args, r.Ref("none:1"))...); len(got.Bases) != 0 || got.Own.Layers != 0 || len(got.Same) != 0 {
		t.Errorf("%+v", got)
	}
	checkShown(t, layersOut(t, "base", r.Ref("lies:1")))
	checkShown(t, layersOut(t, "pull", "--dry-run", r.Ref("lies:1"), r.Ref("none:1"), r.Ref("lies:1")))
}
