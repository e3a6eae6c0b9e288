package budget

import (
	"slices"
	"strings"
	"testing"
)

const keyText = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAA
-----END OPENSSH PRIVATE KEY-----
`

const secretText = `step RUN debootstrap
step COPY . /app
step RUN rm /app/id_rsa
-- 0/etc/ssl/cert.pem --
-----BEGIN CERTIFICATE-----
-- 1/app/id_rsa --
` + keyText + `-- 1/app/.git/HEAD --
ref
-- 1/app/.git/objects/aa/bb [size=100] --
-- 1/app/gitignore --
-- 2/app/.wh.id_rsa --
`

func TestWhatIsDeletedLaterIsStillForbidden(t *testing.T) {
	img := image(t, "app:pr", secretText)
	r := check(t, budgetOf(Rule{Kind: Forbid, Secrets: true}), img, nil).Results[0]
	if r.Outcome != Failed || r.Matched != 1 {
		t.Fatalf("%+v", r)
	}
	m := r.Matches[0]
	if m.Path != "app/id_rsa" || m.What != "private key" || m.Layer != 2 || m.DeletedBy != 3 || m.Step != "COPY . /app" {
		t.Errorf("%+v", m)
	}
	if r.Hint == nil || r.Hint.Code != "secret" || r.More != "layers why app:pr /app/id_rsa" {
		t.Errorf("%+v %s", r.Hint, r.More)
	}
}

func TestForbiddenPaths(t *testing.T) {
	for pattern, want := range map[string]string{
		".git/**":         "app/.git/HEAD app/.git/objects/aa/bb",
		".git":            "app/.git/HEAD app/.git/objects/aa/bb",
		"**/.git/**":      "app/.git/HEAD app/.git/objects/aa/bb",
		"app/.git":        "app/.git/HEAD app/.git/objects/aa/bb",
		"/.git/**":        "",
		"/app/.git":       "app/.git/HEAD app/.git/objects/aa/bb",
		"objects/*/bb":    "app/.git/objects/aa/bb",
		"**/*.pem":        "etc/ssl/cert.pem",
		"*.pem":           "etc/ssl/cert.pem",
		"/*.pem":          "",
		"id_{rsa,dsa}":    "app/id_rsa",
		"/app/**":         "app/.git/HEAD app/.git/objects/aa/bb app/gitignore app/id_rsa",
		"[a-f]pp/.git/H*": "app/.git/HEAD",
	} {
		r := check(t, budgetOf(Rule{Kind: Forbid, Paths: []string{pattern}}), image(t, "app", secretText), nil).Results[0]
		var got []string
		for _, m := range r.Matches {
			got = append(got, m.Path)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want || r.Matched != len(got) || (r.Outcome == Failed) != (want != "") {
			t.Errorf("%s: %v, %d, %s", pattern, got, r.Matched, r.Outcome)
		}
	}
}

func TestForbiddenBelowTheBaselineIsSeenByItsDeletion(t *testing.T) {
	old := image(t, "app:main", strings.Split(secretText, "-- 2/")[0])
	img := image(t, "app:pr", secretText)
	rule := Rule{Kind: Forbid, Paths: []string{"id_rsa/**", "id_rsa"}}
	r := check(t, budgetOf(rule), img, old).Results[0]
	if r.Outcome != Failed || r.Matched != 1 || !r.Matches[0].Below || r.Matches[0].DeletedBy != 3 || r.Hint != nil {
		t.Errorf("%+v", r)
	}
	if slices.Contains(img.readLayers(), 1) {
		t.Error("a layer that the baseline has was read")
	}
	if r := check(t, budgetOf(rule), old, old).Results[0]; r.Outcome != Passed {
		t.Errorf("what the baseline has, and nothing touches: %+v", r)
	}
	rule.Everywhere = true
	r = check(t, budgetOf(rule), img, old).Results[0]
	if r.Outcome != Failed || r.Matches[0].Below || r.Matches[0].Layer != 2 || r.Matches[0].DeletedBy != 3 {
		t.Errorf("%+v", r)
	}
}

func TestForbiddenRights(t *testing.T) {
	img := image(t, "app", `-- 0/bin/su [mode=4755] --
-- 0/bin/wall [mode=2755] --
-- 0/bin/ping [mode=755 xattr:security.capability=x] --
-- 0/tmp/ [mode=1777] --
-- 0/srv/ [mode=2775] --
-- 0/bin/ls [mode=755] --
`)
	r := check(t, budgetOf(Rule{Kind: Forbid, Setuid: true}), img, nil).Results[0]
	got := map[string]string{}
	for _, m := range r.Matches {
		got[m.Path] = m.What
	}
	if len(got) != 3 || got["bin/su"] != "setuid" || got["bin/wall"] != "setgid" || got["bin/ping"] != "capabilities" {
		t.Errorf("%v", got)
	}
}

func TestAHardLinkCountsOnce(t *testing.T) {
	img := image(t, "app", "-- 0/a.key [size=1000] --\n-- 0/b.key => a.key --\n")
	r := check(t, budgetOf(Rule{Kind: Forbid, Paths: []string{"*.key"}}), img, nil).Results[0]
	if r.Matched != 2 || r.Causes[0].Bytes != 1000 {
		t.Errorf("%+v", r)
	}
}

func TestPrivateKeysAreKnownByWhatTheyHold(t *testing.T) {
	for text, want := range map[string]bool{
		keyText:                                     true,
		"x\n-----BEGIN RSA PRIVATE KEY-----\r\n":    true,
		"-----BEGIN ENCRYPTED PRIVATE KEY-----":     true,
		"-----BEGIN PGP PRIVATE KEY BLOCK-----\n":   true,
		"PuTTY-User-Key-File-3: ssh-ed25519\n":      true,
		"-----BEGIN CERTIFICATE-----\n":             false,
		"-----BEGIN PUBLIC KEY-----\n":              false,
		"see -----BEGIN RSA PRIVATE KEY----- there": false,
		"": false,
	} {
		if got := holdsKey([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestRequiredPaths(t *testing.T) {
	img := image(t, "app", secretText)
	r := check(t, budgetOf(Rule{Kind: Require, Paths: []string{"/etc/ssl/*.pem", "HEAD", "app/id_rsa", "/bin/sh"}}), img, nil).Results[0]
	if r.Outcome != Failed || r.Matched != 2 || r.Matches[0].Value != "app/id_rsa" || r.Matches[1].Value != "/bin/sh" {
		t.Errorf("%+v", r)
	}
	r = check(t, budgetOf(Rule{Kind: Require, Paths: []string{"/etc", "/app/.git/**"}}), img, nil).Results[0]
	if r.Outcome != Passed || r.Measured != 2 {
		t.Errorf("%+v", r)
	}
}

func TestEveryWayOfMatchingIsOne(t *testing.T) {
	paths := []string{"a", "a/b", "a/b/.git", "a/b/.git/x", "a/b/.gitx", ".git", "z", "z/.git", "z/.git/y", "z/.git/y/x.pem"}
	for _, p := range []string{".git/**", "a/b", "/a", "*.pem", "**/y", "b/.git", "{a,z}/**"} {
		m := newMatcher([]string{p})
		w := walker{matcher: m}
		for _, path := range paths {
			if a, b := m.takes(path), w.takes(path); a != b {
				t.Errorf("%s: %s: %v, in a walk %v", p, path, a, b)
			}
		}
	}
}

func TestAnEmptyDirectoryIsForbidden(t *testing.T) {
	img := image(t, "app", "-- 0/app/.git/ --\n-- 0/app/x --\nx\n")
	r := check(t, budgetOf(Rule{Kind: Forbid, Paths: []string{".git"}}), img, nil).Results[0]
	if r.Matched != 1 || r.Matches[0].Path != "app/.git" || r.Matches[0].Kind != "dir" {
		t.Errorf("%+v", r)
	}
}

func TestWhatIsBelowADirectoryIsNotAFileOfItsName(t *testing.T) {
	img := image(t, "app", "-- 0/usr/bin/python3 --\nx\n-- 0/lib/python3/a --\na\n")
	r := check(t, budgetOf(Rule{Kind: Forbid, Paths: []string{"python3/**"}}), img, nil).Results[0]
	if r.Matched != 1 || r.Matches[0].Path != "lib/python3/a" {
		t.Errorf("%+v", r)
	}
	old := image(t, "app:main", "-- 0/app/.git/HEAD --\nx\n")
	img = image(t, "app:pr", "-- 0/app/.git/HEAD --\nx\n-- 1/app/.wh..git --\n")
	r = check(t, budgetOf(Rule{Kind: Forbid, Paths: []string{".git/**"}}), img, old).Results[0]
	if r.Matched != 1 || !r.Matches[0].Below || r.Matches[0].Path != "app/.git" {
		t.Errorf("%+v", r)
	}
}
