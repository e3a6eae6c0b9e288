//go:build linux

package unpack

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

const insideVariable = "LAYERS_UNPACK_TEST_INSIDE"

// TestMain runs the tests of an ordinary user as root of a user namespace, with no
// other ids, where what can be had without root can be tested: mounts too.
func TestMain(m *testing.M) {
	if os.Geteuid() == 0 || os.Getenv(insideVariable) != "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, "a user namespace is needed, or root:", err)
		os.Exit(1)
	}
}

// oneID reports whether this process has no other ids than its own.
func oneID() bool {
	data, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		panic(err)
	}
	fields := strings.Fields(string(data))
	return fields[len(fields)-1] == "1"
}
