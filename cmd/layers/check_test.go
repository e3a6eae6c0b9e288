package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/fixtures"
)

// checking is a directory, a registry and a store for checks.
type checking struct {
	t        *testing.T
	dir      string
	registry *fixtures.Registry
	store    string
	env      []string
}

func newChecking(t *testing.T) *checking {
	t.Helper()
	registry, err := fixtures.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(registry.Close)
	return &checking{t: t, dir: t.TempDir(), registry: registry, store: filepath.Join(t.TempDir(), "store"), env: []string{
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.org", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.org",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GITHUB_BASE_REF=", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME=",
	}}
}

// push gives the registry an image, and returns its reference.
func (c *checking) push(name string, img v1.Image) string {
	c.t.Helper()
	if err := c.registry.Push(name, img); err != nil {
		c.t.Fatal(err)
	}
	return c.registry.Host + "/" + name
}

// layers runs the program, and returns what it wrote, and its exit code.
func (c *checking) layers(args ...string) (stdout, stderr string, code int) {
	c.t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = append([]string{"layers"}, args...)
	cmd.Dir = c.dir
	cmd.Env = append(append(os.Environ(), c.env...), "LAYERS_STORE="+c.store)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		c.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// git runs git in the directory, and returns the first line that it writes.
func (c *checking) git(args ...string) string {
	c.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), c.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// commit makes an empty commit, and returns its hash.
func (c *checking) commit(message string) string {
	c.t.Helper()
	c.git("commit", "-q", "--allow-empty", "-m", message)
	return c.git("rev-parse", "HEAD")
}

// wantCheck says how a check must end, and what must be in what it writes.
func (c *checking) wantCheck(code int, want string, args ...string) {
	c.t.Helper()
	stdout, stderr, got := c.layers(append([]string{"check"}, args...)...)
	if got != code || !strings.Contains(stdout+stderr, want) {
		c.t.Errorf("check %v: exit %d, want %d and %q\n%s%s", args, got, code, want, stdout, stderr)
	}
}

const checkedBase = "step RUN debootstrap\nstep COPY app /app\n-- 0/lib/big [size=100000] --\n"

// TestCheckFetchesNoLayerThatTheBaselineHas counts what a registry is asked for.
func TestCheckFetchesNoLayerThatTheBaselineHas(t *testing.T) {
	c := newChecking(t)
	main, pr := fixtures.Image(checkedBase+"-- 1/app/a --\na\n"), fixtures.Image(checkedBase+"-- 1/app/.git/HEAD [size=50000] --\n")
	old, img := c.push("app:main", main), c.push("app:pr", pr)
	blobs := func() (all []string) {
		for _, r := range c.registry.Log() {
			if r.Method == "GET" && strings.Contains(r.Path, "/blobs/") {
				all = append(all, r.Path)
			}
		}
		return all
	}
	config := map[string]bool{}
	layers := map[string]int{}
	for _, i := range []v1.Image{main, pr} {
		m, err := i.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		config[m.Config.Digest.String()] = true
		for n, l := range m.Layers {
			layers[l.Digest.String()] = n
		}
	}
	read := func() (numbers []int) {
		for _, path := range blobs() {
			digest := path[strings.LastIndexByte(path, '/')+1:]
			if n, ok := layers[digest]; ok {
				numbers = append(numbers, n)
			} else if !config[digest] {
				t.Errorf("what is %s?", path)
			}
		}
		return numbers
	}
	c.wantCheck(0, "ok", img, "--baseline", old, "--max", "1GB", "--growth", "1GB")
	if got := read(); len(got) > 0 {
		t.Errorf("layers %v were read for what the manifests say", got)
	}
	c.wantCheck(1, "app/.git/HEAD", img, "--baseline", old, "--growth", "1B", "--max", "1B", "--forbid", ".git")
	for _, n := range read() {
		if n == 0 {
			t.Error("the layer that both have was fetched")
		}
	}
	if len(read()) != 2 {
		t.Errorf("layers %v were read", read())
	}
}

// TestCheckAgainstTheCommitWhereTheBranchLeft takes the baseline from git: also where the
// nearest commits have no image, on the main branch itself, with a detached head, in a
// shallow clone, and outside of git.
func TestCheckAgainstTheCommitWhereTheBranchLeft(t *testing.T) {
	c := newChecking(t)
	c.git("init", "-q", "-b", "main")
	first := c.commit("one")
	second := c.commit("two")
	c.push("app:"+first, fixtures.Image("-- 0/a --\na\n"))
	img := c.push("app:pr", fixtures.Image("-- 0/a --\na\n-- 1/big [size=100000] --\n"))
	c.git("checkout", "-q", "-b", "topic")
	c.commit("three")
	args := []string{img, "--baseline-git", "--growth", "10B"}
	c.wantCheck(1, "commit "+first[:12]+", 1 before where this branch left the main one", args...)
	c.push("app:"+second[:7]+"-x", fixtures.Image("-- 0/a --\na\n-- 1/big [size=100000] --\n"))
	c.wantCheck(0, "commit "+second[:12]+", where this branch left the main one", append(args, "--git-tag", "{{.Short}}-x")...)
	c.git("checkout", "-q", "--detach")
	c.wantCheck(1, first[:12], args...)
	c.git("checkout", "-q", "main")
	c.wantCheck(1, "commit "+first[:12], args...)
	c.wantCheck(3, "has an image in", append(args, "--git-tag", "none-{{.SHA}}")...)
	c.wantCheck(0, "has an image in", append(args, "--git-tag", "none-{{.SHA}}", "--on-missing", "warn")...)
	c.wantCheck(2, "no template", append(args, "--git-tag", "{{.SHA")...)
	c.wantCheck(3, "no branch", append(args, "--git-branch", "nowhere")...)

	c.git("checkout", "-q", "topic")
	c.commit("four")
	shallow := t.TempDir()
	c.git("clone", "-q", "--depth", "1", "--branch", "topic", "--no-single-branch", "file://"+c.dir, shallow)
	c.dir = shallow
	c.wantCheck(3, "shallow", args...)
	c.wantCheck(3, "fetch-depth: 0", args...)
	c.dir = t.TempDir()
	c.wantCheck(3, "git", args...)
}

// TestCheckWithWaiversOfCommits reads trailers, and only where that is asked for.
func TestCheckWithWaiversOfCommits(t *testing.T) {
	c := newChecking(t)
	c.git("init", "-q", "-b", "main")
	c.commit("one")
	c.git("checkout", "-q", "-b", "topic")
	commit := c.commit("two\n\nLayers-Allow: growth=200kB the new model\nLayers-Allow: layers other things")
	c.commit("three")
	old := c.push("app:main", fixtures.Image("-- 0/a --\na\n"))
	img := c.push("app:pr", fixtures.Image("-- 0/a --\na\n-- 1/big [size=100000] --\n"))
	args := []string{img, "--baseline", old, "--growth", "10B"}
	c.wantCheck(1, "FAIL", args...)
	c.wantCheck(0, "the new model, commit "+commit[:12], append(args, "--waivers-git")...)
	c.wantCheck(0, "unused", append(args, "--waivers-git")...)
	c.commit("four\n\nLayers-Allow: growth=lots of it")
	c.wantCheck(2, "Layers-Allow", append(args, "--waivers-git")...)
}

// TestCheckOfTheCommit has the file name the image of the commit.
func TestCheckOfTheCommit(t *testing.T) {
	c := newChecking(t)
	c.git("init", "-q", "-b", "main")
	sha := c.commit("one")
	c.push("app:"+sha, fixtures.Image("-- 0/a --\na\n"))
	text := "version: 1\nimages:\n  app:\n    image: '" + c.registry.Host + "/{{.Env.WHO}}:{{.SHA}}'\n    rules:\n      - max: 1GB\n"
	if err := os.WriteFile(filepath.Join(c.dir, ".layers.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	c.env = append(c.env, "WHO=app")
	c.wantCheck(0, "app:"+sha)
	c.env = append(c.env, "WHO=nobody")
	c.wantCheck(3, "nobody:"+sha)
}
