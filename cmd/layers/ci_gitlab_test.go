package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const gitlabFile = ".gitlab/layers-check.yml"

type gitlabJob struct {
	Image        string
	Variables    map[string]string
	Script       []string
	AllowFailure any `yaml:"allow_failure"`
	Artifacts    struct {
		When    string
		Reports map[string]string
		Paths   []string
	}
}

// gitlab runs the job as a runner does, which joins its lines, by a shell.
func (s *stage) gitlab(shell string) {
	s.t.Helper()
	job := parsed[map[string]gitlabJob](s.t, gitlabFile)[".layers-check"]
	for key, value := range job.Variables {
		if _, set := s.env[key]; !set {
			s.env[key] = value
		}
	}
	s.run(shell, "-c", "set -e\n"+strings.Join(job.Script, "\n"))
}

func TestGitLabJobKeepsItsReports(t *testing.T) {
	jobs := parsed[map[string]gitlabJob](t, gitlabFile)
	job, ok := jobs[".layers-check"]
	if !ok || len(jobs) != 1 {
		t.Fatalf("jobs: %v", jobs)
	}
	if job.AllowFailure != nil || job.Artifacts.When != "always" || job.Artifacts.Reports["codequality"] != "gl-code-quality-report.json" {
		t.Errorf("it is %+v", job)
	}
	script := strings.Join(job.Script, "\n")
	for _, file := range append(job.Artifacts.Paths, job.Artifacts.Reports["codequality"], job.Artifacts.Reports["junit"]) {
		if file == "" || !strings.Contains(script, "="+file) {
			t.Errorf("nothing writes %q", file)
		}
	}
	if strings.Contains(script, "$[[") {
		t.Errorf("something is pasted into the script")
	}
}

func TestGitLabJobGivesItsVariablesAsTheyAre(t *testing.T) {
	hostile := `a b"c'$(touch gone)` + "`touch gone`;touch gone|*\ntouch gone"
	for name, c := range map[string]struct {
		env  map[string]string
		want []string
	}{
		"nothing":  {nil, []string{"--"}},
		"an image": {map[string]string{"IMAGE": "app:pr", "BASELINE": "app:main"}, []string{"--baseline=app:main", "--", "app:pr"}},
		"hostile":  {map[string]string{"IMAGE": hostile, "BASELINE": hostile}, []string{"--baseline=" + hostile, "--", hostile}},
		"flags":    {map[string]string{"LAYERS_ARGS": "--forbid * $(touch gone) ; ~", "IMAGE": "--max=1"}, []string{"--forbid", "*", "$(touch", "gone)", ";", "~", "--", "--max=1"}},
	} {
		for _, shell := range []string{"sh", "bash"} {
			t.Run(name+" by "+shell, func(t *testing.T) {
				s := newStage(t)
				s.env["ANSWERS"] = ""
				for key, value := range c.env {
					s.env[key] = value
				}
				s.gitlab(shell)
				s.ends(0)
				want := append([]string{"check", "--output", "table=-", "--output", "gitlab=gl-code-quality-report.json",
					"--output", "junit=layers-junit.xml", "--output", "markdown=layers-check.md"}, c.want...)
				if got := s.called("layers"); !slices.Equal(got, want) {
					t.Errorf("layers was called: %q, want %q", got, want)
				}
				if got := s.called("go"); !slices.Equal(got[3:], []string{"install", "github.com/layers/layers/cmd/layers@latest"}) {
					t.Errorf("go was called: %q", got)
				}
				s.clean()
			})
		}
	}
}

func TestGitLabJobTriesAnOutageAgainAndNothingElse(t *testing.T) {
	for codes, c := range map[string]struct {
		code, tries int
		pauses      []string
	}{
		"0":     {0, 1, nil},
		"1":     {1, 1, nil},
		"2":     {2, 1, nil},
		"3":     {3, 1, nil},
		"5 0":   {0, 2, []string{"20"}},
		"5 1 0": {1, 2, []string{"20"}},
		"5 5 5": {5, 3, []string{"20", "60"}},
	} {
		for _, shell := range []string{"sh", "bash"} {
			s := newStage(t)
			s.env["CODES"] = codes
			s.gitlab(shell)
			s.ends(c.code)
			if got := strings.TrimSpace(s.read("notes/attempt")); got != strconv.Itoa(c.tries) {
				t.Errorf("%s: %s attempts", codes, got)
			}
			if got := s.called("sleep"); !slices.Equal(got, c.pauses) {
				t.Errorf("%s: pauses %q", codes, got)
			}
		}
	}
}

func TestGitLabJobRefusesQuotes(t *testing.T) {
	for _, args := range []string{`--forbid '.git/**'`, `--forbid ".git/**"`, `a\b`} {
		s := newStage(t)
		s.env["LAYERS_ARGS"] = args
		s.gitlab("sh")
		s.ends(2)
		s.says("LAYERS_ARGS")
		s.without("layers")
	}
}

// TestGitLabJobReadsTheRegistryOfItsProject with what the job is given for that, which
// nobody else may read, and no log shows.
func TestGitLabJobReadsTheRegistryOfItsProject(t *testing.T) {
	s := newStage(t)
	s.env["CI_REGISTRY"], s.env["CI_REGISTRY_USER"] = "registry.example.com:5050", "gitlab-ci-token"
	s.env["CI_REGISTRY_PASSWORD"] = strings.Repeat(`pass"word`, 20)
	s.gitlab("sh")
	s.ends(0)
	auth := base64.StdEncoding.EncodeToString([]byte("gitlab-ci-token:" + s.env["CI_REGISTRY_PASSWORD"]))
	files := must(filepath.Glob(filepath.Join(s.dir, "tmp.*")))
	if len(files) != 1 {
		t.Fatalf("files: %q", files)
	}
	if got, want := string(must(os.ReadFile(files[0]))), `{"auths":{"registry.example.com:5050":{"auth":"`+auth+`"}}}`+"\n"; got != want {
		t.Errorf("credentials: %s, want %s", got, want)
	}
	if info := must(os.Stat(files[0])); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if strings.Contains(s.out, auth) || strings.Contains(s.out, "pass") {
		t.Errorf("it says %s", s.out)
	}
	s = newStage(t)
	s.env["CI_REGISTRY_PASSWORD"], s.env["REGISTRY_AUTH_FILE"] = "x", "mine.json"
	s.gitlab("sh")
	s.ends(0)
	if files := must(filepath.Glob(filepath.Join(s.dir, "tmp.*"))); len(files) > 0 {
		t.Errorf("files: %q", files)
	}
}
