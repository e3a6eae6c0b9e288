//go:build linux && (amd64 || arm64)

package seccomp

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/fixtures"
)

const (
	nobody       = 65534
	roleVariable = "LAYERS_TEST_SECCOMP"
)

// TestMain is also the processes that the tests start: one that loads a filter and
// becomes a command, and one that tries system calls.
func TestMain(m *testing.M) {
	role, rest, _ := strings.Cut(os.Getenv(roleVariable), " ")
	switch role {
	case "":
		os.Exit(fixtures.AsRoot(m.Run))
	case "confine", "confine-nobody":
		fmt.Fprintln(os.Stderr, confine(role == "confine-nobody", strings.Fields(rest)))
	case "try":
		if err := json.NewEncoder(os.Stdout).Encode(tryAll()); err == nil {
			os.Exit(0)
		}
	}
	os.Exit(97)
}

// confine becomes a command, or the process that tries, under the filter.
func confine(asNobody bool, capabilities []string) error {
	runtime.LockOSThread()
	filter, err := Default(capabilities)
	if err != nil {
		return err
	}
	if asNobody {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
			return err
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if err := filter.Load(); err != nil {
		return err
	}
	command := os.Args[1:]
	if len(command) == 0 {
		command = []string{"/proc/self/exe"}
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	if err := os.Setenv(roleVariable, "try"); err != nil {
		return err
	}
	return unix.Exec(path, command, os.Environ())
}

// start runs this program in a role, with a command.
func start(t *testing.T, role string, command ...string) (stdout string, err error) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", command...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	var diagnostics strings.Builder
	cmd.Stderr = &diagnostics
	out, err := cmd.Output()
	if diagnostics.Len() > 0 {
		t.Logf("%s %v: %s", role, command, diagnostics.String())
	}
	return string(out), err
}
