package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// call makes a system call. Errors that say what is wrong with the arguments, and not
// that it may not be called, mean that the way is open.
func call(number uintptr, open syscall.Errno, args ...uintptr) func() error {
	return func() error {
		var a [6]uintptr
		copy(a[:], args)
		_, _, errno := unix.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
		if errno == 0 || errno == open {
			return nil
		}
		return errno
	}
}

const minusOne = ^uintptr(0)

// callAttacks have arguments that do no harm where the call is open.
var callAttacks = map[string]func() error{
	"keyctl":             call(unix.SYS_KEYCTL, unix.EOPNOTSUPP, 999),
	"add_key":            call(unix.SYS_ADD_KEY, unix.EFAULT),
	"request_key":        call(unix.SYS_REQUEST_KEY, unix.EFAULT),
	"bpf":                call(unix.SYS_BPF, unix.EINVAL, 999),
	"perf_event_open":    call(unix.SYS_PERF_EVENT_OPEN, unix.EFAULT),
	"userfaultfd":        call(unix.SYS_USERFAULTFD, unix.EINVAL, minusOne),
	"io_uring":           call(unix.SYS_IO_URING_SETUP, unix.EFAULT, 1),
	"kexec_load":         call(unix.SYS_KEXEC_LOAD, unix.EINVAL, 0, 1, 0, minusOne),
	"kexec_file_load":    call(unix.SYS_KEXEC_FILE_LOAD, unix.EBADF, minusOne, minusOne),
	"init_module":        call(unix.SYS_INIT_MODULE, unix.EFAULT),
	"finit_module":       call(unix.SYS_FINIT_MODULE, unix.EBADF, minusOne),
	"delete_module":      call(unix.SYS_DELETE_MODULE, unix.EFAULT),
	"reboot":             call(unix.SYS_REBOOT, unix.EINVAL, 1, 2, 3),
	"swapon":             call(unix.SYS_SWAPON, unix.EINVAL, 0, minusOne),
	"settimeofday":       call(unix.SYS_SETTIMEOFDAY, unix.EFAULT, 1),
	"clock_settime":      call(unix.SYS_CLOCK_SETTIME, unix.EFAULT, unix.CLOCK_REALTIME, 1),
	"sethostname":        call(unix.SYS_SETHOSTNAME, unix.EFAULT, 1, 1),
	"setdomainname":      call(unix.SYS_SETDOMAINNAME, unix.EFAULT, 1, 1),
	"acct":               call(unix.SYS_ACCT, unix.EFAULT, 1),
	"syslog":             call(unix.SYS_SYSLOG, unix.EINVAL, 999),
	"open_by_handle_at":  call(unix.SYS_OPEN_BY_HANDLE_AT, unix.EFAULT, minusOne),
	"fanotify_init":      call(unix.SYS_FANOTIFY_INIT, unix.EINVAL, minusOne),
	"quotactl":           call(unix.SYS_QUOTACTL, unix.EFAULT, 0, 1),
	"kcmp":               call(unix.SYS_KCMP, unix.ESRCH, minusOne, minusOne),
	"process_madvise":    call(unix.SYS_PROCESS_MADVISE, unix.EBADF, minusOne),
	"mbind":              call(unix.SYS_MBIND, unix.EINVAL, 1, 1, minusOne),
	"vhangup":            call(unix.SYS_VHANGUP, 0),
	"ioctl TIOCSTI":      call(unix.SYS_IOCTL, unix.EBADF, minusOne, unix.TIOCSTI),
	"ioctl TIOCSTI high": call(unix.SYS_IOCTL, unix.EBADF, minusOne, unix.TIOCSTI|1<<40),
	"ioctl TIOCLINUX":    call(unix.SYS_IOCTL, unix.EBADF, minusOne, unix.TIOCLINUX),
	"personality":        call(unix.SYS_PERSONALITY, 0, 0x0400000),
	"clone3":             call(unix.SYS_CLONE3, unix.EFAULT, 1, 88),
}

var mountAttacks = map[string]func() error{
	"mount tmpfs":   func() error { return unix.Mount("none", "/tmp", "tmpfs", 0, "") },
	"mount proc":    func() error { return unix.Mount("none", "/tmp", "proc", 0, "") },
	"mount bind":    func() error { return unix.Mount("/", "/tmp", "", unix.MS_BIND, "") },
	"remount root":  func() error { return unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND, "") },
	"umount /proc":  func() error { return unix.Unmount("/proc/sys", unix.MNT_DETACH) },
	"mount_setattr": func() error { return unix.MountSetattr(-1, "/", 0, &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}) },
	"open_tree":     func() error { return closed(unix.OpenTree(-1, "/", unix.OPEN_TREE_CLONE)) },
	"fsopen":        func() error { return closed(unix.Fsopen("tmpfs", 0)) },
	"move_mount":    call(unix.SYS_MOVE_MOUNT, unix.EBADF, minusOne),
	"pivot_root":    call(unix.SYS_PIVOT_ROOT, unix.EFAULT),
	"chroot":        func() error { return unix.Chroot("/") },
	"chroot escape": chrootEscape,
	"write root":    func() error { return os.WriteFile("/written", nil, 0o600) },
	"file handle":   fileHandle,
	"cgroup":        writableBelow("/sys/fs/cgroup"),
	"/sys":          writableBelow("/sys"),
	"/proc/sys":     writableBelow("/proc/sys"),
	"release_agent": findBelow("/sys", "release_agent"),
	"uevent_helper": written("/sys/kernel/uevent_helper", ""),
	"core_pattern":  written("/proc/sys/kernel/core_pattern", ""),
	"sysrq-trigger": written("/proc/sysrq-trigger", ""),
	"binfmt_misc":   written("/proc/sys/fs/binfmt_misc/register", ""),
	"/proc/kcore":   readable("/proc/kcore"),
	"/proc/keys":    readable("/proc/keys"),
	"/proc/timer":   readable("/proc/timer_list"),
	"/proc/acpi":    findBelow("/proc/acpi", ""),
	"/proc/scsi":    findBelow("/proc/scsi", ""),
	"/sys/firmware": findBelow("/sys/firmware", ""),
	"/proc/kmsg":    readable("/proc/kmsg"),
	"/dev/kmsg":     readable("/dev/kmsg"),
	"/dev/mem":      readable("/dev/mem"),
	"block device":  blockDevices,
	"/dev":          strangeDevices,
	"chmod /dev":    func() error { return os.Chmod("/dev/null", 0o777) },
	"mknod null":    made(unix.S_IFCHR, 1, 3),
	"mknod disk":    made(unix.S_IFBLK, 254, 0),
	"mknod kmsg":    made(unix.S_IFCHR, 1, 11),
}

func closed(fd int, err error) error {
	if err == nil {
		err = unix.Close(fd)
	}
	return err
}

// chrootEscape keeps a descriptor of the root, changes the root to what is below, and
// goes up from the descriptor.
func chrootEscape() error {
	root, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(root)
	if err := errors.Join(unix.Unshare(unix.CLONE_FS), unix.Mkdir("/tmp/jail", 0o700)); err != nil {
		return err
	}
	if err := unix.Chroot("/tmp/jail"); err != nil {
		return err
	}
	if err := unix.Fchdir(root); err != nil {
		return err
	}
	for range 50 {
		if err := unix.Chdir(".."); err != nil {
			return err
		}
	}
	if _, err := os.Stat("attack"); err == nil {
		return errors.New("still in the image")
	}
	return nil
}

// fileHandle opens the host's root by its number, through a file of the host
// (CVE-2014-3519, shocker).
func fileHandle() error {
	at, err := unix.Open("/attack", unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	handle := unix.NewFileHandle(1, []byte{2, 0, 0, 0, 0, 0, 0, 0})
	return closed(unix.OpenByHandleAt(at, handle, unix.O_RDONLY))
}

// writableBelow looks for a file that can be opened to be written.
func writableBelow(dir string) func() error {
	return func() error {
		found := ""
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil
			}
			if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
				found = path
				return errors.Join(f.Close(), filepath.SkipAll)
			}
			return nil
		})
		if found == "" {
			return fmt.Errorf("none: %w", err)
		}
		return nil
	}
}

func findBelow(dir, name string) func() error {
	return func() error {
		found := false
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			found = found || err == nil && path != dir && (name == "" || d.Name() == name)
			return nil
		})
		if !found {
			return fmt.Errorf("not there: %w", err)
		}
		return nil
	}
}

func blockDevices() error {
	return filepath.WalkDir("/dev", func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type()&os.ModeDevice != 0 && d.Type()&os.ModeCharDevice == 0 {
			return filepath.SkipAll
		}
		if path == "/dev/urandom" { // the last
			return errors.New("none")
		}
		return nil
	})
}

// strangeDevices reports what is in /dev beside what belongs there.
func strangeDevices() error {
	entries, err := os.ReadDir("/dev")
	if err != nil {
		return err
	}
	const expected = " fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero "
	for _, e := range entries {
		if !strings.Contains(expected, " "+e.Name()+" ") {
			return nil
		}
	}
	return errors.New("none")
}

// made makes a device where files can be made, and opens it.
func made(kind uint32, major, minor uint32) func() error {
	return func() error {
		for _, dir := range []string{"/tmp", "/dev/shm", "/dev", "/", "/open"} {
			name := fmt.Sprintf("%s/device-%d-%d", dir, major, minor)
			if err := unix.Mknod(name, kind|0o600, int(unix.Mkdev(major, minor))); err != nil {
				continue
			}
			fd, err := unix.Open(name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
			_ = os.Remove(name)
			if err == nil {
				return unix.Close(fd)
			}
		}
		return errors.New("nowhere")
	}
}

// fileAttacks go through what links and descriptors lead to.
var fileAttacks = map[string]func() error{
	"leaked descriptor": leaked,
	"own program":       ownProgram,
	"/proc/1/root":      func() error { _, err := os.ReadDir("/proc/1/root/"); return err },
	"/proc/1/cwd":       func() error { _, err := os.Readlink("/proc/1/cwd"); return err },
	"/proc/1/exe":       func() error { _, err := os.Readlink("/proc/1/exe"); return err },
	"/proc/1/fd":        func() error { _, err := os.Readlink("/proc/1/fd/0"); return err },
	"/proc/1/task":      func() error { _, err := os.Readlink("/proc/1/task/1/exe"); return err },
	"/proc/1/environ":   readable("/proc/1/environ"),
	"/proc/1/maps":      readable("/proc/1/maps"),
	"/proc/1/mem":       func() error { return closed(unix.Open("/proc/1/mem", unix.O_RDWR, 0)) },
	"/proc/1/exe write": func() error { return closed(unix.Open("/proc/1/exe", unix.O_WRONLY, 0)) },
	"/proc/1/ns":        func() error { return closed(unix.Open("/proc/1/ns/mnt", unix.O_RDONLY, 0)) },
	"standard input":    reopened("/proc/self/fd/0", unix.O_WRONLY),
	"standard output":   reopened("/proc/self/fd/1", unix.O_RDONLY),
	"trusted xattr":     func() error { return unix.Setxattr("/tmp", "trusted.x", []byte("y"), 0) },
	"chown":             func() error { return unix.Chown("/tmp", 1, 1) },
}

// leaked reports descriptors that a program should not be born with.
func leaked() error {
	if inherited == "" {
		return errors.New("none")
	}
	return nil
}

// inherited are the descriptors above 2 that this program was started with; those that
// Go's runtime opens for itself are marked to be closed.
var inherited = func() (names string) {
	for fd := 3; fd < 1024; fd++ {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			names += fmt.Sprint(" ", fd)
		}
	}
	return names
}()

// ownProgram writes to the host's program that runs, also once it is replaced
// (CVE-2019-5736).
func ownProgram() error {
	for _, name := range []string{"/proc/self/exe", "/attack"} {
		if err := closed(unix.Open(name, unix.O_WRONLY, 0)); err == nil {
			return nil
		}
	}
	return errors.New("not to be written")
}

// reopened opens a file of the host that is a standard file for more than that.
func reopened(name string, flags int) func() error {
	return func() error {
		f, err := os.OpenFile(name, flags|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
			return errors.New("no file")
		}
		return nil
	}
}

// processAttacks are against the init, and the host's processes.
var processAttacks = map[string]func() error{
	"ptrace init":      ptraceInit,
	"ptrace a thread":  ptraceThread,
	"process_vm_readv": readInit,
	"pidfd_getfd":      takeDescriptor,
	"signals end init": signalInit,
	"host's processes": otherProcesses,
	"stronger init":    strongerInit,
	"oom_score_adj":    written("/proc/self/oom_score_adj", "-1000"),
}

// ptraceInit tries for a while: who traced a thread of it before may not have ended yet.
func ptraceInit() (err error) {
	for range 20 {
		if err = unix.PtraceSeize(1); err == nil {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return err
}

func ptraceThread() error {
	threads, err := os.ReadDir("/proc/1/task")
	if err != nil {
		return err
	}
	for _, t := range threads {
		var id int
		if _, err := fmt.Sscan(t.Name(), &id); err == nil && unix.PtraceSeize(id) == nil {
			return nil
		}
	}
	return errors.New("none")
}

// strongerInit takes over a thread of the init that may do what this program may not.
func strongerInit() error {
	threads, err := filepath.Glob("/proc/1/task/*/status")
	if err != nil {
		return err
	}
	own, err := rights("/proc/self/status")
	if err != nil {
		return err
	}
	const harmless = 1<<unix.CAP_KILL | 1<<unix.CAP_DAC_READ_SEARCH
	for _, name := range threads {
		r, err := rights(name)
		if err != nil || r.filtered && r.capabilities&^(own.capabilities|harmless) == 0 {
			continue
		}
		var id int
		if _, err := fmt.Sscanf(name, "/proc/1/task/%d/status", &id); err == nil && unix.PtraceSeize(id) == nil {
			return nil
		}
	}
	return errors.New("none")
}

type rightsOf struct {
	capabilities uint64
	filtered     bool
}

func rights(status string) (r rightsOf, err error) {
	data, err := os.ReadFile(status)
	if err != nil {
		return r, err
	}
	for line := range strings.Lines(string(data)) {
		if text, ok := strings.CutPrefix(line, "CapPrm:\t"); ok {
			r.capabilities, err = strconv.ParseUint(strings.TrimSpace(text), 16, 64)
		}
		r.filtered = r.filtered || line == "Seccomp:\t2\n"
	}
	return r, err
}

func readInit() error {
	buf := make([]byte, 1)
	local := []unix.Iovec{{Base: &buf[0]}}
	local[0].SetLen(1)
	_, err := unix.ProcessVMReadv(1, local, []unix.RemoteIovec{{Base: 0x400000, Len: 1}}, 0)
	return err
}

func takeDescriptor() error {
	pidfd, err := unix.PidfdOpen(1, 0)
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	return closed(unix.PidfdGetfd(pidfd, 3, 0))
}

// signalInit sends init every signal that could end it; one that is passed on would end
// this program. Where it works, nothing more is heard of us.
func signalInit() error {
	passed := []syscall.Signal{unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM}
	for range 100 { // some of them while it is in a handler
		for number := syscall.Signal(1); number <= 64; number++ {
			if !slices.Contains(passed, number) {
				_ = unix.Kill(1, number)
			}
		}
	}
	return errors.New("it lives")
}

// otherProcesses are those that this program did not start.
func otherProcesses() error {
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return err
	}
	for _, p := range all {
		if p != "/proc/1" && p != fmt.Sprintf("/proc/%d", os.Getpid()) {
			return nil
		}
	}
	return errors.New("none")
}

// started starts a program with attributes, in the process that it becomes: there, it
// is alone.
func started(attr syscall.SysProcAttr) func() error {
	return func() error {
		c := exec.Command("/proc/self/exe")
		c.Args = []string{"true-attack"}
		c.SysProcAttr = &attr
		return c.Run()
	}
}
