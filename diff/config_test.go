package diff

import (
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func configChanges(old, new *v1.ConfigFile, o Options) (texts []string) {
	a, b := &Image{Config: old, Platform: "linux/amd64"}, &Image{Config: new, Platform: "linux/amd64"}
	c := comparison{old: a, new: b, o: o}
	for _, change := range c.config() {
		text := string(change.Kind) + " " + change.Field + " " + change.Key
		for _, v := range []*string{change.Old, change.New} {
			if v != nil {
				text += " [" + *v + "]"
			}
		}
		if change.Hidden {
			text += " hidden"
		}
		texts = append(texts, text)
	}
	return texts
}

// TestConfig says what counts as a difference of configurations, and what does not.
func TestConfig(t *testing.T) {
	file := func(c v1.Config, steps ...string) *v1.ConfigFile {
		f := &v1.ConfigFile{Config: c}
		for _, s := range steps {
			f.History = append(f.History, v1.History{CreatedBy: s, EmptyLayer: true})
		}
		return f
	}
	set := func(keys ...string) map[string]struct{} {
		m := map[string]struct{}{}
		for _, k := range keys {
			m[k] = struct{}{}
		}
		return m
	}
	for _, c := range []struct {
		name     string
		old, new *v1.ConfigFile
		want     []string
	}{
		{"the order of variables", file(v1.Config{Env: []string{"A=1", "B=2"}}), file(v1.Config{Env: []string{"B=2", "A=1"}}), nil},
		{"a variable set twice", file(v1.Config{Env: []string{"A=0", "A=1"}}), file(v1.Config{Env: []string{"A=1"}}), nil},
		{"variables", file(v1.Config{Env: []string{"A=1", "B=2"}}), file(v1.Config{Env: []string{"A=3", "C="}}),
			[]string{"modified env A [1] [3]", "deleted env B [2]", "added env C []"}},
		{"the order of words", file(v1.Config{Cmd: []string{"a", "b"}}), file(v1.Config{Cmd: []string{"b", "a"}}), []string{`modified cmd  [["a","b"]] [["b","a"]]`}},
		{"an entrypoint that is empty", file(v1.Config{}), file(v1.Config{Entrypoint: []string{}}), []string{"added entrypoint  [[]]"}},
		{"sets", file(v1.Config{ExposedPorts: set("80/tcp", "81/tcp"), Volumes: set("/a")}), file(v1.Config{ExposedPorts: set("81/tcp", "82/tcp"), Volumes: set("/a")}),
			[]string{"deleted port 80/tcp", "added port 82/tcp"}},
		{"labels", file(v1.Config{Labels: map[string]string{"a": "1", "b": ""}}), file(v1.Config{Labels: map[string]string{"a": "2"}}),
			[]string{"modified label a [1] [2]", "deleted label b []"}},
		{"a check", file(v1.Config{}), file(v1.Config{Healthcheck: &v1.HealthConfig{Test: []string{"NONE"}}}), []string{`added healthcheck  [{"Test":["NONE"]}]`}},
		{"user and directory", file(v1.Config{User: "a", WorkingDir: "/"}), file(v1.Config{User: "b", StopSignal: "9"}),
			[]string{"modified user  [a] [b]", "deleted workdir  [/]", "added stopsignal  [9]"}},
		{"steps", file(v1.Config{}, "ENV A", "CMD x", "CMD x"), file(v1.Config{}, "CMD x", "USER y"), []string{"deleted history ENV A", "deleted history CMD x", "added history USER y"}},
		{"a secret", file(v1.Config{Env: []string{"DB_PASSWORD=a"}}), file(v1.Config{Env: []string{"DB_PASSWORD=b"}}), []string{"modified env DB_PASSWORD hidden"}},
		{"a secret of a step", file(v1.Config{}), file(v1.Config{}, `ENV A=1 TOKEN="x y" B=2`), []string{"added history ENV A=1 TOKEN=… B=2 hidden"}},
		{"nothing to compare", nil, file(v1.Config{User: "a"}), nil},
	} {
		if got := configChanges(c.old, c.new, Options{}); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	secret := file(v1.Config{Env: []string{"DB_PASSWORD=a"}})
	if got := configChanges(file(v1.Config{}), secret, Options{ShowEnv: true}); !slices.Equal(got, []string{"added env DB_PASSWORD [a]"}) {
		t.Errorf("asked for secrets: %q", got)
	}
}

// TestSecrets tells variables that are shown from those that are not.
func TestSecrets(t *testing.T) {
	for variable, want := range map[[2]string]bool{
		{"PATH", "/usr/local/bin:/usr/bin"}: false, {"PYTHON_VERSION", "3.10.15"}: false, {"LANG", "C.UTF-8"}: false, {"PWD", "/app"}: false,
		{"GPG_KEY", "7169605F62C751356D054A26A821E680E5FA6305"}:                               true,
		{"PYTHON_SHA256", "aab0950817735172601879872d937c1e4928a57c409ae02369ec3d91dccebe79"}: false,
		{"BUILD", "aab0950817735172601879872d937c1e"}:                                         true,
		{"URL", "https://user:pass@example.com/x"}:                                            true,
		{"URL2", "https://user@example.com/x:y@z"}:                                            false,
		{"HOME_PAGE", "https://example.com/"}:                                                 false,
		{"A", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"}:                                     true,
		{"JWT", "eyJhbGciOiJIUzI1NiJ9.e30.x"}:                                                 true,
		{"AUTH", "x"}:                                                                         true, {"AUTHOR", "somebody"}: false, {"KEYBOARD", "us"}: false, {"MYTOKENS", "x"}: true,
		{"RANDOM", "kJ8s2Lq0Zx7vB1nM4cR5tY6u"}: true, {"WORDS", "this-is-a-long-name-of-a-package"}: false, {"NODE_OPTIONS", "--max-old-space-size=4096"}: false,
	} {
		changes := []ConfigChange{{Field: "env", Key: variable[0], New: &variable[1]}}
		if hideSecrets(changes); changes[0].Hidden != want {
			t.Errorf("%q: hidden %t", variable, changes[0].Hidden)
		}
	}
}
