package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/layers/layers/cache/shell/console"
	"github.com/layers/layers/fixtures"
)

// killing is how a shell is ended before its time.
type killing struct {
	name string
	do   func(c *exec.Cmd, terminal *console.Pty) error
}

var killings = []killing{
	{"KILL", func(c *exec.Cmd, _ *console.Pty) error { return c.Process.Kill() }},
	{"TERM", func(c *exec.Cmd, _ *console.Pty) error { return c.Process.Signal(syscall.SIGTERM) }},
	{"HUP", func(c *exec.Cmd, _ *console.Pty) error { return c.Process.Signal(syscall.SIGHUP) }},
	{"group", func(c *exec.Cmd, _ *console.Pty) error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }},
	{"init", func(c *exec.Cmd, _ *console.Pty) error { return killChildren(c.Process.Pid) }},
	{"terminal", func(_ *exec.Cmd, terminal *console.Pty) error { return terminal.Master.Close() }},
}

// killChildren kills what a process has started: a shell's init, and its keeper. If
// there is nothing yet, it kills the process.
func killChildren(pid int) error {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return err
	}
	some := false
	for _, name := range threads {
		data, _ := os.ReadFile(name) // the thread may have ended
		for _, child := range strings.Fields(string(data)) {
			if n, err := strconv.Atoi(child); err == nil {
				some = syscall.Kill(n, syscall.SIGKILL) == nil || some
			}
		}
	}
	if !some {
		return syscall.Kill(pid, syscall.SIGKILL)
	}
	return nil
}

// TestKilledShells says that of shells that are killed at any moment, by root and by an
// ordinary user, several at a time, nothing is left: no process, no mount, no control
// group that the next shell does not take, no directory that prune does not take; and
// that the store is whole.
func TestKilledShells(t *testing.T) {
	// What is ignored here, as under nohup, our programs would ignore: now they do not.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for _, program := range []string{"layers", "layers-unprivileged"} {
		t.Run(program, func(t *testing.T) {
			if program == "layers" && !asRoot(t) {
				return
			}
			k := newKilled(t, program)
			var all sync.WaitGroup
			for worker := range 4 {
				all.Go(func() {
					random := rand.New(rand.NewPCG(4, uint64(worker)))
					for range kills / 8 {
						if err := k.one(random); err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			k.nothingLeft(t)
		})
	}
}

// killed are shells of one program that are killed.
type killed struct {
	program, store, image, mark string
	limits                      bool
	mu                          sync.Mutex
	pids                        map[string]bool // of those that were killed
}

func newKilled(t *testing.T, program string) *killed {
	k := &killed{program: program, mark: fmt.Sprintf("shell-of-%d-%s", os.Getpid(), program), pids: map[string]bool{}}
	k.image, k.store = attackedImage(t)
	k.limits = program == "layers" && !fixtures.OneID()
	c := k.command(nil, "true")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return k
}

func (k *killed) command(options []string, command ...string) *exec.Cmd {
	c := exec.Command("/proc/self/exe")
	c.Args = slices.Concat([]string{"furnished", k.image}, options, []string{"--"}, command)
	c.Env = append(c.Environ(), "LAYERS="+k.program, "LAYERS_STORE="+k.store)
	return c
}

// one starts a shell and kills it.
func (k *killed) one(random *rand.Rand) error {
	var options []string
	if random.IntN(3) == 0 {
		options = append(options, "--writable")
	}
	if k.limits && random.IntN(3) == 0 {
		options = append(options, "--pids", "50", "--memory", "64MiB")
	}
	c := k.command(options, "sh", "-c", "sleep 1000 & echo > /tmp/x; sleep 1000; : "+k.mark)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	how := killings[random.IntN(len(killings))]
	var terminal *console.Pty
	if how.name == "terminal" {
		person, program, err := openTerminal()
		if err != nil {
			return err
		}
		terminal = &console.Pty{Master: person, Slave: program}
		c.Stdin, c.Stdout, c.Stderr = terminal.Slave, terminal.Slave, terminal.Slave
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	}
	if err := c.Start(); err != nil {
		return err
	}
	k.mu.Lock()
	k.pids[strconv.Itoa(c.Process.Pid)] = true
	k.mu.Unlock()
	if terminal != nil {
		if err := terminal.Slave.Close(); err != nil {
			return err
		}
	}
	became("layers", c.Process.Pid)
	time.Sleep(time.Duration(random.IntN(100_000)) * time.Microsecond)
	if err := how.do(c, terminal); err != nil && !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("%s: %w", how.name, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	for late := time.After(time.Minute); ; {
		select {
		case <-ended: // it was killed
			return nil
		case <-late:
			return errors.Join(fmt.Errorf("%s: it goes on", how.name), c.Process.Kill())
		case <-time.After(time.Second):
			if how.name == "init" { // it was another child
				_ = how.do(c, nil) // it may have ended
			}
		}
	}
}

// became waits until a process has become a program, or has ended: a signal that one
// thread takes while another is in exec is lost with that thread, and with it nothing
// that the program could have done.
func became(program string, pid int) {
	for {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if name, _, _ := strings.Cut(string(data), "\x00"); err != nil || len(data) == 0 || name == program {
			return
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// nothingLeft waits until the kernel has ended what was killed, and then looks for what
// is left in this host. Of a shell that was killed after its keeper, the next shell with
// limits takes the control groups.
func (k *killed) nothingLeft(t *testing.T) {
	if k.limits {
		c := k.command([]string{"--pids", "50", "--memory", "64MiB"}, "true")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
	left := func() (all []string) {
		return slices.Concat(processesOf(t, k.mark), processesOf(t, k.store), mountsOf(t, k.store), k.groups(t))
	}
	for begun := time.Now(); len(left()) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > 30*time.Second {
			t.Fatalf("left: %v", left())
		}
	}
	for _, args := range [][]string{{"cache", "prune"}, {"cache", "verify"}} {
		c := exec.Command("/proc/self/exe")
		c.Args = append([]string{k.program}, args...)
		c.Env = append(c.Environ(), "LAYERS_STORE="+k.store)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	for _, dir := range []string{"scratch", "ingest"} {
		names, err := os.ReadDir(filepath.Join(k.store, dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) || len(names) > 0 {
			t.Errorf("left in %s: %v, %v", dir, names, err)
		}
	}
}

// mountsOf are the mount namespaces in which a directory is named as one that is mounted.
func mountsOf(t *testing.T, dir string) (all []string) {
	t.Helper()
	tables, err := filepath.Glob("/proc/[0-9]*/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if data, err := os.ReadFile(table); err == nil && strings.Contains(string(data), " "+dir) {
			all = append(all, table)
		}
	}
	return all
}

// groups are the control groups that the killed have made.
func (k *killed) groups(t *testing.T) (all []string) {
	t.Helper()
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil //nolint:nilerr // others remove theirs
		}
		if parts := strings.Split(d.Name(), "-"); parts[0] == "layers" && len(parts) > 2 && k.pids[parts[2]] {
			all = append(all, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
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
