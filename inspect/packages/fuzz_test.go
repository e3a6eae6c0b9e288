package packages

import (
	"strings"
	"testing"
)

// clean reports whether a path is one that a tree may have, or "".
func clean(path string) bool {
	return path == "" || "/"+path == cleanOnce("/"+path) && !strings.HasPrefix(path, "../")
}

func cleanOnce(path string) string { return "/" + cleanPath(path) }

func FuzzStatus(f *testing.F) {
	f.Add(status, false)
	f.Add("Package: base\nVersion: 1\r\n\r\n", true)
	f.Fuzz(func(t *testing.T, content string, single bool) {
		n := 0
		for p := range parseStatus(content, single) {
			if n++; p.Name == "" || strings.Contains(p.Name+p.Version+p.Arch, "\n") {
				t.Errorf("%+v", p)
			}
		}
		if n > strings.Count(content, "Package") {
			t.Errorf("%d packages", n)
		}
	})
}

func FuzzList(f *testing.F) {
	f.Add("/.\n/usr\n/usr/bin\n/usr/bin/x\n", false)
	f.Add("0123456789abcdef0123456789abcdef  usr/share/a b\n", true)
	f.Fuzz(func(t *testing.T, content string, sums bool) {
		for path := range parseList(content, sums) {
			if path == "" || !clean(path) {
				t.Errorf("%q", path)
			}
		}
	})
}

func FuzzInstalled(f *testing.F) {
	f.Add("P:musl\nV:1\nA:x86_64\nF:lib\nR:libc.so\na:0:0:755\n\nP:b\nF:\nR:x\n")
	f.Fuzz(func(t *testing.T, content string) {
		for p := range parseInstalled(content) {
			if p.Name == "" {
				t.Errorf("%+v", p)
			}
			for path := range p.files() {
				if !clean(path) {
					t.Errorf("%q", path)
				}
			}
		}
	})
}

func FuzzMetadata(f *testing.F) {
	f.Add("Metadata-Version: 2.1\nName: six\nVersion: 1.16.0\n\nText\n")
	f.Fuzz(func(t *testing.T, content string) {
		if p, ok := parseMetadata(content); ok != (p.Name != "") || strings.Contains(p.Name+p.Version, "\n") {
			t.Errorf("%+v, %v", p, ok)
		}
	})
}

func FuzzRecord(f *testing.F) {
	f.Add("six.py,sha256=TOOfQi7nFGfMrIvtdr6wX4wyHH8M7aknmuLfo2cBBrM,34549")
	f.Add(`"a,""b"".py",,`)
	f.Add(`"a`)
	f.Fuzz(func(t *testing.T, line string) {
		if field := firstField(line); len(field) > len(line) {
			t.Errorf("%q", field)
		}
	})
}

func FuzzLinks(f *testing.F) {
	f.Add("lib", "usr/lib", "a", "/", "lib/x/y")
	f.Add("a", "b", "b", "a/../a", "a/x")
	f.Fuzz(func(t *testing.T, from1, to1, from2, to2, path string) {
		var l links
		l.add(cleanPath(from1), to1)
		l.add(cleanPath(from2), to2)
		at, ok := l.resolve(cleanPath(path))
		if again, _ := l.resolve(cleanPath(path)); again != at {
			t.Errorf("%q, then %q", at, again)
		}
		if ok && !clean(at) {
			t.Errorf("%q", at)
		}
	})
}

func FuzzPackageJSON(f *testing.F) {
	f.Add([]byte(`{"name": "a", "version": "1.0.0"}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		if p, ok := parsePackageJSON(content, "dir"); ok && p.Name == "" {
			t.Errorf("%+v", p)
		}
	})
}

func FuzzSelf(f *testing.F) {
	f.Add("go\tgo1.26.0\npath\texample.org/x\nmod\texample.org/x\tv1.2.3\t\n", "x")
	f.Add("Manifest-Version: 1.0\r\nImplementation-Version: 1.2\r\n .3\r\n\r\n", "a-1.0.jar")
	f.Fuzz(func(t *testing.T, content, path string) {
		if p, ok := parseBuildInfo(content); ok && p.Name == "" {
			t.Errorf("%+v", p)
		}
		if isArchive(path) {
			parseManifest(content, path)
		}
	})
}
