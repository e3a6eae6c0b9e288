package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The roles of processes that tests start.
const (
	makerRole = "test: makes a group, and waits"
	hogRole   = "test: takes memory"
	initRole  = "test: starts a command in a group, as a shell's init does"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case KeeperRole:
			exit(Keep(os.Args[2:]))
		case makerRole:
			exit(makeAndWait())
		case hogRole:
			hog()
		case initRole:
			os.Exit(startIn(os.Args[2], os.Args[3:]))
		}
	}
	os.Exit(m.Run())
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// makeAndWait makes a group, says which, and waits to be killed.
func makeAndWait() error {
	g, err := New(Limits{Pids: 10})
	if err != nil {
		return err
	}
	fmt.Println(g.keeper.process.Process.Pid, strings.Join(g.wholes(), " "))
	time.Sleep(time.Hour)
	return nil
}

func hog() {
	var all [][]byte
	for range 1024 {
		b := make([]byte, 1<<20)
		for i := range b {
			b[i] = 1
		}
		all = append(all, b)
	}
	fmt.Println(len(all))
	os.Exit(0)
}

// startIn starts a command in the groups whose doors are open, as cache/shell has it.
func startIn(doors string, command []string) int {
	runtime.LockOSThread()
	_, _ = os.Stdin.Read(make([]byte, 1)) // until the group is sealed
	file, err := exec.LookPath(command[0])
	if err != nil {
		fmt.Println(err)
		return 1
	}
	pid, err := syscall.ForkExec(file, command, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Ptrace: true},
	})
	var status syscall.WaitStatus
	if err == nil {
		_, err = syscall.Wait4(pid, &status, 0, nil)
	}
	number, _ := strconv.Atoi(doors)
	for i := range number {
		_, e := os.NewFile(uintptr(3+i), "door").WriteString(strconv.Itoa(pid))
		err = errors.Join(err, e)
	}
	if err = errors.Join(err, syscall.PtraceDetach(pid)); err != nil {
		fmt.Println(err)
		return 1
	}
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
		fmt.Println(err)
		return 1
	}
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// inGroup runs a command in a group.
func inGroup(t *testing.T, g *Group, command ...string) (string, error) {
	t.Helper()
	doors, err := g.Doors()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("/proc/self/exe", append([]string{initRole, strconv.Itoa(len(doors))}, command...)...)
	c.ExtraFiles = doors
	c.SysProcAttr = &syscall.SysProcAttr{}
	g.Enter(c.SysProcAttr)
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if err := g.Seal(c.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if _, err := stdin.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	err = c.Wait()
	for _, d := range doors {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out.String(), err
}

func newGroup(t *testing.T, l Limits) *Group {
	t.Helper()
	g, err := New(l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Remove(); err != nil {
			t.Error(err)
		}
		gone(t, g.wholes())
	})
	return g
}

func gone(t *testing.T, dirs []string) {
	t.Helper()
	for _, d := range dirs {
		if _, err := os.Stat(d); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", d, err)
		}
	}
}

func TestLimitsHold(t *testing.T) {
	want := Limits{Memory: 64 << 20, CPUs: 0.5, Pids: 7}
	g := newGroup(t, want)
	if out, err := inGroup(t, g, "true"); err != nil {
		t.Fatal(out, err)
	}
	if got := g.Limits(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if none := newGroup(t, Limits{}); none.Limits() != (Limits{}) {
		t.Errorf("without limits: %+v", none.Limits())
	}
	if d := g.Describe(); !strings.Contains(d, "memory") || !strings.Contains(d, "pids") {
		t.Error(d)
	}
}

func TestMemoryHog(t *testing.T) {
	g := newGroup(t, Limits{Memory: 64 << 20})
	out, err := inGroup(t, g, "/proc/self/exe", hogRole)
	if err == nil || !strings.Contains(err.Error(), "137") {
		t.Fatalf("it had %q MB: %v", out, err)
	}
	s := g.Stats()
	if s.OOMKills < 1 || s.PeakMemory > 65<<20 || s.PeakMemory < 32<<20 {
		t.Errorf("%+v", s)
	}
}

// TestExactlySoManyProcesses says that the shell's init takes none of them away.
func TestExactlySoManyProcesses(t *testing.T) {
	for _, n := range []int{1, 2, 3, 12} {
		g := newGroup(t, Limits{Pids: int64(n)})
		out, err := inGroup(t, g, "sh", "-c", `echo I; for i in 1 2 3 4 5 6 7 8 9 a b c d e; do sleep 1000 >/dev/null 2>&1 & echo I; done`)
		if got := strings.Count(out, "I\n"); err == nil || got != n {
			t.Errorf("%d processes of %d: %q, %v", got, n, out, err)
		}
		if s := g.Stats(); s.PidsRefused < 1 || s.PeakPids >= 0 && s.PeakPids != int64(n) {
			t.Errorf("%+v", s)
		}
		// Cleanup removes the group with its sleepers in it.
	}
}

// TestNothingButTheCommandIsCounted says that the init's time and memory are not.
func TestNothingButTheCommandIsCounted(t *testing.T) {
	g := newGroup(t, Limits{})
	if out, err := inGroup(t, g, "sleep", "0"); err != nil {
		t.Fatal(out, err)
	}
	s := g.Stats()
	if s.PeakMemory <= 0 || s.PeakMemory > 2<<20 || s.CPU <= 0 || s.PeakPids >= 0 && s.PeakPids != 1 {
		t.Errorf("%+v", s)
	}
}

// TestProcessorsAreCounted has a limit so small that a host with much else to do gives
// more than that.
func TestProcessorsAreCounted(t *testing.T) {
	g := newGroup(t, Limits{CPUs: 0.02})
	begun := time.Now()
	if out, err := inGroup(t, g, "timeout", "2", "sh", "-c", "while :; do :; done"); err == nil || err.Error() != "exit status 124" {
		t.Fatal(out, err)
	}
	if s := g.Stats(); s.CPU <= 0 || s.CPU > time.Since(begun)/2 {
		t.Errorf("%+v in %v", s, time.Since(begun))
	}
	if n := g.of("cpu").field("cpu.stat", "nr_throttled"); n < 1 {
		t.Errorf("it was throttled %d times", n)
	}
}

// TestKeeper says that a group goes when its maker is killed.
func TestKeeper(t *testing.T) {
	_, dirs, maker := startMaker(t)
	if err := maker.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = maker.Wait() // killed
	for len(present(dirs)) > 0 {
		time.Sleep(time.Millisecond) // the limit is the test's own
	}
}

// TestSweep says that a group goes with the next one when its keeper is killed too.
func TestSweep(t *testing.T) {
	keeper, dirs, maker := startMaker(t)
	for _, pid := range []int{keeper, maker.Process.Pid} {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	_ = maker.Wait() // killed
	if len(present(dirs)) != len(dirs) {
		t.Fatal("they are gone already")
	}
	_, livingDirs, other := startMaker(t)
	gone(t, dirs)
	newGroup(t, Limits{})
	if len(present(livingDirs)) != len(livingDirs) {
		t.Error("a living shell's group was taken")
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait() // killed
}

func present(dirs []string) (all []string) {
	for _, d := range dirs {
		if _, err := os.Stat(d); err == nil {
			all = append(all, d)
		}
	}
	return all
}

func startMaker(t *testing.T) (keeper int, dirs []string, maker *exec.Cmd) {
	t.Helper()
	maker = exec.Command("/proc/self/exe", makerRole)
	maker.Stderr = os.Stderr
	stdout, err := maker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := maker.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(line)
	if _, err := fmt.Sscan(fields[0], &keeper); err != nil {
		t.Fatal(err)
	}
	return keeper, fields[1:], maker
}

// TestOtherHosts reads what other hosts have in their files.
func TestOtherHosts(t *testing.T) {
	const unified = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
	const first = "31 23 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n" +
		"32 23 0:28 /docker/x /sys/fs/cgroup/mem\\040ory rw - cgroup cgroup rw,memory\n"
	for name, c := range map[string]struct{ mounts, groups, controller, want string }{
		"version 2":             {unified, "0::/user.slice/s.scope\n", "pids", "/sys/fs/cgroup/user.slice/s.scope"},
		"version 1":             {first, "4:cpu,cpuacct:/a\n5:memory:/docker/x/y\n", "cpu", "/sys/fs/cgroup/cpu,cpuacct/a"},
		"version 1, a part":     {first, "4:cpu,cpuacct:/a\n5:memory:/docker/x/y\n", "memory", "/sys/fs/cgroup/mem ory/y"},
		"both, the second has":  {unified + first, "4:cpu,cpuacct:/a\n5:memory:/b\n0::/c\n", "pids", "/sys/fs/cgroup/c"},
		"none has":              {first, "4:cpu,cpuacct:/a\n", "pids", ""},
		"nothing is mounted":    {"1 1 0:1 / / rw - ext4 /dev/sda rw\n", "0::/\n", "pids", ""},
		"a line that is broken": {"broken\n" + unified, "0::/x\n", "pids", "/sys/fs/cgroup/x"},
	} {
		read := func(string) ([]byte, error) { return []byte("pids io\n"), nil }
		all, err := readHierarchies(strings.NewReader(c.mounts), strings.NewReader(c.groups), read)
		got := ""
		if h := with(all, c.controller); h != nil {
			got = h.dir()
		}
		if err != nil || got != c.want {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, c.want)
		}
	}
}

// TestWhyNot says that who may not make a group is told why, and what to do.
func TestWhyNot(t *testing.T) {
	h := &hierarchy{mount: "/sys/fs/cgroup", root: "/", own: "/"}
	for err, want := range map[error]string{
		syscall.EROFS: "read-only",
		syscall.EBUSY: "has processes of its own",
	} {
		var e *UnavailableError
		if got := refused("pids", h, &os.PathError{Op: "mkdir", Path: "x", Err: err}); !errors.As(got, &e) ||
			!strings.Contains(e.Error(), want) || e.Remedy == "" {
			t.Errorf("%v: %v", err, got)
		}
	}
	var e *UnavailableError
	if got := missing("memory", nil); !errors.As(got, &e) || !strings.Contains(e.Error(), "no control groups are mounted") {
		t.Error(got)
	}
	if _, err := os.Stat(filepath.Join("/proc", "self", "cgroup")); err != nil {
		t.Error(err)
	}
}

func TestWhatHoldsIsTheLeastOfAllAbove(t *testing.T) {
	top := t.TempDir()
	put := func(dir, file, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(top, dir, file), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("a", "memory.max", "4096")
	put("a/b", "memory.max", "max")
	put("a/b/c", "memory.max", "8192")
	put("a", "cpu.max", "max 100000")
	put("a/b", "cpu.max", "150000 100000")
	put("a/b/c", "pids.max", "7")
	put("a", "pids.max", "max")
	h := &hierarchy{mount: top, unified: true}
	at := filepath.Join(top, "a/b/c")
	got := h.limit("memory", at).least(h.limit("cpu", at)).least(h.limit("pids", at))
	if want := (Limits{Memory: 4096, CPUs: 1.5, Pids: 7}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
