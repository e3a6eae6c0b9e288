package source

import (
	"errors"
	"strings"
	"testing"
)

const digestA = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func TestParse(t *testing.T) {
	t.Setenv("HOME", "/home/u")
	hexA := strings.TrimPrefix(digestA, "sha256:")
	for _, c := range []struct {
		text      string
		transport Transport
		path      string
		name      string
		digest    string
	}{
		{"python", Any, "", "docker.io/library/python:latest", ""},
		{"python:3.10", Any, "", "docker.io/library/python:3.10", ""},
		{"a/b", Any, "", "docker.io/a/b:latest", ""},
		{"docker.io/python", Any, "", "docker.io/library/python:latest", ""},
		{"index.docker.io/a/b:1", Any, "", "docker.io/a/b:1", ""},
		{"registry-1.docker.io/library/python:1", Any, "", "docker.io/library/python:1", ""},
		{"ghcr.io/a/b:1", Any, "", "ghcr.io/a/b:1", ""},
		{"GHCR.io/a/b:1", Any, "", "ghcr.io/a/b:1", ""},
		{"localhost/x", Any, "", "localhost/x:latest", ""},
		{"localhost:5000/x:y", Any, "", "localhost:5000/x:y", ""},
		{"[::1]:5000/x:y", Any, "", "[::1]:5000/x:y", ""},
		{"[::1]/x:y", Any, "", "[::1]/x:y", ""},
		{"registry:5000/app:1", Any, "", "registry:5000/app:1", ""},
		{"docker:5000/app", Any, "", "docker:5000/app:latest", ""},
		{"python:3.10@" + digestA, Any, "", "docker.io/library/python:3.10@" + digestA, digestA},
		{"python@" + digestA, Any, "", "docker.io/library/python@" + digestA, digestA},
		{"registry:2", Any, "", "docker.io/library/registry:2", ""},
		{"registry:latest", Any, "", "docker.io/library/registry:latest", ""},
		{"docker:dind", Any, "", "docker.io/library/docker:dind", ""},
		{"app.tar", Any, "", "docker.io/library/app.tar:latest", ""},
		{"deadbee:1", Any, "", "docker.io/library/deadbee:1", ""},
		{"deadbe", Any, "", "docker.io/library/deadbe:latest", ""},

		{"docker://python:3.10", Registry, "", "docker.io/library/python:3.10", ""},
		{"docker://deadbeef", Registry, "", "docker.io/library/deadbeef:latest", ""},
		{"docker://" + "registry:5000/x", Registry, "", "registry:5000/x:latest", ""},
		{"registry:python", Registry, "", "docker.io/library/python:latest", ""},
		{"registry:python:3.10", Registry, "", "docker.io/library/python:3.10", ""},
		{"registry:localhost:5000/x:1", Registry, "", "localhost:5000/x:1", ""},
		{"docker-daemon:app:main", Docker, "", "docker.io/library/app:main", ""},
		{"docker-daemon:" + digestA, Docker, "", "", hexA},
		{"podman:localhost/app", Podman, "", "localhost/app:latest", ""},
		{"podman:0123456789ab", Podman, "", "", "0123456789ab"},

		{"deadbeef", Store, "", "", "deadbeef"},
		{"1234567", Store, "", "", "1234567"},
		{hexA, Store, "", "", hexA},
		{digestA, Store, "", "", hexA},
		{"sha256:abcdef0", Store, "", "", "abcdef0"},
		{"store:python:3.10", Store, "", "docker.io/library/python:3.10", ""},
		{"store:deadbeef", Store, "", "", "deadbeef"},
		{"store:sha256:deadbeef", Store, "", "", "deadbeef"},

		{"oci:dir", OCI, "dir", "", ""},
		{"oci:/a/dir:v1", OCI, "/a/dir", "v1", ""},
		{"oci:dir:localhost/app:1", OCI, "dir", "localhost/app:1", ""},
		{"oci:a:b:", OCI, "a:b", "", ""},
		{"oci:~/x:v", OCI, "/home/u/x", "v", ""},
		{"oci-archive:x.tar:app:1", OCIArchive, "x.tar", "app:1", ""},
		{"docker-archive:x.tar", DockerArchive, "x.tar", "", ""},
		{"docker-archive:../x y.tar:python:3.10", DockerArchive, "../x y.tar", "python:3.10", ""},
		{"dir:rootfs", Directory, "rootfs", "", ""},
		{"dir:/a b:c", Directory, "/a b:c", "", ""},
		{"dir:5000/x:1", Directory, "5000/x:1", "", ""},
		{"dir:~/x", Directory, "/home/u/x", "", ""},
		{"./x.tar", Path, "./x.tar", "", ""},
		{"./a:b c", Path, "./a:b c", "", ""},
		{"/x", Path, "/x", "", ""},
		{"../d", Path, "../d", "", ""},
		{"~/x", Path, "/home/u/x", "", ""},
		{"~", Path, "/home/u", "", ""},
		{".", Path, ".", "", ""},
		{"-", Path, "-", "", ""},
	} {
		got, err := Parse(c.text)
		want := Reference{Text: c.text, Transport: c.transport, Path: c.path, Name: c.name, Digest: c.digest}
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %+v, %v\nwant %+v", c.text, got, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, reason := range map[string]string{
		"":                                   "empty",
		" ":                                  "blank",
		"pyt hon":                            "space, did you mean python",
		"python:3.10\n":                      "did you mean python:3.10",
		"Python:3.10":                        "lower case, did you mean python:3.10",
		"ghcr.io/Acme/App":                   "did you mean ghcr.io/acme/app",
		"python:":                            "tag is empty",
		"python:a/b":                         "not a host with a port",
		"python:" + strings.Repeat("a", 129): "longer than 128",
		"python@sha256:12":                   "64 digits",
		"python@md5:12":                      "only sha256",
		"docker:python:3.10":                 "did you mean docker://python:3.10",
		"docker:ghcr.io/a/b":                 "did you mean docker://ghcr.io/a/b",
		"docker://":                          "no name",
		"registry:":                          "no name",
		"https://ghcr.io/a/b":                "did you mean ghcr.io/a/b",
		"containers-storage:x/y":             "podman:NAME",
		"oci:":                               "followed by a path",
		"oci::tag":                           "followed by a path",
		"dir:":                               "followed by a path",
		"sha256:123":                         "7 to 64",
		"store:":                             "no name",
		"a//b":                               "empty",
		"a/":                                 "empty",
		"a..b":                               "single dots",
		"-x":                                 "not a name",
		`dir\x`:                              "begin with ./",
		"x\x00":                              "zero byte",
		"x\xff":                              "UTF-8",
		"host:port/x":                        "not a host with a port",
		"host.x:99999/x":                     "port",
		"[::z]/x":                            "IPv6",
		"ho_st.x/y":                          "name of a host",
		strings.Repeat("a/", 200) + "b":      "255",
	} {
		_, err := Parse(text)
		var rerr *ReferenceError
		if !errors.As(err, &rerr) || !strings.Contains(err.Error(), reason) {
			t.Errorf("Parse(%q): %v, want a reason with %q", text, err, reason)
		}
	}
}

func TestShort(t *testing.T) {
	for name, want := range map[string]string{
		"docker.io/library/python:3.10":       "python:3.10",
		"index.docker.io/library/python:3.10": "python:3.10",
		"docker.io/a/b:1":                     "a/b:1",
		"ghcr.io/a/b:1":                       "ghcr.io/a/b:1",
		"localhost:5000/x:y":                  "localhost:5000/x:y",
		"docker.io/library/python@" + digestA: "python@" + digestA,
		"docker.io/library/registry:2":        "registry:2",
		"docker.io/library/registry:x":        "library/registry:x",
		"docker.io/library/store:1":           "library/store:1",
		"docker.io/library/sha256:1234567":    "library/sha256:1234567",
		"docker.io/library/dir:1":             "library/dir:1",
		"docker.io/library/docker:24":         "docker:24",
		"oci:5000/x:1":                        "docker://oci:5000/x:1",
		"not a name":                          "not a name",
	} {
		if got := Short(name); got != want {
			t.Errorf("Short(%q) = %q, want %q", name, got, want)
		}
	}
}

// FuzzParse checks that a name survives being shortened for people.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"python:3.10", "ghcr.io/a/b@" + digestA, "registry:5000/a", "oci:5000/a:1", "docker://oci:1/a",
		"registry:registry:2", "store:sha256:deadbeef", "docker:A/b", "http://A", "oci-archive::", "[::1]:1/a",
		"docker://sha256:1234567", "podman:podman:podman", "docker://docker:1", "LOCALHOST/A", "~", "deadbeef:a", "dir:a:b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := Parse(s)
		if err != nil {
			if ref != (Reference{}) {
				t.Fatalf("%q: a reference beside %v", s, err)
			}
			return
		}
		switch ref.Transport {
		case Path, OCI, OCIArchive, DockerArchive, Directory:
			if ref.Path == "" {
				t.Fatalf("%q: no path", s)
			}
			return
		}
		if ref.Name == "" {
			if !isHexPrefix(ref.Digest) {
				t.Fatalf("%q: neither name nor digest", s)
			}
			return
		}
		again, err := Parse(Short(ref.Name))
		if err != nil || again.Name != ref.Name || again.Digest != ref.Digest {
			t.Fatalf("%q: name %q, short %q: %+v, %v", s, ref.Name, Short(ref.Name), again, err)
		}
	})
}
