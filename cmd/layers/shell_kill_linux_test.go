package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/layers/layers/fixtures"
)

// TestKilledShells says that of shells that are killed at any moment nothing is left:
// no process, no mount, no directory that prune does not take.
func TestKilledShells(t *testing.T) {
	if !asRoot(t) {
		return
	}
	registry, err := fixtures.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	defer registry.Close()
	if err := registry.Push("app:1", fixtures.Image("-- 0/file --\nhello\n")); err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(t.TempDir(), "store")
	start := func(mark string) *exec.Cmd {
		c := exec.Command("/proc/self/exe")
		c.Args = []string{"furnished", registry.Host + "/app:1", "--", "sh", "-c", "sleep 1000 & sleep 1000; : " + mark}
		c.Env = append(c.Environ(), "LAYERS=layers", "LAYERS_STORE="+store)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	random := rand.New(rand.NewPCG(4, 11))
	mark := fmt.Sprintf("shell-of-%d", os.Getpid())
	before := mountsHere(t)
	for range 60 {
		c := start(mark)
		time.Sleep(time.Duration(random.IntN(80_000)) * time.Microsecond)
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait() // killed
	}
	for len(processesOf(t, mark)) > 0 { // the kernel ends them; the test's time is the limit
		time.Sleep(time.Millisecond)
	}
	if after := mountsHere(t); after != before {
		t.Errorf("%d mounts before, %d after", before, after)
	}
	prune := exec.Command("/proc/self/exe")
	prune.Args = []string{"layers", "cache", "prune"}
	prune.Env = append(prune.Environ(), "LAYERS_STORE="+store)
	if out, err := prune.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	left, err := os.ReadDir(filepath.Join(store, "scratch"))
	if err != nil || len(left) > 0 {
		t.Errorf("left in the store: %v, %v", left, err)
	}
}

// TestEndOfTheParentEndsAll says that what a shell started ends with it, also by
// SIGTERM, which is the command's.
func TestEndOfTheParentEndsAll(t *testing.T) {
	if !asRoot(t) {
		return
	}
	registry, err := fixtures.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	defer registry.Close()
	if err := registry.Push("app:1", fixtures.Image("-- 0/file --\nhello\n")); err != nil {
		t.Fatal(err)
	}
	mark := fmt.Sprintf("ended-of-%d", os.Getpid())
	c := exec.Command("/proc/self/exe")
	script := `trap 'exit 5' TERM; sleep 1000 & echo ready; wait; : ` + mark
	c.Args = []string{"furnished", registry.Host + "/app:1", "--", "sh", "-c", script}
	c.Env = append(c.Environ(), "LAYERS=layers", "LAYERS_STORE="+filepath.Join(t.TempDir(), "store"))
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	if code := c.ProcessState.ExitCode(); code != 5 {
		t.Errorf("exit code %d", code)
	}
	if left := processesOf(t, mark); len(left) > 0 {
		t.Errorf("still running: %v", left)
	}
}

// processesOf are those whose command line has a word in it.
func processesOf(t *testing.T, mark string) (all []string) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if data, err := os.ReadFile(line); err == nil && strings.Contains(string(data), mark) {
			all = append(all, line)
		}
	}
	return all
}

func mountsHere(t *testing.T) int {
	t.Helper()
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(data), "\n")
}
