package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

const insideVariable = "LAYERS_TEST_INSIDE"

// onMount is layers-on-mount KIND DIR ARG...: it runs layers where DIR is on a file
// system that is "full" (a small tmpfs), or "readonly". The mount is in a
// namespace of its own, which an ordinary user may have too.
func onMount(args []string) int {
	if os.Getenv(insideVariable) == "" {
		return enter(unix.CAP_SYS_ADMIN)
	}
	kind := args[0]
	dir, err := filepath.Abs(args[1])
	if err != nil {
		return 97
	}
	switch kind {
	case "full":
		err = unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k")
	case "readonly":
		err = unix.Mount(dir, dir, "", unix.MS_BIND|unix.MS_REC, "")
		if err == nil {
			err = unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|lockedFlags(dir), "")
		}
	default:
		err = errors.New("no such kind")
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "mounting %s on %s: %v\n", kind, dir, err)
		return 99
	}
	// The current directory may be below the mount: it is entered anew.
	wd, err := os.Getwd()
	if err == nil {
		err = os.Chdir(wd)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 97
	}
	return run(args[2:])
}

// lockedFlags are those of the file system below, which a user namespace may not clear.
func lockedFlags(dir string) uintptr {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return 0
	}
	return uintptr(st.Flags) & (unix.MS_NODEV | unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME)
}

// enter runs this program once more in a mount namespace, an ordinary user's with
// capabilities.
func enter(capabilities ...uintptr) int {
	c := exec.Command("/proc/self/exe", os.Args[1:]...)
	c.Args[0] = os.Args[0]
	c.Env = append(os.Environ(), insideVariable+"=yes")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		c.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
		c.SysProcAttr.AmbientCaps = capabilities
	}
	if err := c.Run(); err != nil {
		if c.ProcessState == nil {
			fmt.Fprintln(os.Stderr, "entering a mount namespace:", err)
			return 98
		}
	}
	return c.ProcessState.ExitCode()
}
