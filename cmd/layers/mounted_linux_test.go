package main

import (
	"bufio"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/layers/layers/fixtures"
)

// TestInterruptsAreTheCommands says that SIGINT and SIGQUIT, which a terminal sends to
// the command as well, do not end it before its time, and that SIGTERM is passed on.
func TestInterruptsAreTheCommands(t *testing.T) {
	registry, err := fixtures.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	defer registry.Close()
	if err := registry.Push("app:1", fixtures.Image("-- 0/file --\nhello\n")); err != nil {
		t.Fatal(err)
	}
	const script = `trap 'echo terminated' TERM; echo ready; read line; echo "$line"; cat file; read line; exit 4`
	c := exec.Command("/proc/self/exe")
	c.Args = []string{"layers", "mount", registry.Host + "/app:1", "--", "sh", "-c", script}
	c.Env = append(c.Environ(), "LAYERS_STORE="+filepath.Join(t.TempDir(), "store"))
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	c.Stderr = &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewScanner(stdout)
	expect := func(want string) {
		t.Helper()
		if !out.Scan() || out.Text() != want {
			t.Fatalf("got %q (%v), want %q; %s", out.Text(), out.Err(), want, stderr.String())
		}
	}
	expect("ready")
	for range 3 {
		if err := c.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := stdin.Write([]byte("still here\n")); err != nil {
		t.Fatal(err)
	}
	expect("still here")
	expect("hello")
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	expect("terminated")
	_ = stdin.Close() // read may have been interrupted already
	var exit *exec.ExitError
	if err := c.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 4 {
		t.Errorf("got %v; %s", err, stderr.String())
	}
}
