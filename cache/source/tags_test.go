package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/fixtures"
)

func TestPlausibleTags(t *testing.T) {
	tags := strings.Fields(`3.9 3.10 3.10-slim 3.10.15-slim-bookworm latest 3.14.0rc1 slim 3.11 3 9 10.2 bookworm-20240110
		sha256-` + strings.Repeat("ab", 32) + `.sig 3.14-windowsservercore-ltsc2022 deadbeefcafe 99999999999999999999999`)
	for _, c := range []struct {
		versions []string
		most     int
		want     string
	}{
		{nil, 6, "slim latest 99999999999999999999999 bookworm-20240110 10.2 9"},
		{[]string{"3.10.15"}, 5, "3.10.15-slim-bookworm 3.10 3.10-slim 3 slim"},
		{[]string{"3.1"}, 2, "3 slim"},
		{nil, 100, "slim latest 99999999999999999999999 bookworm-20240110 10.2 9 3.11 3.10.15-slim-bookworm 3.10 3.10-slim 3.9 3 3.14.0rc1 3.14-windowsservercore-ltsc2022 deadbeefcafe"},
		{nil, 0, ""},
	} {
		got := strings.Join(plausible(tags, c.versions, c.most), " ")
		if got != c.want {
			t.Errorf("of %v: got  %s\nwant %s", c.versions, got, c.want)
		}
	}
}

// In whatever order a registry lists them, the same tags are asked.
func FuzzPlausible(f *testing.F) {
	f.Add("3.10 latest 3.9-slim", "3.10.1", 2)
	f.Add("1.1.1.1 00001 -- 1..2", "", 9)
	f.Fuzz(func(t *testing.T, list, version string, most int) {
		tags := strings.Fields(list)
		slices.Sort(tags)
		tags = slices.Compact(tags)
		most = min(max(most, 0), 50)
		first := plausible(tags, []string{version}, most)
		slices.Reverse(tags)
		if again := plausible(tags, []string{version}, most); !slices.Equal(first, again) || len(first) > most {
			t.Errorf("%q, then %q", first, again)
		}
	})
}

// memory is a Memo.
func memory() func(string, func() ([]byte, error)) ([]byte, error) {
	var mu sync.Mutex
	kept := map[string][]byte{}
	return func(key string, fetch func() ([]byte, error)) ([]byte, error) {
		mu.Lock()
		data, ok := kept[key]
		mu.Unlock()
		if ok {
			return data, nil
		}
		data, err := fetch()
		if err == nil {
			mu.Lock()
			kept[key] = data
			mu.Unlock()
		}
		return data, err
	}
}

// A search reads manifests and configs, each once, and never a layer.
func TestSearchReadsNoLayer(t *testing.T) {
	emptyHome(t)
	images := map[string]v1.Image{"r:other": fixtures.Image("-- 0/x --\n", fixtures.Platform("linux/arm64"))}
	stack := ""
	for i := range 5 {
		stack += fmt.Sprintf("-- %d/f%d --\n", i, i)
		images[fmt.Sprintf("r:1.%d", i)] = fixtures.Image(stack)
		images[fmt.Sprintf("r:same-%d", i)] = fixtures.Image(stack)
	}
	r := fixtures.Serve(t, images)
	if err := r.PutManifest("r:broken", "application/vnd.oci.image.manifest.v1+json", []byte(`{"schemaVersion":2,"layers":[],"config":{"size":-1}}`)); err != nil {
		t.Fatal(err)
	}
	if err := r.PushIndex("r:many", fixtures.Index(images["r:1.1"], images["r:other"])); err != nil {
		t.Fatal(err)
	}
	platform := v1.Platform{OS: "linux", Architecture: "amd64"}
	o := SearchOptions{Options: Options{Memo: memory(), Platform: &platform}, Most: 100, Wants: func(m *v1.Manifest) bool { return len(m.Layers) <= 3 }}
	seen := 0
	o.Progress = func(_ string, done, asked, tags int) {
		seen++
		if done != seen || asked != 13 || tags != 13 {
			t.Errorf("%d: %d of %d, %d tags", seen, done, asked, tags)
		}
	}
	found, err := Search(t.Context(), r.Ref("r"), o)
	if err != nil {
		t.Fatal(err)
	}
	if found.Tags != 13 || !found.Whole || found.Asked != 13 || found.Failed != 1 || len(found.Images) != 8 {
		t.Errorf("%+v with %d images", found, len(found.Images))
	}
	if found.Name != r.Ref("r") || found.Images[0].Name == "" || found.Images[0].Digest == (v1.Hash{}) {
		t.Errorf("%q, %+v", found.Name, found.Images[0])
	}
	layers := layerDigests(t, images)
	gets := 0
	for _, q := range r.Log() {
		if q.Method == http.MethodGet && (strings.Contains(q.Path, "/manifests/") || strings.Contains(q.Path, "/blobs/")) {
			gets++
		}
		if layers[q.Path[strings.LastIndexByte(q.Path, '/')+1:]] {
			t.Errorf("a layer was asked for: %s %s", q.Method, q.Path)
		}
	}
	r.ForgetLog()
	o.Progress = nil
	if _, err := Search(t.Context(), r.Ref("r"), o); err != nil {
		t.Fatal(err)
	}
	for _, q := range r.Log() {
		if q.Method == http.MethodGet && strings.Contains(q.Path, "/blobs/") || q.Method == http.MethodGet && strings.Contains(q.Path, "sha256:") && !strings.Contains(q.Path, "broken") {
			t.Errorf("asked again: %s", q.Path)
		}
	}
	if gets == 0 {
		t.Error("nothing was fetched the first time")
	}
}

func layerDigests(t *testing.T, images map[string]v1.Image) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, img := range images {
		m, err := img.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range m.Layers {
			out[l.Digest.String()] = true
		}
	}
	return out
}

// serveTags is a registry whose list of tags is what page makes of the request.
func serveTags(t *testing.T, page http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.HasSuffix(req.URL.Path, "/tags/list") {
			page(w, req)
		}
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func listTags(t *testing.T, host string) ([]string, bool, error) {
	t.Helper()
	emptyHome(t)
	ref, n, err := parseRepository(host + "/r")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{timing: &newFakeTime().timing}
	return newRemote(n, ref, &o).tags(context.Background())
}

// Whatever a registry lists, an end is found.
func TestTagsThatDoNotEnd(t *testing.T) {
	requests := 0
	for name, c := range map[string]struct {
		page  http.HandlerFunc
		tags  int
		whole bool
	}{
		"100 000 and more at once": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"tags":["t0"`)
			for i := range 2 * maxTags {
				fmt.Fprintf(w, `,"t%d"`, i)
			}
			fmt.Fprint(w, `]}`)
		}, maxTags, false},
		"the same page for ever": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", `</v2/r/tags/list?last=a&n=1>; rel="next"`)
			fmt.Fprint(w, `{"tags":["a"]}`)
		}, 1, false},
		"new pages for ever": {func(w http.ResponseWriter, _ *http.Request) {
			requests++
			w.Header().Set("Link", fmt.Sprintf(`<http://elsewhere.example/v2/r/tags/list?last=%d>; rel=next`, requests))
			fmt.Fprintf(w, `{"tags":["a%d"]}`, requests)
		}, maxTagPages, false},
		"tags that are none": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"tags":["a","../../x","\u001b[2J","","b"]}`)
		}, 2, true},
		"null": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"tags":null}`) }, 0, true},
		"two pages": {func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Query().Get("last") == "" {
				w.Header().Set("Link", `</v2/r/tags/list?last=a&n=1>; rel="next"`)
				fmt.Fprint(w, `{"tags":["a"]}`)
				return
			}
			fmt.Fprint(w, `{"tags":["b"]}`)
		}, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			tags, whole, err := listTags(t, serveTags(t, c.page))
			if err != nil || len(tags) != c.tags || whole != c.whole {
				t.Errorf("%d tags, %v, %v", len(tags), whole, err)
			}
		})
	}
	if requests != maxTagPages {
		t.Errorf("%d requests", requests)
	}
}

func TestTagsThatAreNoList(t *testing.T) {
	for name, c := range map[string]struct {
		page http.HandlerFunc
		want any
	}{
		"html":  {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, new(*ProtocolError)},
		"json":  {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"tags":"x"}`) }, new(*MalformedError)},
		"huge":  {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat(" ", maxTagPage+9)) }, new(*MalformedError)},
		"none":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, new(*NotFoundError)},
		"limit": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }, new(*TemporaryError)},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := listTags(t, serveTags(t, c.page)); !errors.As(err, c.want) {
				t.Errorf("%T %v", err, err)
			}
		})
	}
}

// A rate limit ends a search: what was found until then is told.
func TestSearchEndsAtALimit(t *testing.T) {
	emptyHome(t)
	images := map[string]v1.Image{}
	for i := range 40 {
		images[fmt.Sprintf("r:%d", i)] = fixtures.Image("-- 0/x --\n")
	}
	r := fixtures.Serve(t, images)
	r.Inject(fixtures.Match{Path: "/manifests/", Skip: 3}, fixtures.TooManyRequests(0))
	found, err := Search(t.Context(), r.Ref("r"), SearchOptions{Options: Options{timing: &newFakeTime().timing}, Most: 40})
	wantError[*TemporaryError](t, err, "429")
	if found == nil || found.Tags != 40 || found.Asked > 10 {
		t.Errorf("%+v", found)
	}
}

func TestSearchWantsARepository(t *testing.T) {
	for _, text := range []string{"debian:12", "debian@" + digestA, "oci:x", "./x", "", "UPPER", "store:x", "localhost:5000/x:1"} {
		_, err := Search(t.Context(), text, SearchOptions{})
		wantError[*ReferenceError](t, err, "")
	}
	for _, text := range []string{"debian", "localhost:5000/x", "docker://ghcr.io/a/b", "registry:debian"} {
		if _, _, err := parseRepository(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	_, err := Search(t.Context(), "debian", SearchOptions{Options: Options{Offline: true}})
	wantError[*OfflineError](t, err, "debian")
}

func BenchmarkPlausible(b *testing.B) {
	var tags []string
	for i := range maxTags {
		tags = append(tags, fmt.Sprintf("3.%d.%d-slim-bookworm", i%20, i))
	}
	for b.Loop() {
		plausible(tags, []string{"3.10.15"}, 30)
	}
}
