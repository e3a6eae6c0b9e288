package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestStoriesOfRoot are told by root.
func TestStoriesOfRoot(t *testing.T) {
	if asRoot(t) {
		tellStories(t, filepath.Join("testdata", "root"))
	}
}

// asRoot reports whether a test goes on. That of an ordinary user has been run, then,
// as root of a user namespace.
func asRoot(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() == 0 {
		return true
	}
	c := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
	self := func(id int) []syscall.SysProcIDMap { return []syscall.SysProcIDMap{{HostID: id, Size: 1}} }
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: self(os.Geteuid()), GidMappings: self(os.Getegid()),
	}
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("in a user namespace: %v\n%s", err, out)
	}
	return false
}
