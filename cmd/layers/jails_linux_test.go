package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestStoriesOfJails are told by an ordinary user where this host does not let him have
// shells and mounts.
func TestStoriesOfJails(t *testing.T) { tellUsers(t, filepath.Join("testdata", "jails")) }

// jails are what a program can be in, by name.
var jails = map[string]func() error{
	"filter":  filtered,
	"nolimit": func() error { return os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0) },
	"masked":  func() error { return unix.Mount("none", "/proc/bus", "tmpfs", unix.MS_RDONLY, "size=4k") },
	"chroot":  changeRoot,
}

// jailed is jailed KIND ARG...: it runs layers as an ordinary user who is held by
// something, in a user and a mount namespace that are needed to make it so.
func jailed(args []string) int {
	if os.Geteuid() == 0 && os.Getenv(insideVariable) == "" {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(65534), syscall.Setuid(65534)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 97
		}
		err := syscall.Exec("/proc/self/exe", append([]string{"jailed"}, args...), os.Environ())
		fmt.Fprintln(os.Stderr, err)
		return 98
	}
	if os.Getenv(insideVariable) == "" {
		return enter(unix.CAP_SYS_ADMIN, unix.CAP_SYS_RESOURCE, unix.CAP_SYS_CHROOT)
	}
	runtime.LockOSThread() // a filter is a thread's
	err := jails[args[0]]()
	if err == nil {
		err = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "the jail %s: %v\n", args[0], err)
		return 99
	}
	return again(args[1:])
}

// filtered refuses new namespaces, as the default filter of container engines does.
func filtered() error {
	const news = unix.CLONE_NEWNS | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_CLONE3, Jt: 5},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_UNSHARE, Jt: 3},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_CLONE, Jf: 1},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 16},
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: news, Jf: 2},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	f := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&f)), 0, 0)
}

// changeRoot changes the root to a directory in which the host's are mounted.
func changeRoot() error {
	wd, err := os.Getwd()
	if err != nil {
		return err
	}
	root := filepath.Join(wd, "newroot")
	for _, dir := range []string{"/proc", "/dev", "/sys", "/etc", "/usr", "/bin", "/lib", "/lib64", wd} {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err := os.MkdirAll(root+dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(dir, root+dir, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return err
		}
	}
	return errors.Join(unix.Chroot(root), os.Chdir(wd))
}
