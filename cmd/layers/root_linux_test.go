package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestStoriesOfRoot are told by root: an ordinary user is that in a user namespace.
func TestStoriesOfRoot(t *testing.T) {
	if os.Geteuid() == 0 {
		tellStories(t, filepath.Join("testdata", "root"))
		return
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
}
