//go:build corpus && linux

package main

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/layers/layers/fixtures"
)

// TestStoriesOfIDs are told by a user who has subordinate ids.
func TestStoriesOfIDs(t *testing.T) {
	tellStoriesBy(t, filepath.Join("testdata", "ids"), func(env *testscript.Env) error { return asAnn(env) })
}

// TestStoriesOfShellsWithIDs are those of all shells, told by her.
func TestStoriesOfShellsWithIDs(t *testing.T) {
	tellStoriesBy(t, filepath.Join("testdata", "shell"), func(env *testscript.Env) error { return asAnn(env) })
}

func asAnn(env *testscript.Env) error {
	env.Setenv("LAYERS", "layers-with-ids")
	if err := setup(env); err != nil {
		return err
	}
	if err := os.Chmod(filepath.Dir(env.WorkDir), 0o755); err != nil {
		return err
	}
	return ownedBy(annUID, env.WorkDir)
}

// annsHome is a directory of hers, and an environment in which her store is there.
func annsHome(t *testing.T) (dir string, env []string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ann-") // where everybody may go
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chown(dir, annUID, annUID); err != nil {
		t.Fatal(err)
	}
	return dir, []string{"LAYERS_STORE=" + filepath.Join(dir, "store"), "HOME=" + dir, "XDG_RUNTIME_DIR=" + dir}
}

// owners is an image whose files are of many users, in directories that are theirs alone.
func owners(t *testing.T) *fixtures.Registry {
	t.Helper()
	var stack [][]fixtures.Entry
	for l := range 3 {
		var entries []fixtures.Entry
		for d := range 40 {
			dir := fmt.Sprintf("layer%d/of%d", l, d)
			entries = append(entries, fixtures.Entry{Name: dir + "/", Mode: 0o700, UID: d * 7, GID: d * 3})
			for f := range 20 {
				entries = append(entries, fixtures.Entry{Name: fmt.Sprintf("%s/%d", dir, f), Body: strings.Repeat("x", 100*f), Mode: 0o600, UID: d * 7, GID: d * 3})
			}
		}
		stack = append(stack, entries)
	}
	registry, err := fixtures.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(registry.Close)
	if err := registry.Push("owners:1", fixtures.Build(stack)); err != nil {
		t.Fatal(err)
	}
	return registry
}

// TestKilledWithIDs says that whatever is killed at any moment, what is left of it can be
// removed by its user, although it belongs to others, and is.
func TestKilledWithIDs(t *testing.T) {
	registry := owners(t)
	home, env := annsHome(t)
	image := registry.Host + "/owners:1"
	ann := func(args ...string) *exec.Cmd {
		c := annCommand(args...)
		c.Dir, c.Env = home, append(c.Env, env...)
		return c
	}
	commands := [][]string{
		{"unpack", "--force", image, "root"}, {"pull", "--unpack", image}, {"mount", image, "--", "sleep", "1000"},
	}
	random := rand.New(rand.NewPCG(7, 3))
	start := time.Now()
	annDoes(t, ann("pull", "--unpack", image))
	whole := time.Since(start)
	annDoes(t, ann("rm", image))
	met := 0 // moments at which something was left
	for i := range 24 {
		c := ann(commands[i%len(commands)]...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Int64N(int64(whole))))
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait()                    // killed
		for len(annsProcesses(t)) > 0 { // the kernel ends them; the test's time is the limit
			time.Sleep(time.Millisecond)
		}
		met += min(1, len(leftOf(t, filepath.Join(home, "store", "scratch"), annSubs, annSubs+1<<16)))
		if i%3 == 2 { // begin anew
			annDoes(t, ann("cache", "prune", "--wait"))
			if len(annDoes(t, ann("images", "-q"))) > 0 {
				annDoes(t, ann("rm", "--wait", image))
			}
		}
	}
	if met < 2 {
		t.Errorf("only %d times was anything left that is not the user's own; all takes %v", met, whole)
	}
	annDoes(t, ann("unpack", "-q", "--force", image, "root"))
	annDoes(t, ann("pull", "--unpack", image))
	annDoes(t, ann("cache", "prune"))
	annDoes(t, ann("rm", "--wait", image))
	if left := leftOf(t, filepath.Join(home, "store"), annSubs, annSubs+1<<16); len(left) > 0 {
		t.Errorf("left: %d, as %s", len(left), left[0])
	}
	for _, pattern := range []string{"store/scratch/*", "store/snapshots/v1/*", "store/blobs/sha256/*", "store/leases/*", "store/trash/*", ".root*"} {
		if left, err := filepath.Glob(filepath.Join(home, pattern)); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	}
}

// leftOf are the files in a directory that belong to some users.
func leftOf(t *testing.T, dir string, from, to uint32) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		if uid := fi.Sys().(*syscall.Stat_t).Uid; uid >= from && uid < to {
			all = append(all, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func annDoes(t *testing.T, c *exec.Cmd) string {
	t.Helper()
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", c.Args, err, out, stderr.String())
	}
	return string(out)
}

// annsProcesses are those of her and of her subordinate ids.
func annsProcesses(t *testing.T) (all []string) {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		status, _ := os.ReadFile(path) // it may have ended
		_, line, _ := strings.Cut(string(status), "\nUid:\t")
		uid, _ := strconv.Atoi(strings.Fields(line + " -1")[0])
		if dead := strings.Contains(string(status), "\nState:\tZ"); !dead && (uid == annUID || uid >= annSubs && uid < annSubs+1<<16) {
			all = append(all, path)
		}
	}
	return all
}

// TestUsersOfAnImage says that whoever an image's passwd names, however it does, runs as
// himself, or is said not to exist.
func TestUsersOfAnImage(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 1))
	passwd := "root:x:0:0::/:\n:::\nbroken\n\x00\xff:x:5:5\n:x:0:0::/:\nuser -1:x:-1:-1::/:\nall:x:4294967295:0::/:\n"
	want := map[string]string{"root": "0:0"}
	for i := range 12 {
		uid, gid := random.IntN(65537), random.IntN(65537)
		name := fmt.Sprintf("u%d", i)
		passwd += fmt.Sprintf("%s:x:%d:%d:%s:/:\n", name, uid, gid, strings.Repeat("g", random.IntN(50)))
		want[name] = fmt.Sprintf("%d:%d", uid, gid)
	}
	passwd += "u1:x:0:0::/:\nfar:x:65537:0::/:\nfargroup:x:1:70000::/:\n"
	for _, nobody := range []string{"far", "fargroup", "all", "user -1", "3000000"} {
		want[nobody] = ""
	}
	registry, err := fixtures.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	defer registry.Close()
	stack := [][]fixtures.Entry{{{Name: "etc/passwd", Body: passwd}}}
	if err := registry.Push("users:1", fixtures.Build(stack)); err != nil {
		t.Fatal(err)
	}
	home, env := annsHome(t)
	for name, id := range want {
		c := exec.Command("/proc/self/exe")
		c.Args = []string{"furnished", "-u", name, registry.Host + "/users:1", "--", "sh", "-c", "echo $(id -u):$(id -g)"}
		c.Dir, c.Env = home, append(append(os.Environ(), env...), "LAYERS=layers-with-ids")
		var said strings.Builder // how the pull goes, too, if it takes long
		c.Stderr = &said
		out, err := c.Output()
		switch {
		case id == "" && err == nil:
			t.Errorf("%s: %s", name, out)
		case id != "" && (err != nil || strings.TrimSpace(string(out)) != id):
			t.Errorf("%s is %s, %v; want %s\n%s", name, out, err, id, said.String())
		}
	}
}
