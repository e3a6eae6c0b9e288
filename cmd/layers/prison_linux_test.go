package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/layers/layers/fixtures"
)

// prison is a place from which attacks are made.
type prison struct {
	name string
	args []string
	// open are the ways that are, and are meant to be. More is a hole, and less is an
	// attack that tries nothing.
	open []string
	// byIDs are those that are open to who has more ids than one, as root of the host does.
	byIDs []string
	// held are those that are not, where most are, and which depends on the kernel.
	held []string
}

// prisons are attacked by root and by an ordinary user, with the same end.
var prisons = []prison{
	{name: "no capabilities"},
	{name: "another user", args: []string{"--user", "0:0"}},
	{name: "writable", args: []string{"--writable"}, open: []string{"write root"}},
	{name: "default", args: []string{"--cap", "default", "--user", "0"}, open: []string{"chroot", "low port"}, byIDs: []string{
		"chown", "other groups", "other user",
	}},
	{name: "all", args: []string{"--cap", "all", "--writable"}, held: []string{
		"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/scsi", "/proc/timer", "/sys/firmware", "add_key", "block device",
		"chroot escape", "host's network", "host's processes", "io_uring", "ioctl TIOCLINUX", "ioctl TIOCSTI",
		"ioctl TIOCSTI high", "keyctl", "leaked descriptor", "mknod disk", "mknod kmsg", "mknod null", "new privileges",
		"own program", "personality", "request_key", "signals end init", "standard input", "standard output",
		"stronger init", "userfaultfd",
	}},
	{name: "host's network", args: []string{"--net", "host"}, open: []string{"host's network"}},
	{name: "bind", args: []string{"--bind", "/tmp:/open"}},
	{name: "ptrace", args: []string{"--cap", "sys_ptrace"}, open: []string{
		"/proc/1/cwd", "/proc/1/exe", "/proc/1/fd", "/proc/1/maps", "/proc/1/mem", "/proc/1/ns",
		"/proc/1/root", "/proc/1/task", "kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv", "ptrace a thread",
		"ptrace init",
	}},
}

// TestAttacks says that a hostile program gets nowhere that its shell was not opened to.
func TestAttacks(t *testing.T) {
	for _, program := range []string{"layers", "layers-unprivileged"} {
		t.Run(program, func(t *testing.T) {
			if program == "layers" && !asRoot(t) {
				return
			}
			image, store := attackedImage(t)
			attacker := copyOfUs(t)
			for _, p := range prisons {
				t.Run(p.name, func(t *testing.T) { p.attacked(t, program, attacker, image, store) })
			}
		})
	}
}

// attackedImage serves an image, and makes a store that anybody can use.
func attackedImage(t *testing.T) (image, store string) {
	t.Helper()
	registry, err := fixtures.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(registry.Close)
	if err := registry.Push("app:1", fixtures.Image("-- 0/file --\nhello\n")); err != nil {
		t.Fatal(err)
	}
	store = filepath.Join(openDir(t), "store")
	return registry.Host + "/app:1", store
}

// copyOfUs is this program where anybody can run it.
func copyOfUs(t *testing.T) string {
	t.Helper()
	us, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer us.Close()
	to, err := os.OpenFile(filepath.Join(openDir(t), "attack"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, us); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return to.Name()
}

// openDir is a new directory that anybody can write in.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "layers-open-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// attacked lets the attacker out with standard files that are files of the host, and
// compares what it found with what is meant to be open.
func (p *prison) attacked(t *testing.T, program, attacker, image, store string) {
	dir := openDir(t)
	in, err := os.Create(filepath.Join(dir, "in"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // an init that is taken over need not end
	defer cancel()
	c := exec.CommandContext(ctx, "/proc/self/exe")
	c.Args = slices.Concat([]string{"furnished", image, "--bind", attacker + ":/attack:ro"}, p.args, []string{"--", "/attack"})
	c.Env = append(c.Environ(), "LAYERS="+program, "LAYERS_STORE="+store)
	var stderr strings.Builder
	c.Stdin, c.Stdout, c.Stderr = in, out, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	found := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	want := slices.Clone(p.open)
	if slices.Contains(found, "other user") || program == "layers" && !fixtures.OneID() {
		want = append(want, p.byIDs...)
		slices.Sort(want)
	}
	want = append(want, "all tried")
	if p.held != nil {
		want = slices.DeleteFunc(slices.Clone(found), func(name string) bool { return slices.Contains(p.held, name) })
	}
	if !slices.Equal(found, want) || len(found) == 0 || found[len(found)-1] != "all tried" {
		t.Errorf("open: %q\nwant: %q\n%s", found, want, stderr.String())
	}
}
