package source

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// emptyHome is a home without any credentials.
func emptyHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(home, "run"))
	for _, name := range []string{"XDG_CONFIG_HOME", "REGISTRY_AUTH_FILE", "DOCKER_CONFIG", authVariable, mirrorVariable} {
		t.Setenv(name, "")
	}
	return home
}

func writeFile(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// auths is a credentials file that has for each key the user and password given.
func auths(pairs ...string) string {
	var out []string
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, fmt.Sprintf(`%q:{"auth":%q}`, pairs[i], base64.StdEncoding.EncodeToString([]byte(pairs[i+1]))))
	}
	return `{"auths":{` + strings.Join(out, ",") + `}}`
}

// found returns "user:password" that is found for a repository, and the warnings.
func found(t *testing.T, o Options, host, repo string) (string, []string) {
	t.Helper()
	var warnings []string
	o.Warn = func(s string) { warnings = append(warnings, s) }
	c, err := newKeychain(&o).find(context.Background(), host, repo)
	if err != nil {
		t.Fatal(err)
	}
	if c == nil {
		return "", warnings
	}
	return c.Username + ":" + c.Password + c.IdentityToken, warnings
}

func TestCredentialOrder(t *testing.T) {
	home := emptyHome(t)
	var o Options
	places := []func(text string){
		func(s string) { o.AuthFile = writeFile(t, home+"/option.json", s) },
		func(s string) { t.Setenv("REGISTRY_AUTH_FILE", writeFile(t, home+"/named.json", s)) },
		func(s string) { writeFile(t, home+"/run/containers/auth.json", s) },
		func(s string) { writeFile(t, home+"/.config/containers/auth.json", s) },
		func(s string) { t.Setenv(authVariable, s) },
		func(s string) { writeFile(t, home+"/.docker/config.json", s) },
		func(s string) {
			s = strings.TrimSuffix(strings.TrimPrefix(s, `{"auths":`), "}")
			writeFile(t, home+"/.dockercfg", s)
		},
	}
	// Each place has its own registry and those of all places before it.
	var registries []string
	for i, write := range places {
		registries = append(registries, fmt.Sprintf("r%d.example", i))
		var pairs []string
		for _, r := range registries {
			pairs = append(pairs, r, fmt.Sprintf("u%d:p", i))
		}
		write(auths(pairs...))
	}
	for i := range places {
		got, warnings := found(t, o, fmt.Sprintf("r%d.example", i), "a/b")
		if want := fmt.Sprintf("u%d:p", i); got != want || len(warnings) > 0 {
			t.Errorf("place %d: %q, want %q; %q", i, got, want, warnings)
		}
	}
}

func TestLongestNamespaceFirst(t *testing.T) {
	home := emptyHome(t)
	writeFile(t, home+"/.docker/config.json", auths(
		"r.example", "host:1", "r.example/a", "a:2", "r.example/a/b", "ab:3:x", "https://other.example/v2/", "old:4",
		"https://index.docker.io/v1/", "hub:5", "docker.io/acme", "acme:6"))
	for _, c := range [][3]string{
		{"r.example", "x", "host:1"}, {"r.example", "ab/c", "host:1"}, {"r.example", "a/c", "a:2"},
		{"r.example", "a/b", "ab:3:x"}, {"r.example", "a/b/c", "ab:3:x"}, {"other.example", "x/y", "old:4"},
		{"docker.io", "library/python", "hub:5"}, {"docker.io", "acme/x", "acme:6"}, {"none.example", "a/b", ""},
	} {
		if got, _ := found(t, Options{}, c[0], c[1]); got != c[2] {
			t.Errorf("%s/%s: %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

func TestDamagedAuthFiles(t *testing.T) {
	home := emptyHome(t)
	good := auths("r.example", "u:p")
	writeFile(t, home+"/.docker/config.json", good)
	for text, warning := range map[string]string{
		"":                                     "",
		"{":                                    "unexpected end",
		`{"auths":[]}`:                         "cannot unmarshal array",
		`{"auths":{"r.example":{"auth":"%"}}}`: "not base64",
		`{"auths":{"r.example":{"auth":"YWJj"}}}`: "not a user, a colon",
		`{"auths":{"r.example":"c2VjcmV0"}}`:      "not an object",
		`{"auths":{"r.example":{}}}`:              "",
		`{"auths":{"r.example":{"auth":"dTo="}}}`: "", // no password
		strings.Repeat(" ", authFileLimit+1):      "larger than",
	} {
		o := Options{AuthFile: writeFile(t, home+"/x.json", text)}
		got, warnings := found(t, o, "r.example", "a")
		all := strings.Join(warnings, "\n")
		if got != "u:p" || (warning == "") != (all == "") || !strings.Contains(all, warning) || strings.Contains(all, "c2VjcmV0") {
			t.Errorf("%.60q: %q, %q", text, got, warnings)
		}
	}
	if _, warnings := found(t, Options{AuthFile: home + "/missing.json"}, "r.example", "a"); len(warnings) != 1 {
		t.Errorf("a missing --authfile: %q", warnings)
	}
}

func TestIdentityToken(t *testing.T) {
	home := emptyHome(t)
	writeFile(t, home+"/.docker/config.json", `{"auths":{"r.example":{"auth":"PHRva2VuPjo=","identitytoken":"idt"}}}`)
	if got, _ := found(t, Options{}, "r.example", "a"); got != ":idt" {
		t.Errorf("%q", got)
	}
}

func TestHelpers(t *testing.T) {
	home := emptyHome(t)
	bin := filepath.Join(home, "bin")
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	script := func(name, body string) {
		writeFile(t, bin+"/docker-credential-"+name, "#!/bin/sh\nread server || :\n"+body+"\n")
	}
	script("good", `echo '{"ServerURL":"'$server'","Username":"u","Secret":"'$server'"}'`)
	script("token", `echo '{"Username":"<token>","Secret":"idt"}'`)
	script("none", `echo 'credentials not found in native keychain'; exit 1`)
	script("broken", `echo 'no dbus' >&2; exit 1`)
	script("noise", `echo '<html>'`)
	script("hangs", `exec sleep 1000`)
	for _, c := range []struct{ config, host, want, warning string }{
		{`"credHelpers":{"r.example":"good"}`, "r.example", "u:r.example", ""},
		{`"credHelpers":{"https://index.docker.io/v1/":"good"}`, "docker.io", "u:https://index.docker.io/v1/", ""},
		{`"credsStore":"good","auths":{"r.example":{}}`, "r.example", "u:r.example", ""},
		{`"credsStore":"good","credHelpers":{"r.example":"token"}`, "r.example", ":idt", ""},
		{`"credHelpers":{"r.example/a":"good"}`, "r.example", "u:r.example/a", ""},
		{`"credsStore":"none"`, "r.example", "later:p", ""},
		{`"credsStore":"missing"`, "r.example", "later:p", "docker-credential-missing is not installed"},
		{`"credsStore":"broken"`, "r.example", "later:p", "no dbus"},
		{`"credsStore":"noise"`, "r.example", "later:p", "not JSON"},
		{`"credsStore":"../evil"`, "r.example", "later:p", "not the name"},
		{`"credsStore":"hangs"`, "r.example", "later:p", "did not answer"},
	} {
		writeFile(t, home+"/.docker/config.json", "{"+c.config+"}")
		writeFile(t, home+"/.dockercfg", auths("r.example", "later:p")[len(`{"auths":`):len(auths("r.example", "later:p"))-1])
		times := newFakeTime()
		if strings.Contains(c.config, "hangs") {
			times.helper = 20 * time.Millisecond
		}
		got, warnings := found(t, Options{timing: &times.timing}, c.host, "a/b")
		all := strings.Join(warnings, "\n")
		if got != c.want || (c.warning == "") != (all == "") || !strings.Contains(all, c.warning) {
			t.Errorf("%s: %q, want %q; warnings %q", c.config, got, c.want, all)
		}
	}
}

func TestHelperIsCancelled(t *testing.T) {
	home := emptyHome(t)
	t.Setenv("PATH", home)
	writeFile(t, home+"/docker-credential-x", "#!/bin/sh\n")
	writeFile(t, home+"/.docker/config.json", `{"credsStore":"x"}`)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := newKeychain(&Options{}).find(ctx, "r.example", "a"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestCredentials(t *testing.T) {
	home := emptyHome(t)
	writeFile(t, home+"/.docker/config.json", `{"credsStore":"desktop","credHelpers":{"gcr.io":"gcloud"},`+auths("ghcr.io/a", "u:p", "https://index.docker.io/v1/", "u:p")[1:])
	t.Setenv(authVariable, "{")
	got := Credentials(Options{})
	i := slices.IndexFunc(got, func(f CredentialFile) bool { return f.Path == home+"/.docker/config.json" })
	want := CredentialFile{
		Path: home + "/.docker/config.json", Registries: []string{"docker.io", "gcr.io", "ghcr.io/a"},
		Helpers: []string{"desktop", "gcloud"},
	}
	if i < 0 || !reflect.DeepEqual(got[i], want) {
		t.Errorf("%+v", got)
	}
	if got[0].Path != home+"/run/containers/auth.json" || !errors.Is(got[0].Err, fs.ErrNotExist) {
		t.Errorf("%+v", got[0])
	}
	if got[i-1].Path != "$"+authVariable || got[i-1].Err == nil {
		t.Errorf("%+v", got[i-1])
	}
}

// FuzzAuthFile checks that no credentials file makes trouble, and that keys are
// normalized once and for all.
func FuzzAuthFile(f *testing.F) {
	f.Add(auths("https://index.docker.io/v1/", "u:p", "ghcr.io/a", "u:p"))
	f.Add(`{"auths":{"a":{"username":"u","password":"p"}},"credHelpers":{"https://a/":"x"},"credsStore":"y"}`)
	f.Fuzz(func(t *testing.T, s string) {
		a := &authFile{path: ".dockercfg"}
		if err := a.parse([]byte(s)); err != nil {
			return
		}
		for _, key := range a.registries() {
			if again := normalKey(key); again != key && !strings.Contains(key, "://") {
				t.Errorf("%q becomes %q", key, again)
			}
		}
	})
}
