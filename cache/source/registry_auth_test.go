package source

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/fixtures"
)

func TestRegistryAuth(t *testing.T) {
	home := emptyHome(t)
	config := home + "/.docker/config.json"
	for _, c := range []struct {
		name        string
		fault       fixtures.Fault
		credentials string // "" for none
		warning     string
		check       func(t *testing.T, err error)
	}{
		{"basic", fixtures.BasicAuth("u", "p"), "u:p", "", nil},
		{"bearer", fixtures.BearerAuth("u", "p", false), "u:p", "", nil},
		{"anonymous bearer", fixtures.BearerAuth("u", "p", true), "", "", nil},
		{"refused, and then anonymous", fixtures.BearerAuth("u", "p", true), "u:old", "refused the credentials of u from ~/.docker/config.json", nil},
		{"basic without", fixtures.BasicAuth("u", "p"), "", "", func(t *testing.T, err error) {
			e := wantError[*AuthError](t, err, "private, or there is no such image")
			if d := strings.Join(e.Detail, "\n"); !strings.Contains(d, "asked without credentials: none for ") || !strings.Contains(d, "~/.docker/config.json; no podman auth.json") {
				t.Errorf("%q", d)
			}
		}},
		{"basic refused", fixtures.BasicAuth("u", "p"), "u:old", "trying without", func(t *testing.T, err error) {
			e := wantError[*AuthError](t, err, "private, or there is no such image")
			if d := strings.Join(e.Detail, "\n"); !strings.Contains(d, "asked as u (~/.docker/config.json), which was refused, and without") {
				t.Errorf("%q", d)
			}
		}},
		{"bearer without", fixtures.BearerAuth("u", "p", false), "", "", func(t *testing.T, err error) {
			e := wantError[*NotFoundError](t, err, "not found, or private (401 from 127.0.0.1:")
			if d := strings.Join(e.Detail, "\n"); !strings.Contains(d, "asked without credentials") {
				t.Errorf("%q", d)
			}
		}},
		{"bearer refused", fixtures.BearerAuth("u", "p", false), "u:old", "trying without", func(t *testing.T, err error) {
			wantError[*AuthError](t, err, "401")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := fixtures.Serve(t, map[string]v1.Image{"app:1": small})
			r.Inject(fixtures.Match{}, c.fault)
			writeFile(t, config, auths("elsewhere.example", "x:y"))
			if c.credentials != "" {
				writeFile(t, config, auths(r.Host, c.credentials))
			}
			k := &talk{}
			img, err := openRef(t, r.Ref("app:1"), k.options(newFakeTime()))
			warnings := strings.Join(k.warnings, "\n")
			if (c.warning == "") != (warnings == "") || !strings.Contains(warnings, c.warning) {
				t.Errorf("warned %q", warnings)
			}
			if c.check != nil {
				c.check(t, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			readLayer(t, img.Image, 0)
		})
	}
}

// A token may end between any two requests.
func TestTokenExpires(t *testing.T) {
	home := emptyHome(t)
	r := fixtures.Serve(t, map[string]v1.Image{"app:1": small})
	writeFile(t, home+"/.docker/config.json", auths(r.Host, "u:p"))
	var issued, used atomic.Int64
	r.Inject(fixtures.Match{}, func(r *fixtures.Registry, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if user, _, _ := req.BasicAuth(); req.URL.Path == "/token" && user == "u" {
				used.Store(0)
				if err := json.NewEncoder(w).Encode(map[string]string{"access_token": fmt.Sprint("t", issued.Add(1))}); err != nil {
					t.Error(err)
				}
				return
			}
			if req.Header.Get("Authorization") == fmt.Sprint("Bearer t", issued.Load()) && used.Add(1) <= 1 {
				next.ServeHTTP(w, req)
				return
			}
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="x",scope="repository:app:pull"`, r.Host))
			w.WriteHeader(http.StatusUnauthorized)
		})
	})
	img, err := openRef(t, r.Ref("app:1"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	readLayer(t, img.Image, 0)
	readLayer(t, img.Image, 1)
	// The manifest, the config and two layers.
	if n := issued.Load(); n != 4 {
		t.Errorf("%d tokens", n)
	}
}

// An identity token is traded for an access token, and stays what it is when the
// server sends another, as all layers may read it at that moment.
func TestIdentityTokenIsTraded(t *testing.T) {
	home := emptyHome(t)
	r := fixtures.Serve(t, map[string]v1.Image{"app:1": small})
	writeFile(t, home+"/.docker/config.json", fmt.Sprintf(`{"auths":{%q:{"identitytoken":"idt"}}}`, r.Host))
	var issued, ended atomic.Int64
	r.Inject(fixtures.Match{}, func(r *fixtures.Registry, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			var token int64
			_, err := fmt.Sscanf(req.Header.Get("Authorization"), "Bearer t%d", &token)
			switch {
			case req.URL.Path == "/token" && req.FormValue("grant_type") == "refresh_token" && req.FormValue("refresh_token") == "idt":
				fmt.Fprintf(w, `{"access_token":"t%d","refresh_token":"other"}`, issued.Add(1))
			case err == nil && token > ended.Load():
				next.ServeHTTP(w, req)
			default:
				w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="x"`, r.Host))
				w.WriteHeader(http.StatusUnauthorized)
			}
		})
	})
	img, err := openRef(t, r.Ref("app:1"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	ended.Store(issued.Load()) // all layers ask for another at the same time
	var wg sync.WaitGroup
	for i := range 4 {
		l := layerAt(t, img.Image, i%2)
		wg.Go(func() {
			if _, err := readBlob(l); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestEndlessAuthentication(t *testing.T) {
	emptyHome(t)
	r := fixtures.Serve(t, map[string]v1.Image{"app:1": small})
	r.Inject(fixtures.Match{}, fixtures.Endless("text/plain"))
	_, err := openRef(t, r.Ref("app:1"), Options{timing: &newFakeTime().timing})
	wantError[*ProtocolError](t, err, "more than 65536 bytes")
}

// Credentials stay with the registry that they are for, wherever it sends us.
func TestRedirectCarriesNoCredentials(t *testing.T) {
	home := emptyHome(t)
	for name, auth := range map[string]fixtures.Fault{"basic": fixtures.BasicAuth("u", "p"), "bearer": fixtures.BearerAuth("u", "p", false)} {
		t.Run(name, func(t *testing.T) {
			r := fixtures.Serve(t, map[string]v1.Image{"app:1": small})
			other := fixtures.Serve(t, map[string]v1.Image{"app:1": small})
			_, port, _ := strings.Cut(other.Host, ":")
			writeFile(t, home+"/.docker/config.json", auths(r.Host, "u:p", other.Host, "u:p", "localhost:"+port, "u:p"))
			r.Inject(fixtures.Match{Path: "/blobs/", Times: 2}, fixtures.RedirectTo("http://localhost:"+port))
			r.Inject(fixtures.Match{Path: "/blobs/"}, fixtures.RedirectTo("http://"+other.Host))
			r.Inject(fixtures.Match{}, auth)
			img, err := openRef(t, r.Ref("app:1"), Options{})
			if err != nil {
				t.Fatal(err)
			}
			readLayer(t, img.Image, 0)
			readLayer(t, img.Image, 1)
			body, start, err := layerAt(t, img.Image, 0).CompressedFrom(context.Background(), 5)
			if err != nil || start != 5 {
				t.Fatal(start, err)
			}
			if _, err := io.Copy(io.Discard, body); err != nil {
				t.Fatal(err)
			}
			if err := body.Close(); err != nil {
				t.Fatal(err)
			}
			log := other.Log()
			if len(log) != 4 {
				t.Errorf("%d requests to the other host", len(log))
			}
			for _, req := range log {
				if a := req.Header.Get("Authorization"); a != "" {
					t.Errorf("%s %s carries %s", req.Method, req.Path, a)
				}
			}
		})
	}
}

func TestMirrorsOf(t *testing.T) {
	const list = "docker.io=m:5000, index.docker.io=M.example/hub/ ,ghcr.io=m:5000/ghcr,, broken,docker.io=m/UP,docker.io=index.docker.io"
	got, err := mirrorsOf("docker.io", list)
	if err == nil || !strings.Contains(err.Error(), "m/UP") {
		t.Errorf("%v", err)
	}
	want := []endpoint{
		{"m:5000", "m:5000", "", true}, {"m.example", "m.example", "hub/", true}, {"docker.io", hubEndpoint, "", true},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got, err := mirrorsOf("ghcr.io", "ghcr.io=m:5000/ghcr"); err != nil || len(got) != 1 || got[0].prefix != "ghcr/" {
		t.Errorf("%v, %v", got, err)
	}
	t.Setenv(mirrorVariable, "")
	if got := endpointsOf("docker.io", &Options{}); len(got) != 1 || got[0] != (endpoint{host: "docker.io", addr: "registry-1.docker.io"}) {
		t.Errorf("%v", got)
	}
}

func TestMirrors(t *testing.T) {
	emptyHome(t)
	r := fixtures.Serve(t, map[string]v1.Image{"app:1": small})
	mirror := fixtures.Serve(t, map[string]v1.Image{"hub/app:1": small})
	t.Setenv(mirrorVariable, r.Host+"="+mirror.Host+"/hub")
	k := &talk{}
	img, err := openRef(t, r.Ref("app:1"), k.options(newFakeTime()))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Log()) != 0 || len(k.warnings) != 0 || img.Name != r.Ref("app:1") {
		t.Errorf("%s: the registry was asked %d times; %q", img.Name, len(r.Log()), k.warnings)
	}
	// A layer that the mirror loses comes from the registry, as does all after it.
	mirror.Inject(fixtures.Match{Path: "/blobs/"}, fixtures.Status(404))
	readLayer(t, img.Image, 0)
	readLayer(t, img.Image, 1)
	if len(k.warnings) != 1 || !strings.HasPrefix(k.warnings[0], "mirror "+mirror.Host) {
		t.Errorf("%q", k.warnings)
	}
	for _, fault := range []fixtures.Fault{fixtures.Status(404), fixtures.Status(503), fixtures.Status(401), fixtures.HTML(), fixtures.Cut(3)} {
		mirror.Heal()
		mirror.Inject(fixtures.Match{}, fault)
		k := &talk{}
		if _, err := openRef(t, r.Ref("app:1"), k.options(newFakeTime())); err != nil || len(k.warnings) != 1 {
			t.Errorf("%v, %q", err, k.warnings)
		}
	}
}
