//go:build corpus

package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

var corpus = []string{
	"debian:bookworm-slim", "python:3.10", "python:zstd", "app:main", "wasteful:1", "many:100", "node:1", "static:1", "rpm:1",
}

func corpusHost(t *testing.T) string {
	t.Helper()
	host := os.Getenv("LAYERS_TEST_REGISTRY")
	if host == "" {
		t.Fatal("LAYERS_TEST_REGISTRY is not set to the host:port of the corpus")
	}
	return host
}

func skopeo(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("skopeo", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("skopeo %q: %v\n%s", args, err, stderr.Bytes())
	}
	return out
}

// A real registry and skopeo agree with us on what an image is.
func TestCorpusDigests(t *testing.T) {
	emptyHome(t)
	host := corpusHost(t)
	for _, name := range corpus {
		t.Run(name, func(t *testing.T) {
			img, err := openRef(t, host+"/"+name, Options{})
			if err != nil {
				t.Fatal(err)
			}
			ref := "docker://" + host + "/" + name
			want := strings.TrimSpace(string(skopeo(t, "inspect", "--tls-verify=false", "--format", "{{.Digest}}", ref)))
			top := img.Digest
			if img.Index != nil {
				top = *img.Index
			}
			if top.String() != want {
				t.Errorf("%s, and skopeo says %s", top, want)
			}
			config, err := img.RawConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			if theirs := skopeo(t, "inspect", "--tls-verify=false", "--config", "--raw", ref); !bytes.Equal(bytes.TrimSpace(theirs), bytes.TrimSpace(config)) {
				t.Error("skopeo has another config")
			}
		})
	}
}

// A real registry resumes, and both halves make the blob.
func TestCorpusResumes(t *testing.T) {
	emptyHome(t)
	img, err := openRef(t, corpusHost(t)+"/debian:bookworm-slim", Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := layerAt(t, img.Image, 0)
	size, err := l.Size()
	if err != nil {
		t.Fatal(err)
	}
	whole, _, err := l.CompressedFrom(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	blob, err := io.ReadAll(io.LimitReader(whole, size/2))
	if err := errors.Join(err, whole.Close()); err != nil {
		t.Fatal(err)
	}
	rest, start, err := l.CompressedFrom(context.Background(), int64(len(blob)))
	if err != nil || start != int64(len(blob)) {
		t.Fatalf("starts at %d, %v", start, err)
	}
	end, err := io.ReadAll(rest)
	if err := errors.Join(err, rest.Close()); err != nil {
		t.Fatal(err)
	}
	want, err := l.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := v1.SHA256(bytes.NewReader(append(blob, end...))); err != nil || got != want {
		t.Errorf("%s, %v", got, err)
	}
}

func TestCorpusNotFound(t *testing.T) {
	emptyHome(t)
	for _, name := range []string{"python:no-such-tag", "no-such-image:1", "python@" + digestA} {
		_, err := openRef(t, corpusHost(t)+"/"+name, Options{})
		wantError[*NotFoundError](t, err, "no such")
	}
}

// The credentials that "skopeo login" writes are found and let us in.
func TestCorpusLogin(t *testing.T) {
	home := emptyHome(t)
	host := serveWithPassword(t, "http://"+corpusHost(t), "u", "p:with:colons")
	file := filepath.Join(home, "auth.json")
	skopeo(t, "login", "--tls-verify=false", "--authfile", file, "-u", "u", "-p", "p:with:colons", host)
	if _, err := openRef(t, host+"/static:1", Options{AuthFile: file}); err != nil {
		t.Error(err)
	}
	_, err := openRef(t, host+"/static:1", Options{})
	wantError[*AuthError](t, err, "private")
}

// serveWithPassword puts basic authentication before a registry.
func serveWithPassword(t *testing.T, upstream, user, password string) string {
	t.Helper()
	target, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if u, p, ok := req.BasicAuth(); !ok || u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="corpus"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		proxy.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}
