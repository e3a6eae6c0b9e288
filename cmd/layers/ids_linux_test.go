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

// ann is an ordinary user who has subordinate ids, for tests of root on a host that has
// newuidmap. She is in no file of this host: her accounts are mounted over its own, where
// nobody else sees them.
const (
	annUID  = 4242
	annSubs = 700_000 // the first of her 65,536
)

// Variables that change what she has, for her programs.
const (
	idsVariable  = "LAYERS_TEST_IDS"       // her first id; "none" for none
	toolVariable = "LAYERS_TEST_NEWUIDMAP" // "none" takes it away
)

// withIDs runs the program as ann.
func withIDs(args []string) int {
	if os.Getenv(insideVariable) == "" {
		c := annCommand(args...)
		c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
		if err := c.Run(); err != nil && c.ProcessState == nil {
			fmt.Fprintln(os.Stderr, err)
			return 97
		}
		return c.ProcessState.ExitCode()
	}
	if err := errors.Join(annAccounts(), os.Unsetenv(insideVariable), syscall.Setgroups(nil), syscall.Setgid(annUID), syscall.Setuid(annUID)); err != nil {
		fmt.Fprintln(os.Stderr, "becoming ann:", err)
		return 97
	}
	return again(args)
}

// annCommand is a process that becomes ann's, and layers.
func annCommand(args ...string) *exec.Cmd {
	c := exec.Command("/proc/self/exe")
	c.Args = append([]string{"layers-with-ids"}, args...)
	c.Env = append(os.Environ(), insideVariable+"=yes")
	c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	return c
}

// annAccounts gives the mount namespace of this process her accounts.
func annAccounts() error {
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return err
	}
	subs := fmt.Sprintf("ann:%d:65536\n", annSubs)
	switch first := os.Getenv(idsVariable); first {
	case "":
	case "none":
		subs = ""
	default:
		subs = "ann:" + first + ":65536\n"
	}
	passwd = fmt.Appendf(passwd, "ann:x:%d:%d::/nonexistent:/bin/sh\n", annUID, annUID)
	err = errors.Join(mountFile("/etc/passwd", passwd), mountFile("/etc/subuid", []byte(subs)), mountFile("/etc/subgid", []byte(subs)))
	if os.Getenv(toolVariable) == "none" {
		path, e := exec.LookPath("newuidmap")
		err = errors.Join(err, e, unix.Mount("/dev/null", path, "", unix.MS_BIND, ""))
	}
	return err
}

// mountFile mounts a file with some content over one that may not exist.
func mountFile(at string, content []byte) error {
	dir, err := os.MkdirTemp("", "accounts-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "file")
	err = errors.Join(os.WriteFile(file, content, 0o644), os.Chmod(file, 0o644)) // whatever the umask is
	if err == nil {
		err = unix.Mount(file, at, "", unix.MS_BIND, "")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	return nil
}

// ownedBy makes a directory, and all in it, a user's.
func ownedBy(uid int, dir string) error {
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, uid)
	})
}
