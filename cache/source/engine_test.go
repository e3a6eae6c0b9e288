package source

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// fakeEngine speaks the part of the API that is asked for.
type fakeEngine struct {
	images  map[string]string // what /get sends, by name
	version string
	answer  func(w http.ResponseWriter, r *http.Request) bool // instead of what is usual, if it is true
}

func (e *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if e.answer != nil && e.answer(w, r) {
		return
	}
	path := r.URL.Path
	name, isJSON := strings.CutSuffix(strings.TrimPrefix(path, "/images/"), "/json")
	saved, isGet := strings.CutSuffix(strings.TrimPrefix(path, "/images/"), "/get")
	switch {
	case path == "/version":
		fmt.Fprint(w, e.version)
	case path == "/images/json":
		var list []map[string]any
		for n := range e.images {
			list = append(list, map[string]any{"RepoTags": []string{n}})
		}
		_ = json.NewEncoder(w).Encode(append(list, map[string]any{"RepoTags": []string{"<none>:<none>"}}))
	case isJSON && e.images[name] != "":
		fmt.Fprint(w, `{"Id": "sha256:00"}`)
	case isGet && e.images[saved] != "":
		_, _ = io.WriteString(w, e.images[saved])
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"message": "No such image: `+name+`"}`)
	}
}

// listen serves an engine on a socket and returns its address.
func (e *fakeEngine) listen(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "engine") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if e.version == "" {
		e.version = `{"Version": "1.2.3"}`
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: e}}
	s.Start()
	t.Cleanup(s.Close)
	return "unix://" + path
}

// noEngines is an environment that names no engine.
func noEngines(t *testing.T) string {
	t.Helper()
	home := emptyHome(t)
	for _, name := range []string{"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "CONTAINER_HOST"} {
		t.Setenv(name, "")
		if err := os.Unsetenv(name); err != nil { // podman minds whether it is set
			t.Fatal(err)
		}
	}
	return home
}

func TestEngine(t *testing.T) {
	noEngines(t)
	e := &fakeEngine{images: map[string]string{
		"docker.io/library/app:1":               savedText(),
		"localhost/mine:1":                      savedText(),
		"docker.io/library/mine:1":              savedText(),
		"ghcr.io/a/b@" + someDigest:             savedText(),
		"aaaaaaaaaaaa":                          savedText(),
		"docker.io/library/both:1":              tree{}.with(savedForms()["docker 25"], "").tar(),
		"docker.io/library/compressed:latest":   savedForms()["compressed layers"].tar(),
		"docker.io/library/cut:1":               savedText()[:3000],
		"docker.io/library/something:1":         "hello",
		"registry.example.com:5000/team/app:v1": savedText(),
	}}
	addr := e.listen(t)
	t.Setenv("DOCKER_HOST", addr)
	t.Setenv("CONTAINER_HOST", addr)
	for text, want := range map[string]string{
		"docker-daemon:app:1":                                 "docker.io/library/app:1",
		"podman:app:1":                                        "docker.io/library/app:1",
		"docker-daemon:mine:1":                                "docker.io/library/mine:1",
		"podman:mine:1":                                       "localhost/mine:1",
		"podman:docker.io/library/mine:1":                     "docker.io/library/mine:1",
		"docker-daemon:ghcr.io/a/b:t@" + someDigest:           "ghcr.io/a/b@" + someDigest,
		"docker-daemon:aaaaaaaaaaaa":                          "",
		"docker-daemon:both:1":                                "docker.io/library/both:1",
		"podman:compressed":                                   "docker.io/library/compressed:latest",
		"docker-daemon:registry.example.com:5000/team/app:v1": "registry.example.com:5000/team/app:v1",
	} {
		temp := t.TempDir()
		img := openOne(t, text, Options{TempDir: temp})
		if got := strings.Join(img.Names, " "); got != want || img.Ref.Text != text || img.From != img.Ref.Transport || img.Name == "" {
			t.Errorf("%s: %q %q", text, img.Name, got)
		}
		checkLayers(t, img.Image)
		if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
			t.Errorf("%v is left, %v", left, err)
		}
	}
	_, err := openText(t, "docker-daemon:ap:1", Options{}, false)
	if e := wantError[*NotFoundError](t, err, "no such image"); !slices.Contains(e.Have, "docker-daemon:app:1") {
		t.Errorf("%q", e.Have)
	}
	_, err = openText(t, "docker-daemon:cut:1", Options{}, false)
	wantError[*TemporaryError](t, err, "unexpected EOF")
	_, err = openText(t, "docker-daemon:something:1", Options{}, false)
	wantError[*KindError](t, err, "a text file")
}

func TestEngineFailures(t *testing.T) {
	noEngines(t)
	e := &fakeEngine{images: map[string]string{"docker.io/library/app:1": savedText()}}
	t.Setenv("DOCKER_HOST", e.listen(t))
	status := func(code int, part string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, part) {
				return false
			}
			w.WriteHeader(code)
			fmt.Fprint(w, `{"message": "it rains"}`)
			return true
		}
	}
	open := func() error {
		_, err := openText(t, "docker-daemon:app:1", Options{}, false)
		return err
	}
	e.answer = status(500, "app:1/json")
	wantError[*UnavailableError](t, open(), "it rains (500)")
	e.answer = status(503, "app:1/get")
	wantError[*TemporaryError](t, open(), "it rains (503)")
	e.answer = status(403, "app:1/json")
	wantError[*AuthError](t, open(), "it rains (403)")
	e.answer = status(404, "app:1/get") // removed in between
	wantError[*NotFoundError](t, open(), "it rains")
	e.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/get") {
			w.Header().Set("Content-Length", "1000000")
			_, _ = io.WriteString(w, savedText()[:1000])
			return true
		}
		return false
	}
	wantError[*TemporaryError](t, open(), "unexpected EOF")
	e.answer = func(w http.ResponseWriter, r *http.Request) bool {
		fmt.Fprint(w, "<html>Welcome to nginx</html>")
		return true
	}
	if err := wantError[*UnavailableError](t, open(), "no Docker engine answers"); !strings.Contains(err.Detail[0], "it is HTML") {
		t.Errorf("%q", err.Detail)
	}
	ctx, cancel := context.WithCancel(context.Background())
	e.answer = func(w http.ResponseWriter, r *http.Request) bool {
		cancel()
		<-r.Context().Done()
		return true
	}
	_, err := Open(ctx, Reference{Text: "docker-daemon:app:1", Transport: Docker, Name: "docker.io/library/app:1"}, Options{})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestEngineMissing(t *testing.T) {
	home := noEngines(t)
	t.Setenv("DOCKER_HOST", "unix://"+home+"/none.sock")
	t.Setenv("CONTAINER_HOST", "unix://"+home+"/none.sock")
	for _, transport := range []string{"docker-daemon", "podman"} {
		_, err := openText(t, transport+":x", Options{}, false)
		e := wantError[*UnavailableError](t, err, "engine answers")
		if len(e.Detail) != 2 || !strings.Contains(e.Detail[0], home+"/none.sock") || !strings.Contains(e.Detail[0], "no such socket") {
			t.Errorf("%q", e.Detail)
		}
	}
	stale := filepath.Join(home, "stale.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{
		"unix://" + stale:        "nothing listens there",
		"ssh://me@there":         "ssh -nNT -L",
		"npipe:////./pipe/d":     "npipe:// is not supported",
		"fd://":                  "fd:// is not supported",
		"tcp://":                 "is not the address",
		"tcp://127.0.0.1:1":      "nothing listens there",
		"127.0.0.1:1":            "nothing listens there",
		"unix://" + home + "/%s": "no such socket",
	} {
		t.Setenv("DOCKER_HOST", host)
		_, err := openText(t, "docker-daemon:x", Options{}, false)
		e := wantError[*UnavailableError](t, err, "")
		if !strings.Contains(strings.Join(e.Detail, "\n"), want) {
			t.Errorf("%s: %v %q", host, err, e.Detail)
		}
	}
}

// As root no permission is ever denied: then the test runs once more as nobody.
func TestEngineDenied(t *testing.T) {
	const socket = "TEST_DENIED_SOCKET"
	if path := os.Getenv(socket); path != "" {
		noEngines(t)
		t.Setenv("DOCKER_HOST", path)
		_, err := openText(t, "docker-daemon:x", Options{}, false)
		e := wantError[*AuthError](t, err, "refused access")
		if !errors.Is(err, fs.ErrPermission) || !strings.Contains(e.Detail[len(e.Detail)-1], "usermod -aG docker") {
			t.Errorf("%v %q", err, e.Detail)
		}
		if s := Engines(); len(s) == 0 || !strings.Contains(s[0].Advice, "usermod") || !errors.Is(s[0].Err, fs.ErrPermission) {
			t.Errorf("%+v", s)
		}
		return
	}
	addr := (&fakeEngine{}).listen(t)
	path := strings.TrimPrefix(addr, "unix://")
	if err := errors.Join(os.Chmod(filepath.Dir(path), 0o755), os.Chmod(path, 0)); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "denied")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "test")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(program, raw, 0o755), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	temp := filepath.Join(dir, "tmp")
	if err := errors.Join(os.Mkdir(temp, 0o777), os.Chmod(temp, 0o777)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run", "^TestEngineDenied$")
	cmd.Dir, cmd.Env = temp, append(os.Environ(), socket+"="+addr, "TMPDIR="+temp)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestDockerContexts(t *testing.T) {
	home := noEngines(t)
	addr := (&fakeEngine{images: map[string]string{"docker.io/library/app:1": savedText()}}).listen(t)
	// sha256 of "work"
	id := hashOf("work").Hex
	writeFile(t, filepath.Join(home, ".docker/contexts/meta", id, "meta.json"),
		`{"Name": "work", "Metadata": {}, "Endpoints": {"docker": {"Host": "`+addr+`", "SkipTLSVerify": false}}}`)
	config := filepath.Join(home, ".docker/config.json")
	writeFile(t, config, `{"currentContext": "work"}`)
	openOne(t, "docker-daemon:app:1", Options{})

	writeFile(t, config, `{}`)
	t.Setenv("DOCKER_CONTEXT", "work")
	openOne(t, "docker-daemon:app:1", Options{})

	t.Setenv("DOCKER_CONTEXT", "gone")
	_, err := openText(t, "docker-daemon:app:1", Options{}, false)
	if e := wantError[*UnavailableError](t, err, ""); !strings.Contains(e.Detail[0], `context "gone" of DOCKER_CONTEXT`) {
		t.Errorf("%q", e.Detail)
	}
	t.Setenv("DOCKER_HOST", addr) // wins
	openOne(t, "docker-daemon:app:1", Options{})

	t.Setenv("DOCKER_HOST", "")
	t.Setenv("DOCKER_CONTEXT", "")
	writeFile(t, config, `{"currentContext": `)
	_, err = openText(t, "docker-daemon:app:1", Options{}, false)
	if e := wantError[*UnavailableError](t, err, ""); !strings.Contains(e.Detail[0], config) {
		t.Errorf("%q", e.Detail)
	}
}

func TestEngineTLS(t *testing.T) {
	home := noEngines(t)
	s := httptest.NewTLSServer(&fakeEngine{version: `{"Version": "1"}`, images: map[string]string{"docker.io/library/app:1": savedText()}})
	defer s.Close()
	t.Setenv("DOCKER_HOST", "tcp://"+s.Listener.Addr().String())
	open := func() error {
		_, err := openText(t, "docker-daemon:app:1", Options{}, false)
		return err
	}
	if e := wantError[*UnavailableError](t, open(), ""); !strings.Contains(e.Detail[0], "HTTPS server") {
		t.Errorf("%q", e.Detail)
	}
	t.Setenv("DOCKER_TLS_VERIFY", "1")
	if e := wantError[*UnavailableError](t, open(), ""); !strings.Contains(e.Detail[0], "certificate") {
		t.Errorf("%q", e.Detail)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	writeFile(t, filepath.Join(home, ".docker/ca.pem"), string(ca))
	if err := open(); err != nil {
		t.Error(err)
	}
	certs := t.TempDir()
	writeFile(t, filepath.Join(certs, "ca.pem"), "nothing")
	t.Setenv("DOCKER_CERT_PATH", certs)
	if e := wantError[*UnavailableError](t, open(), ""); !strings.Contains(e.Detail[0], "no certificate in it") {
		t.Errorf("%q", e.Detail)
	}
}

func TestEngines(t *testing.T) {
	home := noEngines(t)
	t.Setenv("CONTAINER_HOST", (&fakeEngine{version: `{"Version": "4.3.1", "Components": [{"Name": "Podman Engine"}]}`}).listen(t))
	t.Setenv("DOCKER_HOST", "unix://"+home+"/none.sock")
	all := Engines()
	if len(all) != 2 {
		t.Fatalf("%+v", all)
	}
	if d := all[0]; d.Name != "Docker" || d.Reachable || !errors.Is(d.Err, fs.ErrNotExist) || d.From != "DOCKER_HOST" || d.Advice == "" {
		t.Errorf("%+v", d)
	}
	if p := all[1]; p.Name != "Podman" || !p.Reachable || p.Err != nil || p.Version != "Podman 4.3.1" || p.Advice != "" {
		t.Errorf("%+v", p)
	}
	t.Setenv("DOCKER_HOST", "")
	t.Setenv("CONTAINER_HOST", "")
	if all := Engines(); len(all) < 4 || all[0].Socket != "unix:///var/run/docker.sock" {
		t.Errorf("%+v", all)
	}
}
