//go:build linux && (amd64 || arm64)

package seccomp

import (
	"encoding/json"
	"errors"
	"maps"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/fixtures"
)

// attempts runs the process that tries system calls, in a role.
func attempts(t *testing.T, role string) tried {
	t.Helper()
	out, err := start(t, role)
	if err != nil {
		t.Fatal(role, err)
	}
	var got tried
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	return got
}

// TestKernelHoldsTheFilter tries what the filter is for, after an exec, beside a
// process that has none: there the kernel answers otherwise.
func TestKernelHoldsTheFilter(t *testing.T) {
	roles := []string{"confine"}
	if !fixtures.OneID() {
		roles = append(roles, "confine-nobody")
	}
	free := attempts(t, "try")
	for _, role := range roles {
		got := attempts(t, role)
		for name, errno := range got.Dangerous {
			if errno != unix.EPERM {
				t.Errorf("%s: %s: %v", role, name, errno)
			}
		}
		for name, errno := range got.UnheardOf {
			if errno != unix.ENOSYS {
				t.Errorf("%s: %s: %v", role, name, errno)
			}
		}
		if !maps.Equal(got.Harmless, free.Harmless) {
			t.Errorf("%s: %v, and without a filter %v", role, got.Harmless, free.Harmless)
		}
	}
	for name, errno := range free.Dangerous {
		if errno == unix.EPERM && !fixtures.OneID() {
			t.Errorf("%s is refused without a filter: the test says nothing", name)
		}
	}
	if errno := free.UnheardOf["clone3"]; errno != unix.EINVAL {
		t.Errorf("clone3 without a filter: %v", errno)
	}
}

// TestCapabilitiesOpenTheFilter has the kernel answer where the profile allows it.
func TestCapabilitiesOpenTheFilter(t *testing.T) {
	free := attempts(t, "try")
	for capability, names := range map[string][]string{
		"CAP_SYS_ADMIN":       {"mount", "umount2", "move_mount", "fsopen", "open_tree", "setns", "unshare(CLONE_NEWUSER)", "unshare(CLONE_NEWNS)", "clone(CLONE_NEWNS)", "clone(CLONE_NEWUSER)", "bpf", "perf_event_open", "syslog"},
		"CAP_SYS_CHROOT":      {"chroot"},
		"CAP_SYS_BOOT":        {"reboot"},
		"CAP_SYS_MODULE":      {"init_module", "finit_module"},
		"CAP_SYS_PTRACE":      {"kcmp", "process_madvise"},
		"CAP_DAC_READ_SEARCH": {"open_by_handle_at"},
		"CAP_BPF":             {"bpf"},
	} {
		got, open := attempts(t, "confine "+capability), map[string]bool{}
		for _, name := range names {
			open[name] = true
		}
		for name, errno := range got.Dangerous {
			want := unix.EPERM
			if open[name] {
				want = free.Dangerous[name]
			}
			if errno != want {
				t.Errorf("%s: %s: %v instead of %v", capability, name, errno, want)
			}
		}
	}
}

// TestShellUnderTheFilter does with a shell what shells do.
func TestShellUnderTheFilter(t *testing.T) {
	const script = `set -e
		grep Seccomp: /proc/self/status
		x=$(echo sub | cat); echo $x
		(exit 3) || echo code $?
		d=$(mktemp -d); echo text >$d/f; ln -s f $d/l; cat $d/l; rm -r $d
		sleep 0 & wait $!; trap 'echo caught' USR1; kill -USR1 $$
		unshare --user true 2>/dev/null || echo kept`
	out, err := start(t, "confine", "sh", "-c", script)
	if want := "Seccomp:\t2\nsub\ncode 3\ntext\ncaught\nkept\n"; err != nil || out != want {
		t.Errorf("%q %v", out, err)
	}
}

// onThread runs f on a thread that has no_new_privs, and ends with it.
func onThread(t *testing.T, f func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread is of no more use
		err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		if err == nil {
			err = f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestOnlyTheThreadIsFiltered looks at the others while one is, and after.
func TestOnlyTheThreadIsFiltered(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	filter, err := Default(nil)
	if err != nil {
		t.Fatal(err)
	}
	mount := dangerous["mount"]
	before, during := mount.try(), make(chan syscall.Errno)
	onThread(t, func() error {
		if err := filter.Load(); err != nil {
			return err
		}
		if errno := mount.try(); errno != unix.EPERM {
			return errno
		}
		go func() { // on another thread, as this one is taken
			runtime.LockOSThread()
			during <- mount.try()
		}()
		if errno := <-during; errno != before {
			return errno
		}
		status, err := exec.Command("grep", "Seccomp:", "/proc/self/status").Output()
		if !strings.HasSuffix(string(status), "\t2\n") {
			t.Errorf("what it starts: %q", status)
		}
		return err
	})
	if after := mount.try(); after != before || before == unix.EPERM {
		t.Errorf("mount: %v before, %v after", before, after)
	}
}

// TestFiltersAddUp loads several, as a shell within a container does.
func TestFiltersAddUp(t *testing.T) {
	onThread(t, func() error {
		for _, capabilities := range [][]string{{"CAP_SYS_ADMIN"}, nil, {"CAP_SYS_ADMIN"}} {
			filter, err := Default(capabilities)
			if err != nil {
				return err
			}
			if err := filter.Load(); err != nil {
				return err
			}
		}
		if errno := dangerous["mount"].try(); errno != unix.EPERM {
			return errno
		}
		return nil
	})
}

func TestLoadNeedsNoNewPrivs(t *testing.T) {
	filter, err := Default(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := filter.Load(); err == nil || !strings.Contains(err.Error(), "no_new_privs") {
		t.Error(err)
	}
	if errno := dangerous["mount"].try(); errno == unix.EPERM {
		t.Error("it was loaded")
	}
}

func TestZeroFilterIsNone(t *testing.T) {
	onThread(t, func() error {
		if err := (Filter{}).Load(); err == nil {
			return errors.New("an empty filter was loaded")
		}
		return nil
	})
}
