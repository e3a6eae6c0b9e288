package term

import (
	"bytes"
	"os"
	"testing"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestColour(t *testing.T) {
	for _, c := range []struct {
		name string
		tty  bool
		flag Color
		env  func(string) string
		want bool
	}{
		{"a pipe", false, Auto, env(), false},
		{"a terminal", true, Auto, env(), true},
		{"NO_COLOR wins over a terminal", true, Auto, env("NO_COLOR", "1"), false},
		{"NO_COLOR wins over force", true, Auto, env("NO_COLOR", "1", "CLICOLOR_FORCE", "1"), false},
		{"an empty NO_COLOR means nothing", true, Auto, env("NO_COLOR", ""), true},
		{"the flag wins over NO_COLOR", false, Always, env("NO_COLOR", "1"), true},
		{"the flag wins over force", true, Never, env("CLICOLOR_FORCE", "1"), false},
		{"forced in a pipe", false, Auto, env("CLICOLOR_FORCE", "1"), true},
		{"force 0 is none", false, Auto, env("CLICOLOR_FORCE", "0"), false},
		{"CLICOLOR 0", true, Auto, env("CLICOLOR", "0"), false},
		{"dumb", true, Auto, env("TERM", "dumb"), false},
	} {
		if got := wantsColor(c.tty, c.env, c.flag); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestLocale(t *testing.T) {
	for _, c := range []struct {
		env  func(string) string
		want bool
	}{
		{env(), true},
		{env("LANG", "C"), false},
		{env("LANG", "C.UTF-8"), true},
		{env("LANG", "de_DE.utf8"), true},
		{env("LANG", "de_DE.UTF-8", "LC_ALL", "POSIX"), false},
		{env("LANG", "C", "LC_CTYPE", "en_US.UTF-8"), true},
		{env("LC_ALL", "de_DE.ISO-8859-1"), false},
	} {
		if got := utf8Locale(c.env); got != c.want {
			t.Errorf("%v, want %v", got, c.want)
		}
	}
}

func TestProbePipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for _, c := range []struct {
		columns string
		want    int
	}{{"", 80}, {"132", 132}, {"3", 20}, {"-1", 80}, {"many", 80}, {"99999999", 10_000}} {
		s := Probe(w, env("COLUMNS", c.columns), Auto)
		if s.TTY || s.Color || s.Width != c.want {
			t.Errorf("COLUMNS=%q: %+v, want width %d", c.columns, s, c.want)
		}
	}
	if IsTerminal(&bytes.Buffer{}) || IsTerminal((*os.File)(nil)) {
		t.Error("a buffer is no terminal")
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain näme 文": "plain näme 文",
		"a\x1b[31mb":   `a\x1b[31mb`,
		"a\nb\tc\rd":   `a\nb\tc\rd`,
		"\xff\xfe":     `\xff\xfe`,
		"�":            "�",
		"a\u202eb":     `a\u202eb`,
		"a\u200bb":     `a\u200bb`,
		"a\u0085b":     `a\u0085b`,
		"a\u2028b":     `a\u2028b`,
		"a\u00a0b":     `a\u00a0b`,
		"\x7f":         `\x7f`,
	} {
		if got := Escape(in); got != want {
			t.Errorf("Escape(%q) = %q, want %q", in, got, want)
		}
	}
	if got := EscapeLines("a\x1b\nb"); got != "a\\x1b\nb" {
		t.Errorf("EscapeLines: %q", got)
	}
}

// FuzzEscape holds the law that makes output safe: nothing that is left can steer
// a terminal, and what was safe is left alone.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"usr/bin/x", "\x1b]0;title\a", "\u202egnp.exe", "\xc3\x28", "\u009b31m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Escape(s)
		for _, r := range got {
			if !IsShown(r) {
				t.Fatalf("Escape(%q) = %q holds %U", s, got, r)
			}
		}
		if again := Escape(got); again != got {
			t.Fatalf("Escape is not stable: %q, then %q", got, again)
		}
	})
}
