package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/layers/layers/cmd"
	"github.com/layers/layers/cmd/policy"
	"github.com/layers/layers/diff/budget"
	"github.com/layers/layers/fixtures"
)

var update = flag.Bool("update", false, "write into README.md what its examples print, but for those that leave something out")

// example is a command in README.md, and what stands below it. The line "…" stands
// for any number of lines.
type example struct {
	command string
	output  []string
	line    int // of README.md where the output starts, from 0
}

// examples returns what is in the console blocks of README.md. The demo shows
// commands of its own.
func examples(t *testing.T) []*example {
	t.Helper()
	var out []*example
	var last *example
	inside := false
	for i, line := range strings.Split(read(t, "README.md"), "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside, last = line == "```console", nil
		case !inside:
		case strings.HasPrefix(line, "$ ") && (last == nil || !strings.HasSuffix(last.command, " demo")):
			last = &example{command: line[2:], line: i + 1}
			out = append(out, last)
		default:
			last.output = append(last.output, line)
		}
	}
	return out
}

// writtenHost is where the README's registry is: where the demo's is, if it can.
const writtenHost = "127.0.0.1:50000"

var (
	registryName = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	age          = regexp.MustCompile(`\d+ (second|minute|hour|day|week|month|year)s?\b`)
)

// freed is told in blocks, which not all file systems have alike.
var freed = regexp.MustCompile(`[0-9.]+ .?B (would be )?freed`)

// comparable takes out of a line what differs from run to run.
func comparable(line string) string {
	line = freed.ReplaceAllString(line, "BLOCKS freed")
	return age.ReplaceAllString(registryName.ReplaceAllString(line, writtenHost), "AGE")
}

// TestReadmeShowsWhatHappens runs the README's commands in their order, against the
// demo's images, and compares what they print with what it says.
func TestReadmeShowsWhatHappens(t *testing.T) {
	registry, err := fixtures.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(registry.Close)
	for _, n := range fixtures.Demo() {
		if err := registry.Push(n.Name, n.Image); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("LAYERS_STORE", t.TempDir())
	all := examples(t)
	ran := 0
	for _, e := range all {
		command := strings.Replace(e.command, "go run ./cmd/layers", "layers", 1)
		args := strings.Fields(strings.ReplaceAll(command, writtenHost, registry.Host))
		if args[0] == "layers" {
			ran++
			t.Run(command, func(t *testing.T) { e.check(t, args[1:]) })
		}
	}
	if ran < 10 {
		t.Errorf("README.md has only %d examples", ran)
	}
	if *update {
		rewrite(t, all)
	}
}

// check runs the command. With -update it takes what is printed for what was wanted.
func (e *example) check(t *testing.T, args []string) {
	var stdout, stderr bytes.Buffer
	no := args[0] == "check" // whose answer may be that, and is shown
	if code := cmd.Main(args, strings.NewReader(""), &stdout, &stderr); code != 0 && !(no && code == 1) {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	var got []string
	for line := range strings.Lines(stdout.String()) {
		got = append(got, registryName.ReplaceAllString(strings.TrimRight(line, " \n"), writtenHost))
	}
	if matchLines(e.output, got) {
		return
	}
	if *update && !slices.Contains(e.output, "…") {
		e.output = got
		return
	}
	t.Errorf("README.md has\n%s\n\nand this is what happens\n%s", strings.Join(e.output, "\n"), stdout.String())
}

// rewrite puts the examples' outputs into README.md.
func rewrite(t *testing.T, all []*example) {
	t.Helper()
	old := examples(t)
	lines := strings.Split(read(t, "README.md"), "\n")
	for i := len(all) - 1; i >= 0; i-- {
		start := old[i].line
		lines = slices.Replace(lines, start, start+len(old[i].output), all[i].output...)
	}
	text := strings.Join(lines, "\n")
	if err := os.WriteFile(filepath.Join(root, "README.md"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// matchLines says whether the lines are those wanted.
func matchLines(want, got []string) bool {
	if len(want) == 0 {
		return len(got) == 0
	}
	if want[0] != "…" {
		return len(got) > 0 && comparable(want[0]) == comparable(got[0]) && matchLines(want[1:], got[1:])
	}
	for i := range len(got) + 1 {
		if matchLines(want[1:], got[i:]) {
			return true
		}
	}
	return false
}

// TestReadmeHasRulesThatAreRight reads the rules that the README shows.
func TestReadmeHasRulesThatAreRight(t *testing.T) {
	_, text, _ := strings.Cut(read(t, "README.md"), "```yaml\nversion: 1\n")
	text, _, ok := strings.Cut(text, "```")
	p, err := policy.Parse("README.md", []byte("version: 1\n"+text))
	if !ok || err != nil || len(p.Budgets) != 1 || len(p.Budgets[0].Rules) < len(budget.Kinds) {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestReadmeNamesTheTestCommandOnce(t *testing.T) {
	var commands []string
	for _, e := range examples(t) {
		if strings.HasPrefix(e.command, "go test") {
			commands = append(commands, e.command)
		}
	}
	if !slices.Equal(commands, []string{"go test ./..."}) {
		t.Errorf("commands that test: %q", commands)
	}
}

func TestDemoLeavesNothingBehind(t *testing.T) {
	dirs := []string{"TMPDIR", "HOME", "XDG_DATA_HOME", "LAYERS_STORE"}
	for _, dir := range dirs {
		t.Setenv(dir, t.TempDir())
	}
	var stdout, stderr bytes.Buffer
	if code := cmd.Main([]string{"demo"}, strings.NewReader(""), &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	for _, dir := range dirs {
		entries, err := os.ReadDir(os.Getenv(dir))
		if err != nil || len(entries) > 0 {
			t.Errorf("%s has %v, %v", dir, entries, err)
		}
	}
}
