package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// What CI systems need to run layers check is tried as they run it: its scripts are
// started, and what they call is played by scripts that note down how they were called.

const actionDir = ".github/actions/check"

// played are the programs that the scripts call. Each notes down its arguments, one a
// line that ends in a NUL, so that a line feed in an argument shows.
var played = map[string]string{
	"layers": `
printf '%s\0' "$@" >>"$NOTES/layers"
for form do
  case $form in
    table=-) printf '%s' "$TABLE" ;;
    *=*/check.*|junit=*|gitlab=*|markdown=*|json=*) if [ -n "$ANSWERS" ]; then printf '%s' "$TABLE" >"${form#*=}"; fi ;;
  esac
done
printf '%s' "$SAID" >&2
printf '%s' "$ANNOTATIONS"
set -- $CODES
code=$1
attempt=$(cat "$NOTES/attempt" 2>/dev/null || echo 0)
attempt=$((attempt + 1))
echo "$attempt" >"$NOTES/attempt"
if [ "$attempt" -gt 1 ]; then shift $((attempt - 1)); code=$1; fi
exit "${code:-0}"`,
	"sleep": `printf '%s\0' "$@" >>"$NOTES/sleep"`,
	"go": `
printf '%s\0' "$PWD" "$CGO_ENABLED" "$GOFLAGS" "$@" >>"$NOTES/go"
if [ -n "$GOBIN" ]; then printf '#!/bin/sh\necho built\n' >"$GOBIN/layers"; chmod 755 "$GOBIN/layers"; fi`,
	"uname": `case $1 in -s) echo "$SYSTEM" ;; -m) echo "$MACHINE" ;; esac`,
	"curl": `
out= url=
while [ $# -gt 0 ]; do
  case $1 in
    --output) out=$2; shift ;;
    --write-out|--proto|--retry) shift ;;
    --*) ;;
    *) url=$1 ;;
  esac
  shift
done
printf '%s\0' "$url" >>"$NOTES/curl"
if [ "$STATUS" = none ]; then exit 6; fi
served=$SERVED/${url##*/}
if [ -n "$STATUS" ]; then printf '%s' "$STATUS"
elif [ -e "$served" ]; then cat "$served" >"$out"; printf 200
else echo 'not here' >"$out"; printf 404
fi`,
	"gh": `
printf '%s\0' "$@" '--' >>"$NOTES/gh"
printf '%s\0' "$GH_HOST" "$GH_TOKEN" >"$NOTES/gh-environment"
case "$*" in
  *--paginate*) if [ -n "$LISTS" ]; then printf '%s' "$LISTS" >&2; exit 1; fi; printf '%s' "$COMMENTS" ;;
  *) if [ -n "$REFUSES" ]; then printf '%s' "$REFUSES" >&2; exit 1; fi; echo '::error::an answer' ;;
esac`,
}

// stage is where a script is tried.
type stage struct {
	t    *testing.T
	dir  string
	env  map[string]string
	out  string
	code int
}

func newStage(t *testing.T) *stage {
	t.Helper()
	dir := t.TempDir()
	s := &stage{t: t, dir: dir, env: map[string]string{
		"PATH": filepath.Join(dir, "bin") + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME": dir, "TMPDIR": dir,
		"NOTES": filepath.Join(dir, "notes"), "SERVED": filepath.Join(dir, "served"), "RUNNER_TEMP": filepath.Join(dir, "runner temp"),
		"GITHUB_OUTPUT": filepath.Join(dir, "output"), "GITHUB_PATH": filepath.Join(dir, "path"), "GITHUB_STEP_SUMMARY": filepath.Join(dir, "summary"),
		"GITHUB_REPOSITORY": "acme/app", "SYSTEM": "Linux", "MACHINE": "x86_64", "CODES": "0", "ANSWERS": "yes",
	}}
	for _, sub := range []string{"bin", "notes", "served", "runner temp", "work"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.write("work/there", "") // what a * would match
	for name, script := range played {
		s.write("bin/"+name, "#!/bin/sh\n"+script+"\n")
		if err := os.Chmod(filepath.Join(dir, "bin", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *stage) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// read is what a file has; nothing if there is none.
func (s *stage) read(name string) string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.t.Fatal(err)
	}
	return string(b)
}

// called are the arguments that a program was called with, of all calls.
func (s *stage) called(program string) []string {
	s.t.Helper()
	noted := s.read("notes/" + program)
	if noted == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(noted, "\x00"), "\x00")
}

// run runs a program in a directory where nothing may be left that was not meant.
func (s *stage) run(name string, args ...string) {
	s.t.Helper()
	c := exec.Command(name, args...)
	c.Dir = filepath.Join(s.dir, "work")
	for key, value := range s.env {
		c.Env = append(c.Env, key+"="+value)
	}
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	s.out, s.code = out.String(), exitCode(err)
}

// action runs a script of the action, by its first line and the right to run it.
func (s *stage) action(script string) {
	s.t.Helper()
	path, err := filepath.Abs(filepath.Join(root, actionDir, script))
	if err != nil {
		s.t.Fatal(err)
	}
	s.run(path)
}

func (s *stage) ends(code int) {
	s.t.Helper()
	if s.code != code {
		s.t.Errorf("exit code %d, want %d:\n%s", s.code, code, s.out)
	}
}

func (s *stage) says(text string) {
	s.t.Helper()
	if !strings.Contains(s.out, text) {
		s.t.Errorf("it does not say %q:\n%s", text, s.out)
	}
}

func (s *stage) without(program string) {
	s.t.Helper()
	if args := s.called(program); args != nil {
		s.t.Errorf("%s was called: %q", program, args)
	}
}

// only leaves the scripts nothing to call but what is named, and what is played.
func (s *stage) only(programs ...string) {
	s.t.Helper()
	bin := filepath.Join(s.dir, "bin")
	for _, p := range programs {
		path, err := exec.LookPath(p)
		if err != nil {
			s.t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, p)); err != nil {
			s.t.Fatal(err)
		}
	}
	s.env["PATH"] = bin
}

func (s *stage) remove(name string) {
	s.t.Helper()
	if err := os.Remove(filepath.Join(s.dir, name)); err != nil {
		s.t.Fatal(err)
	}
}

// obeyed are the workflow commands that GitHub's runner takes from a log.
func obeyed(log string) (commands []string) {
	stopped := ""
	for line := range strings.Lines(log) {
		line = strings.TrimSpace(line)
		token, stops := strings.CutPrefix(line, "::stop-commands::")
		switch {
		case !strings.HasPrefix(line, "::"):
		case stopped == "" && stops:
			stopped = token
		case stopped != "" && line == "::"+stopped+"::":
			stopped = ""
		case stopped == "":
			commands = append(commands, line)
		}
	}
	return commands
}

// parsed is a YAML file of the repository.
func parsed[T any](t *testing.T, name string) (v T) {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(read(t, name)))
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

type action struct {
	Inputs  map[string]struct{ Description, Default string }
	Outputs map[string]struct{ Description, Value string }
	Runs    struct {
		Using string
		Steps []actionStep
	}
}

type actionStep struct {
	ID, If, Uses, Shell, Run string
	Env                      map[string]string
}

// TestActionPastesNothingIntoScripts: an expression in a script is replaced before a
// shell reads it, and what it is replaced by may be anybody's.
func TestActionPastesNothingIntoScripts(t *testing.T) {
	a := parsed[action](t, actionDir+"/action.yml")
	if a.Runs.Using != "composite" || len(a.Runs.Steps) != 3 {
		t.Fatalf("it is %+v", a.Runs)
	}
	passed := map[string]bool{}
	input := regexp.MustCompile(`inputs\.([\w-]+)`)
	for _, step := range a.Runs.Steps {
		script := regexp.MustCompile(`^"\$GITHUB_ACTION_PATH/(\w+)"$`).FindStringSubmatch(step.Run)
		if script == nil || step.Shell != "bash" || step.Uses != "" {
			t.Errorf("a step runs %q", step.Run)
			continue
		}
		text := read(t, actionDir+"/"+script[1])
		for name, value := range step.Env {
			if !strings.Contains(text, name) {
				t.Errorf("%s does not use %s", script[1], name)
			}
			if found := input.FindStringSubmatch(value); found != nil {
				passed[found[1]] = true
			}
		}
		for _, name := range regexp.MustCompile(`INPUT_\w+`).FindAllString(text, -1) {
			if _, ok := step.Env[name]; !ok {
				t.Errorf("%s uses %s, which it is not given", script[1], name)
			}
		}
		for _, found := range input.FindAllStringSubmatch(step.If, -1) {
			passed[found[1]] = true
		}
		if strings.Contains(text, "${{") || regexp.MustCompile(`\beval\b`).MatchString(text) {
			t.Errorf("%s has an expression", script[1])
		}
	}
	for name, in := range a.Inputs {
		if !passed[name] || in.Description == "" {
			t.Errorf("input %s is used by nobody, or not described", name)
		}
		delete(passed, name)
	}
	if len(passed) > 0 {
		t.Errorf("these are no inputs: %v", passed)
	}
	text := read(t, actionDir+"/run")
	for name, out := range a.Outputs {
		if out.Value != "${{ steps.run.outputs."+name+" }}" || !strings.Contains(text, `"`+name+"=") {
			t.Errorf("output %s is %q", name, out.Value)
		}
	}
}

func TestScriptsAreScripts(t *testing.T) {
	for _, name := range []string{"install", "run", "comment"} {
		info, err := os.Stat(filepath.Join(root, actionDir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o111 != 0o111 {
			t.Errorf("%s may not be run", name)
		}
		if !strings.Contains(read(t, actionDir+"/"+name), "\nset -euo pipefail\n") {
			t.Errorf("%s goes on after errors", name)
		}
		s := newStage(t)
		s.run("bash", "-n", must(filepath.Abs(filepath.Join(root, actionDir, name))))
		s.ends(0)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestHookChecksTheRules: pre-commit installs the programs of the repository, and runs
// one when a file was changed.
func TestHookChecksTheRules(t *testing.T) {
	hooks := parsed[[]struct {
		ID, Name, Entry, Language, Files string
		PassFilenames                    *bool `yaml:"pass_filenames"`
	}](t, ".pre-commit-hooks.yaml")
	if len(hooks) != 1 {
		t.Fatalf("%d hooks", len(hooks))
	}
	h := hooks[0]
	if h.ID != "layers-check-config" || h.Name == "" || h.Language != "golang" || h.PassFilenames == nil || *h.PassFilenames {
		t.Errorf("it is %+v", h)
	}
	if words := strings.Fields(h.Entry); !slices.Equal(words[:2], []string{"layers", "check"}) {
		t.Errorf("it runs %q", h.Entry)
	}
	files := regexp.MustCompile(h.Files)
	for name, want := range map[string]bool{".layers.yaml": true, ".layers.yml": true, "xlayers.yaml": false, "sub/.layers.yaml": false, ".layers.yaml.txt": false} {
		if files.MatchString(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
