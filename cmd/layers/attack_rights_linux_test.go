package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

var networkAttacks = map[string]func() error{
	"raw socket":    func() error { return closed(unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)) },
	"packet socket": func() error { return closed(unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)) },
	"vsock":         func() error { return closed(unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0)) },
	"alg socket":    func() error { return closed(unix.Socket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0)) },
	"link down":     linkDown,
	"low port":      lowPort,
	"host's network": func() error {
		links, err := filepath.Glob("/sys/class/net/*")
		if err == nil && len(links) <= 1 {
			err = errors.New("lo only")
		}
		return err
	},
}

// linkDown changes a device of the network.
func linkDown() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING) // as it is
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, lo)
}

func lowPort() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	return unix.Bind(s, &unix.SockaddrInet4{Port: 81, Addr: [4]byte{127, 0, 0, 1}})
}

// privilegeAttacks try to become more.
var privilegeAttacks = map[string]func() error{
	"new privileges": func() error { return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) },
	"ambient capability": func() error {
		return unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, unix.CAP_SYS_ADMIN, 0, 0)
	},
	"all capabilities": raise,
	"other user":       started(syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1234, NoSetGroups: true}}),
	"other groups":     started(syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid()), Groups: []uint32{27}}}),
	"set-user-id":      setUserID,
	"exe_file":         func() error { return unix.Prctl(unix.PR_SET_MM, unix.PR_SET_MM_EXE_FILE, 0, 0, 0) },
	"higher limit":     func() error { return unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: 1 << 40, Max: 1 << 40}) },
	"nice":             func() error { return unix.Setpriority(unix.PRIO_PROCESS, 0, -20) },
	"iopl":             call(unix.SYS_IOPL, 0, 3),
	"ioperm":           call(unix.SYS_IOPERM, 0, 0x80, 1, 1),
	"uid_map":          written("/proc/self/uid_map", "0 0 1"),
}

func raise() error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	all := [2]unix.CapUserData{{Effective: ^uint32(0), Permitted: ^uint32(0)}, {}}
	return unix.Capset(&hdr, &all[0])
}

// setUserID looks for a place where that bit, or a file's capabilities, would count.
func setUserID() error {
	var st unix.Statfs_t
	for _, dir := range []string{"/", "/tmp", "/usr", "/open", "/dev/shm"} {
		if err := unix.Statfs(dir, &st); err == nil && st.Flags&unix.ST_NOSUID == 0 {
			return nil
		}
	}
	return errors.New("nosuid everywhere")
}

// namespaceAttacks join every namespace there is to be seen, and make new ones.
func namespaceAttacks() map[string]func() error {
	all := map[string]func() error{"setns init": func() error {
		fd, err := unix.PidfdOpen(1, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Setns(fd, unix.CLONE_NEWNET)
	}}
	for name, flag := range map[string]int{
		"mnt": unix.CLONE_NEWNS, "pid": unix.CLONE_NEWPID, "net": unix.CLONE_NEWNET, "ipc": unix.CLONE_NEWIPC,
		"uts": unix.CLONE_NEWUTS, "user": unix.CLONE_NEWUSER, "cgroup": unix.CLONE_NEWCGROUP, "time": unix.CLONE_NEWTIME,
	} {
		all["unshare "+name] = started(syscall.SysProcAttr{Unshareflags: uintptr(flag)})
		if name != "time" { // its bit is a signal's to clone
			all["clone "+name] = started(syscall.SysProcAttr{Cloneflags: uintptr(flag)})
		}
		all["setns "+name] = func() error {
			fd, err := unix.Open(fmt.Sprintf("/proc/self/ns/%s", name), unix.O_RDONLY, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return unix.Setns(fd, flag)
		}
	}
	return all
}
