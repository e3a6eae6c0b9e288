package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/layers/layers/fixtures"
)

// given are the arguments that layers was called with, without those that every run has.
func (s *stage) given() []string {
	s.t.Helper()
	args := s.called("layers")
	if len(args) < 9 || !slices.Equal(args[:3], []string{"check", "-f", "github"}) {
		s.t.Fatalf("layers was called: %q", args)
	}
	var forms []string
	for i := 3; i < 9; i += 2 {
		form, file, _ := strings.Cut(args[i+1], "=")
		if args[i] != "--output" || !strings.HasPrefix(file, filepath.Join(s.dir, "runner temp")) {
			s.t.Errorf("%s %s", args[i], args[i+1])
		}
		forms = append(forms, form)
	}
	if !slices.Equal(forms, []string{"table", "markdown", "json"}) {
		s.t.Errorf("forms: %q", forms)
	}
	return args[9:]
}

func TestRunGivesEachInputAsItIs(t *testing.T) {
	hostile := `a b"c'd$(touch gone)` + "`touch gone`;touch gone|*&>x"
	for name, c := range map[string]struct {
		env  map[string]string
		want []string
	}{
		"nothing":         {nil, []string{"--"}},
		"an image":        {map[string]string{"INPUT_IMAGE": "app:pr", "INPUT_BASELINE": "app:main"}, []string{"--baseline=app:main", "--", "app:pr"}},
		"several":         {map[string]string{"INPUT_IMAGE": "app:pr\n\noci:a dir\n"}, []string{"--", "app:pr", "oci:a dir"}},
		"a flag":          {map[string]string{"INPUT_IMAGE": "--store=/", "INPUT_BASELINE": "-q"}, []string{"--baseline=-q", "--", "--store=/"}},
		"git and a file":  {map[string]string{"INPUT_BASELINE_GIT": "true", "INPUT_CONFIG": "my rules.yaml"}, []string{"--baseline-git", "--config=my rules.yaml", "--"}},
		"not git":         {map[string]string{"INPUT_BASELINE_GIT": "false"}, []string{"--"}},
		"hostile":         {map[string]string{"INPUT_IMAGE": hostile, "INPUT_BASELINE": hostile, "INPUT_CONFIG": hostile}, []string{"--baseline=" + hostile, "--config=" + hostile, "--", hostile}},
		"a line feed":     {map[string]string{"INPUT_BASELINE": "a\ntouch gone", "INPUT_CONFIG": "\n"}, []string{"--baseline=a\ntouch gone", "--config=\n", "--"}},
		"flags":           {map[string]string{"INPUT_ARGS": "  --max 200MB\n\t--growth=5MB,3% \n"}, []string{"--max", "200MB", "--growth=5MB,3%", "--"}},
		"flags to expand": {map[string]string{"INPUT_ARGS": "--forbid * $(touch gone) `touch gone` ${HOME} {a,b} ~ ;touch gone"}, []string{"--forbid", "*", "$(touch", "gone)", "`touch", "gone`", "${HOME}", "{a,b}", "~", ";touch", "gone", "--"}},
		"not UTF-8":       {map[string]string{"INPUT_IMAGE": "a\xff\x1b[2J"}, []string{"--", "a\xff\x1b[2J"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			for key, value := range c.env {
				s.env[key] = value
			}
			s.action("run")
			s.ends(0)
			if got := s.given(); !slices.Equal(got, c.want) {
				t.Errorf("layers was called: %q, want %q", got, c.want)
			}
			s.clean()
		})
	}
}

func TestRunRefusesWhatItWouldMisunderstand(t *testing.T) {
	for key, values := range map[string][]string{
		"INPUT_ARGS":         {`--forbid '.git/**'`, `--forbid ".git/**"`, `--forbid .git\/`},
		"INPUT_BASELINE_GIT": {"yes", "True", "$(touch gone)", "a[$(touch gone)]"},
		"INPUT_SUMMARY":      {"no"},
	} {
		for _, value := range values {
			s := newStage(t)
			s.env[key] = value
			s.action("run")
			s.ends(2)
			s.says("::error title=layers check::")
			s.without("layers")
			s.clean()
		}
	}
}

func TestRunEndsAsLayersDoes(t *testing.T) {
	for code, outcome := range map[int]string{0: "ok", 1: "fail", 2: "error", 3: "error", 4: "error", 5: "temporary", 6: "error", 7: "error", 70: "error", 130: "error"} {
		s := newStage(t)
		s.env["CODES"], s.env["TABLE"] = strconv.Itoa(code), "<!-- layers check: app -->\nthe answer\n"
		s.action("run")
		s.ends(code)
		dir := "" // of what is written
		if found := regexp.MustCompile(`markdown=(.*)/check\.md\n`).FindStringSubmatch(s.read("output")); found != nil {
			dir = found[1]
		}
		want := "outcome=" + outcome + "\nexit-code=" + strconv.Itoa(code) + "\nmarkdown=" + dir + "/check.md\njson=" + dir + "/check.json\n"
		if got := s.read("output"); got != want || dir == "" {
			t.Errorf("outputs: %q, want %q", got, want)
		}
		if got := s.read("summary"); got != s.env["TABLE"] {
			t.Errorf("summary: %q", got)
		}
		if said := len(obeyed(s.out)) > 0; said != (code > 1) {
			t.Errorf("exit code %d: %s", code, s.out)
		}
	}
}

func TestRunWithoutAnAnswer(t *testing.T) {
	s := newStage(t)
	s.env["CODES"], s.env["ANSWERS"] = "5", ""
	s.action("run")
	s.ends(5)
	if got := s.read("output"); got != "outcome=temporary\nexit-code=5\n" {
		t.Errorf("outputs: %q", got)
	}
	if got := s.read("summary"); !strings.Contains(got, "try again") {
		t.Errorf("summary: %q", got)
	}
	s.says("try again")
	s = newStage(t)
	s.env["INPUT_SUMMARY"], s.env["TABLE"] = "false", "x"
	s.action("run")
	s.ends(0)
	if got := s.read("summary"); got != "" {
		t.Errorf("summary: %q", got)
	}
}

func TestRunWithoutLayers(t *testing.T) {
	s := newStage(t)
	s.remove("bin/layers")
	s.only("bash", "env", "mktemp", "od", "tr", "cat")
	s.action("run")
	s.ends(127)
	if got := s.read("output"); got != "outcome=error\nexit-code=127\n" {
		t.Errorf("outputs: %q", got)
	}
}

// TestRunShowsNoCommandsOfOthers: what is told to people may have anything in it that an
// image or a registry says.
func TestRunShowsNoCommandsOfOthers(t *testing.T) {
	s := newStage(t)
	s.env["CODES"] = "1"
	s.env["SAID"] = "::error::of stderr\n  ::add-mask::x\n::stop-commands::x\n"
	s.env["TABLE"] = "::error::of the text\n::x::\n::::\n"
	s.env["ANNOTATIONS"] = "::error title=layers check::ours\n"
	s.action("run")
	s.ends(1)
	for _, text := range []string{s.env["SAID"], s.env["TABLE"]} {
		s.says(text)
	}
	if got := obeyed(s.out); !slices.Equal(got, []string{"::error title=layers check::ours"}) {
		t.Errorf("the runner does: %q", got)
	}
	token := regexp.MustCompile(`(?m)^::stop-commands::([0-9a-f]{32})$`).FindStringSubmatch(s.out)
	s.action("run")
	if token == nil || strings.Contains(s.out, token[1]) {
		t.Errorf("what ends the silence can be guessed: %q", token)
	}
}

// TestActionChecksRealImages: what is played elsewhere is the program here.
func TestActionChecksRealImages(t *testing.T) {
	registry := must(fixtures.NewRegistry())
	t.Cleanup(registry.Close)
	for _, n := range fixtures.Demo() {
		if err := registry.Push(n.Name, n.Image); err != nil {
			t.Fatal(err)
		}
	}
	s := newStage(t)
	s.remove("bin/layers")
	s.env["INPUT_IMAGE"], s.env["INPUT_BASELINE"] = registry.Host+"/shop:2", registry.Host+"/shop:1"
	s.action("run")
	s.ends(1)
	s.says("/srv/shop/.git")
	if got := obeyed(s.out); len(got) == 0 || !strings.HasPrefix(got[0], "::error ") {
		t.Errorf("the runner does: %q", got)
	}
	markdown := strings.TrimPrefix(strings.Split(s.read("output"), "\n")[2], "markdown=")
	answer := string(must(os.ReadFile(markdown)))
	if s.read("summary") != answer || answer == "" {
		t.Errorf("summary: %q", s.read("summary"))
	}
	s.env["MARKDOWN"], s.env["PULL_REQUEST"], s.env["GH_TOKEN"] = markdown, "7", "secret"
	s.action("comment")
	s.ends(0)
	if got := s.calls(); len(got) != 2 || got[1][2] != "POST" {
		t.Errorf("gh was called: %q", got)
	}
}
