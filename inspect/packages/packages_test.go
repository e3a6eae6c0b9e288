package packages

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/layers/layers/fixtures"
)

// find returns the packages as lines, and the set.
func find(t testing.TB, layers []Layer) (lines []string, set *Set) {
	t.Helper()
	set, err := Find(t.Context(), layers)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range set.Packages {
		line := fmt.Sprintf("%s %s %s", p.Kind, p.Name, p.Version)
		for _, s := range []string{p.Arch, p.Path} {
			if s != "" {
				line += " " + s
			}
		}
		lines = append(lines, fmt.Sprintf("%s, layer %d: %d files, %d bytes", line, p.Layer, p.Files, p.Bytes))
	}
	return lines, set
}

func wantLines(t testing.TB, what string, got []string, want string) {
	t.Helper()
	if got := strings.Join(got, "\n"); got != strings.TrimSpace(want) {
		t.Errorf("%s:\n%s\nwant:\n%s", what, got, want)
	}
}

// pathsOf asks Paths for every package of a set, one by one and all at once, and
// holds them against the numbers of files.
func pathsOf(t testing.TB, layers []Layer, set *Set) map[string][]string {
	t.Helper()
	all, err := Paths(t.Context(), layers, set.Packages)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string][]string)
	for i, p := range set.Packages {
		one, err := Paths(t.Context(), layers, []Package{p})
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(all[i])) != p.Files || !slices.Equal(one[0], all[i]) || !slices.IsSortedFunc(all[i], comparePaths) {
			t.Errorf("%s %s: %d files, paths %q, alone %q", p.Kind, p.Name, p.Files, all[i], one[0])
		}
		out[cmp.Or(p.Path, p.Name)] = all[i]
	}
	return out
}

const status = `Package: libc6
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Version: 2.36-9
Description: a library
 Package: not a field

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1

Package: half
Status: install ok half-installed
Version: 1

Package: bash
Status: hold ok installed
Version: 5.2
Architecture: amd64

`

// The directories of the lists are links in the image, as after the merge of /usr.
func TestDebs(t *testing.T) {
	in := image(t, `
-- 0/lib -> usr/lib --
-- 0/bin -> /usr/bin --
-- 0/usr/bin/bash [size=1000 mode=755] --
-- 0/usr/bin/sh -> bash --
-- 0/usr/lib/x/libc.so.6 [size=500] --
-- 0/usr/lib/x/libc.so => usr/lib/x/libc.so.6 --
-- 0/usr/share/doc/libc6/copyright [size=7] --
-- 0/var/lib/dpkg/status --
old
-- 0/var/lib/dpkg/info/libc6:amd64.list --
/.
/lib
/lib/x
/lib/x/libc.so.6
/lib/x/libc.so
/usr
/usr/share
/usr/share/doc
/usr/share/doc/libc6
/usr/share/doc/libc6/copyright
/usr/share/doc/libc6/removed
-- 1/etc/nobodys [size=9] --
-- 1/usr/share/doc/libc6/copyright [size=11] --
-- 1/var/lib/dpkg/status --
`+status+`-- 1/var/lib/dpkg/info/bash.list --
/.
/bin
/bin/bash
/bin/sh
/opt/loop/x
-- 1/opt/loop -> loop --
`)
	got, set := find(t, in)
	wantLines(t, "packages", got, `
deb bash 5.2 amd64, layer 2: 2 files, 1000 bytes
deb libc6 2.36-9 amd64, layer 1: 3 files, 511 bytes
`)
	databases := int64(0)
	for _, name := range []string{"libc6:amd64.list", "bash.list"} {
		e := lookup(t, in, "var/lib/dpkg/info/"+name)
		databases += e.Size
	}
	databases += int64(len(status))
	if set.Owned != (Sum{5, 1511}) || set.Unowned != (Sum{7, 9 + databases}) || len(set.Notes) != 0 {
		t.Errorf("%+v %+v %v, %d of databases", set.Owned, set.Unowned, set.Notes, databases)
	}
	paths := pathsOf(t, in, set)
	if want := []string{"usr/bin/bash", "usr/bin/sh"}; !slices.Equal(paths["bash"], want) {
		t.Errorf("%q", paths["bash"])
	}
}

func TestDistroless(t *testing.T) {
	in := image(t, `
-- 0/var/lib/dpkg/status.d/base --
Package: base-files
Version: 12
Architecture: amd64
-- 0/var/lib/dpkg/status.d/base.md5sums --
0123456789abcdef0123456789abcdef  usr/share/base/a b
0123456789abcdef0123456789abcdef  usr/share/base/c
-- 0/var/lib/dpkg/status.d/netbase --
Package: netbase
Version: 6
-- 1/usr/share/base/a b [size=3] --
`)
	got, set := find(t, in)
	wantLines(t, "packages", got, `
deb base-files 12 amd64, layer 1: 1 files, 3 bytes
deb netbase 6, layer 1: 0 files, 0 bytes
`)
	pathsOf(t, in, set)
}

func TestApks(t *testing.T) {
	in := image(t, `
-- 0/lib/apk/db/installed --
C:Q1abc=
P:musl
V:1.2.4-r2
A:x86_64
F:lib
R:ld-musl.so.1
a:0:0:755
Z:Q1xyz=
R:libc.so
F:

P:root
V:1
R:top
F:etc
R:conf

V:no name
-- 0/lib/ld-musl.so.1 [size=600] --
-- 0/lib/libc.so -> ld-musl.so.1 --
-- 0/top [size=1] --
-- 1/etc/conf [size=2] --
`)
	got, set := find(t, in)
	wantLines(t, "packages", got, `
apk musl 1.2.4-r2 x86_64, layer 1: 2 files, 600 bytes
apk root 1, layer 1: 2 files, 3 bytes
`)
	pathsOf(t, in, set)
}

func TestPythons(t *testing.T) {
	in := image(t, `
-- 0/var/lib/dpkg/status --
Package: python3-six
Status: install ok installed
Version: 1.16
-- 0/var/lib/dpkg/info/python3-six.list --
/usr/lib/python3/dist-packages/six.dist-info/METADATA
-- 0/usr/lib/python3/dist-packages/six.dist-info/METADATA --
Name: six
-- 1/usr/local/lib/python3/site-packages/Flask-2.0.dist-info/METADATA --
Metadata-Version: 2.1
name: Flask
Version: 2.0

Name: not me
-- 1/usr/local/lib/python3/site-packages/Flask-2.0.dist-info/RECORD --
../../../bin/flask,sha256=x,3
"flask/a,""b"".py",sha256=x,10
flask/_vendor/dep.dist-info/METADATA,,
Flask-2.0.dist-info/METADATA,,
Flask-2.0.dist-info/RECORD,,
-- 1/usr/local/lib/python3/site-packages/Flask-2.0.dist-info/INSTALLER [size=4] --
-- 1/usr/local/lib/python3/site-packages/flask/_vendor/dep.dist-info/METADATA --
Name: vendored
-- 1/"usr/local/lib/python3/site-packages/flask/a,\"b\".py" [size=10] --
-- 1/usr/local/bin/flask [size=3 mode=755] --
-- 1/usr/local/lib/python3/site-packages/old.egg-info --
Name: old
Version: 0.1
-- 1/usr/local/lib/python3/site-packages/older-3.egg-info/PKG-INFO --
Name: older
Version: 3
-- 1/usr/local/lib/python3/site-packages/older-3.egg-info/installed-files.txt --
../older.py
-- 1/usr/local/lib/python3/site-packages/older.py [size=5] --
-- 1/usr/local/lib/python3/site-packages/nameless.dist-info/METADATA --
Version: 3
`)
	sp := "usr/local/lib/python3/site-packages/"
	flask := lookup(t, in, sp+"Flask-2.0.dist-info/METADATA").Size + lookup(t, in, sp+"Flask-2.0.dist-info/RECORD").Size +
		lookup(t, in, sp+"flask/_vendor/dep.dist-info/METADATA").Size + 17
	got, set := find(t, in)
	wantLines(t, "packages", got, fmt.Sprintf(`
deb python3-six 1.16, layer 1: 1 files, 10 bytes
python Flask 2.0 usr/local/lib/python3/site-packages/Flask-2.0.dist-info, layer 2: 6 files, %d bytes
python old 0.1 usr/local/lib/python3/site-packages/old.egg-info, layer 2: 1 files, 23 bytes
python older 3 usr/local/lib/python3/site-packages/older-3.egg-info, layer 2: 3 files, 40 bytes
`, flask))
	if want := []Note{{sp + "nameless.dist-info/METADATA", "it has no name of a package"}}; !slices.Equal(set.Notes, want) {
		t.Errorf("%v", set.Notes)
	}
	pathsOf(t, in, set)
}

func TestNPM(t *testing.T) {
	in := image(t, `
-- 0/app/index.js [size=1] --
-- 0/app/node_modules/.bin/a -> ../a/x.js --
-- 0/app/node_modules/a/lib/package.json --
{"type": "module"}
-- 0/app/node_modules/a/lib/x.js [size=100] --
-- 0/app/node_modules/a/x.js => app/node_modules/a/lib/x.js --
-- 0/app/node_modules/a/node_modules/b/package.json --
{"name": "b", "version": "2.0.0", "bin": {}}
-- 0/app/node_modules/a/node_modules/b/z.js [size=1000] --
-- 0/app/node_modules/a/node_modules/bare/z.js [size=7] --
-- 0/app/node_modules/a/package.json --
{"name": "a", "version": "1.0.0"}
-- 1/app/node_modules/@types/node/package.json --
{"version": 5}
-- 1/app/node_modules/@types/node/i.d.ts [size=3] --
-- 1/app/node_modules/broken/package.json --
{
`)
	got, set := find(t, in)
	wantLines(t, "packages", got, `
npm @types/node  app/node_modules/@types/node, layer 2: 2 files, 18 bytes
npm a 1.0.0 app/node_modules/a, layer 1: 5 files, 160 bytes
npm b 2.0.0 app/node_modules/a/node_modules/b, layer 1: 2 files, 1045 bytes
`)
	if set.Unowned != (Sum{3, 3}) || set.Owned != (Sum{9, 1223}) || len(set.Notes) != 1 {
		t.Errorf("%+v %+v %v", set.Unowned, set.Owned, set.Notes)
	}
	pathsOf(t, in, set)
}

func TestProgramsAndArchives(t *testing.T) {
	server := goProgram("go1.26.0", "path\texample.org/server/cmd\nmod\texample.org/server\tv1.2.3\th1:x\ndep\ta\tv1\t\ndep\tb\tv1\t\n")
	jar := archive(t, "META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\nImplementation-Version: 7.8\r\n .9\r\n\r\n")
	in := open(t, fixtures.Build([][]fixtures.Entry{{
		{Name: "server", Body: server, Mode: 0o755},
		{Name: "link", Link: "server", Type: '1'},
		{Name: "data/server", Body: server, Mode: 0o644},
		{Name: "usr/bin/go", Body: goProgram("go1.26.0", "path\tcmd/go\n"), Mode: 0o755},
		{Name: "usr/bin/owned", Body: server, Mode: 0o755},
		{Name: "var/lib/dpkg/status", Body: "Package: x\nStatus: install ok installed\n"},
		{Name: "var/lib/dpkg/info/x.list", Body: "/usr/bin/owned\n"},
		{Name: "srv/node_modules/n/package.json", Body: `{"name":"n"}`},
		{Name: "srv/node_modules/n/prog", Body: server, Mode: 0o755},
		{Name: "srv/node_modules/none/prog", Body: server, Mode: 0o755},
	}, {
		{Name: "opt/app.jar", Body: jar},
		{Name: "opt/lib/commons-lang3-3.12.0.jar", Body: jar},
		{Name: "opt/lib/nothing.jar", Body: "x"},
	}}))
	got, set := find(t, in)
	n := len(server)
	wantLines(t, "packages", got, fmt.Sprintf(`
deb x , layer 1: 1 files, %d bytes
go cmd/go go1.26.0 usr/bin/go, layer 1: 1 files, %d bytes
go example.org/server v1.2.3 link, layer 1: 2 files, %d bytes
go example.org/server v1.2.3 srv/node_modules/none/prog, layer 1: 1 files, %d bytes
java app 7.8.9 opt/app.jar, layer 2: 1 files, %d bytes
java commons-lang3 3.12.0 opt/lib/commons-lang3-3.12.0.jar, layer 2: 1 files, %d bytes
npm n  srv/node_modules/n, layer 1: 2 files, %d bytes
`, n, len(goProgram("go1.26.0", "path\tcmd/go\n")), n, n, len(jar), len(jar), n+len(`{"name":"n"}`)))
	if p := set.Packages[2]; p.Go != "go1.26.0" || p.Modules != 2 {
		t.Errorf("%+v", p)
	}
	pathsOf(t, in, set)
}

// What a caller stores of a set is what it gets back.
func TestJSON(t *testing.T) {
	_, set := find(t, image(t, "-- 0/node_modules/a/package.json --\n{\"name\": \"a\"}\n-- 0/node_modules/b/package.json --\n"))
	data, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	var back Set
	if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(&back, set) {
		t.Errorf("%+v, %v, want %+v", back, err, set)
	}
	want := `{"packages":[{"kind":"npm","name":"a","path":"node_modules/a","layer":1,"files":1,"bytes":14}],` +
		`"owned":{"files":1,"bytes":14},"unowned":{"files":1,"bytes":0},"notes":[{"path":"node_modules/b/package.json","why":"it is no JSON"}]}`
	if string(data) != want {
		t.Errorf("%s\nwant %s", data, want)
	}
	if data, _ = json.Marshal(Set{Packages: []Package{}}); !strings.HasPrefix(string(data), `{"packages":[]`) {
		t.Errorf("%s", data)
	}
}

// TestPathsAfterJSON asks for the paths of packages whose names JSON cannot hold.
func TestPathsAfterJSON(t *testing.T) {
	in := image(t, "-- 0/\"node_modules/a\\xff\\xfe/package.json\" --\n{}\n")
	_, set := find(t, in)
	data, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	var back Set
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	paths, err := Paths(t.Context(), in, back.Packages)
	if err != nil || len(paths) != 1 || !slices.Equal(paths[0], []string{"node_modules/a\xff\xfe/package.json"}) {
		t.Errorf("%q, %v", paths, err)
	}
}

// TestLinksAcrossOwners has one file under names of several owners.
func TestLinksAcrossOwners(t *testing.T) {
	in := image(t, `
-- 0/node_modules/a/package.json --
{"name": "a"}
-- 0/a-nobodys [size=50] --
-- 0/node_modules/a/x => a-nobodys --
-- 0/node_modules/b/package.json --
{"name": "b"}
-- 0/node_modules/b/x => a-nobodys --
-- 0/z-nobodys => a-nobodys --
`)
	got, set := find(t, in)
	wantLines(t, "packages", got, `
npm a  node_modules/a, layer 1: 2 files, 64 bytes
npm b  node_modules/b, layer 1: 2 files, 64 bytes
`)
	if set.Owned != (Sum{4, 78}) || set.Unowned != (Sum{2, 0}) {
		t.Errorf("%+v %+v", set.Owned, set.Unowned)
	}
}

// TestWithoutKept says that what was not kept is not found, and that this is said.
func TestWithoutKept(t *testing.T) {
	in := image(t, "-- 0/var/lib/dpkg/status --\n"+status+"-- 1/var/lib/dpkg/info/bash.list [size=5000000] --\n-- 1/lib/apk/db/installed -> x --\n-- 1/node_modules/a/package.json --\n")
	in[1].Kept = nil
	got, set := find(t, in)
	wantLines(t, "packages", got, `
deb bash 5.2 amd64, layer 2: 0 files, 0 bytes
deb libc6 2.36-9 amd64, layer 1: 0 files, 0 bytes
npm a  node_modules/a, layer 2: 1 files, 0 bytes
`)
	if len(set.Notes) != 4 {
		t.Errorf("%q", set.Notes)
	}
}
