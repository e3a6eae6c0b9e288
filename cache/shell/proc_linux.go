package shell

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// What /proc and /sys tell of the host or let root change, hidden and made read-only as
// the runtime specification's engines do.
var (
	hiddenInProc = []string{
		"acpi", "asound", "interrupts", "kcore", "keys", "latency_stats",
		"timer_list", "timer_stats", "sched_debug", "scsi",
	}
	readOnlyInProc = []string{"bus", "fs", "irq", "sys", "sysrq-trigger"}
	hiddenInSys    = []string{"firmware", "fs/selinux", "dev/block", "devices/virtual/powercap"}
	// What can be mounted there, and is seen where the host's is shown.
	mountedInSys = []string{
		"fs/bpf", "fs/cgroup", "fs/fuse/connections", "fs/pstore",
		"kernel/config", "kernel/debug", "kernel/security", "kernel/tracing",
	}
)

// proc mounts /proc, with the processes of this shell only.
func (r *root) proc() error {
	at, err := r.plain("/proc")
	if err != nil {
		return err
	}
	m, err := filesystem("proc", inert)
	if errors.Is(err, unix.EPERM) { // parts of the host's are hidden, as in containers
		return errors.Join(refused("this host does not let a shell have its own /proc", err), unix.Close(at))
	}
	if err != nil {
		return errors.Join(err, unix.Close(at))
	}
	keep, err := unix.FcntlInt(uintptr(m), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return err
	}
	defer unix.Close(keep)
	if err := attach(m, at); err != nil {
		return fmt.Errorf("/proc: %w", err)
	}
	for _, name := range readOnlyInProc {
		if err := lock(keep, name); err != nil {
			return fmt.Errorf("/proc/%s: %w", name, err)
		}
	}
	return hideAll(keep, "/proc", hiddenInProc)
}

// sys mounts /sys read-only: its own where the network is, the host's else.
func (r *root) sys(hostNetwork bool) error {
	at, err := r.plain("/sys")
	if err != nil {
		return err
	}
	hidden := hiddenInSys
	m, err := filesystem("sysfs", inert|readOnly)
	if hostNetwork && errors.Is(err, unix.EPERM) {
		hidden = slices.Concat(hidden, mountedInSys)
		m, err = clone(unix.AT_FDCWD, "/sys", inert|readOnly)
	}
	if err != nil {
		return errors.Join(err, unix.Close(at))
	}
	keep, err := unix.FcntlInt(uintptr(m), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return err
	}
	defer unix.Close(keep)
	if err := attach(m, at); err != nil {
		return fmt.Errorf("/sys: %w", err)
	}
	if err := hideAll(keep, "/sys", hidden); err != nil {
		return err
	}
	if err := hideThrottling(keep); err != nil {
		return fmt.Errorf("/sys/%s: %w", processors, err)
	}
	if err := controlGroups(keep); err != nil {
		return fmt.Errorf("/sys/fs/cgroup: %w", err)
	}
	return nil
}

const processors = "devices/system/cpu"

// hideThrottling hides how hot each processor has been, which tells what others do.
func hideThrottling(sys int) error {
	if there, err := stat(sys, processors+"/cpu0/thermal_throttle"); there == nil || err != nil {
		return err
	}
	at, err := unix.Openat(sys, processors, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	names, err := namesIn(at)
	if err != nil {
		return err
	}
	for _, name := range names {
		if number, ok := strings.CutPrefix(name, "cpu"); !ok || strings.Trim(number, "0123456789") != "" {
			continue
		}
		if err := hide(at, name+"/thermal_throttle"); err != nil {
			return err
		}
	}
	return nil
}

// controlGroups shows the shell's own control group, where the host has version 2
// there: programs read their limits in it.
func controlGroups(sys int) error {
	var st unix.Statfs_t
	err := unix.Statfs("/sys/fs/cgroup", &st)
	if err != nil || st.Type != unix.CGROUP2_SUPER_MAGIC {
		return nil //nolint:nilerr // the host has none to show
	}
	at, err := unix.Openat(sys, "fs/cgroup", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	m, err := filesystem("cgroup2", inert|readOnly)
	if err != nil {
		return errors.Join(err, unix.Close(at))
	}
	return attach(m, at)
}

// lock makes what a mount has under a name read-only, if it has it.
func lock(dir int, name string) error {
	m, err := clone(dir, name, inert|readOnly)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return over(dir, name, m, err)
}

func hideAll(dir int, shown string, names []string) error {
	for _, name := range names {
		if err := hide(dir, name); err != nil {
			return fmt.Errorf("%s/%s: %w", shown, name, err)
		}
	}
	return nil
}

// hide puts an empty directory over a directory, and the null device over a file.
func hide(dir int, name string) error {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var m int
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		m, err = filesystem("tmpfs", inert|readOnly, "size=4k", "source=layers")
	} else {
		m, err = clone(unix.AT_FDCWD, "/dev/null", readOnly|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC)
	}
	return over(dir, name, m, err)
}

func over(dir int, name string, mount int, err error) error {
	if err != nil {
		return err
	}
	at, err := unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return errors.Join(err, unix.Close(mount))
	}
	return attach(mount, at)
}
