package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/fixtures"
)

// TestRemovalInTheBackground says that unpacked files go from the disk though nobody
// waits for it, that one with --wait finds them gone at its end, and that what a killed
// process left is gone on with by the next command.
func TestRemovalInTheBackground(t *testing.T) {
	registry, err := fixtures.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	defer registry.Close()
	var many []fixtures.Entry
	for i := range 5000 {
		many = append(many, fixtures.Entry{Name: fmt.Sprintf("d%d/f%d", i%50, i), Body: "x"})
	}
	if err := registry.Push("app:1", fixtures.Build([][]fixtures.Entry{many})); err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(t.TempDir(), "store")
	layers := func(args ...string) {
		t.Helper()
		c := exec.Command("/proc/self/exe")
		c.Args = append([]string{"layers"}, args...)
		c.Env = append(os.Environ(), "LAYERS_STORE="+store)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	app, trash := registry.Host+"/app:1", filepath.Join(store, "trash")
	left := func() int {
		found, err := os.ReadDir(trash)
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	empties := func() {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); left() > 0; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("it stays in the trash")
			}
		}
	}

	layers("pull", "-q", "--unpack", app)
	layers("rm", "--wait", app)
	if n := left(); n > 0 {
		t.Errorf("%d are in the trash after --wait", n)
	}
	layers("pull", "-q", "--unpack", app)
	layers("rm", app)
	empties()

	// As if the process that removes were killed at once.
	lock, err := os.Open(trash)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	layers("pull", "-q", "--unpack", app)
	layers("rm", app)
	if n := left(); n != 1 {
		t.Errorf("%d are in the trash, beside one who has it alone", n)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	layers("images")
	empties()
}
