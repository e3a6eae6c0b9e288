package shell

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// capabilities are the kernel's names, in the order of their numbers: capabilities(7).
var capabilities = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
	"CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
	"CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
	"CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
	"CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}

// defaultCapabilities are what container engines leave to root.
var defaultCapabilities = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE",
	"CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
}

// Capabilities are the kernel's names of what a user asks for: names with or without
// CAP_, "default" for what container engines leave to root, "all". The order is that
// of their numbers. A name that does not exist is an error.
func Capabilities(asked []string) ([]string, error) {
	want := map[string]bool{}
	for _, a := range asked {
		name := strings.ToUpper(a)
		switch {
		case name == "ALL":
			asked = capabilities
		case name == "DEFAULT":
			asked = defaultCapabilities
		default:
			asked = []string{"CAP_" + strings.TrimPrefix(name, "CAP_")}
		}
		for _, n := range asked {
			if !slices.Contains(capabilities, n) {
				return nil, fmt.Errorf("there is no capability %q", a)
			}
			want[n] = true
		}
	}
	var names []string
	for _, n := range capabilities {
		if want[n] {
			names = append(names, n)
		}
	}
	return names, nil
}

// giveUp leaves this thread, and what it starts, no way to more than the capabilities
// kept. The thread itself keeps what it has.
func giveUp(keep []string) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("ambient capabilities: %w", err)
	}
	last, err := lastCapability()
	if err != nil {
		return err
	}
	for number := range last + 1 {
		if number < len(capabilities) && slices.Contains(keep, capabilities[number]) {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(number), 0, 0, 0); err != nil {
			return fmt.Errorf("dropping capability %d: %w", number, err)
		}
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return fmt.Errorf("capget: %w", err)
	}
	data[0].Inheritable, data[1].Inheritable = 0, 0
	if err := unix.Capset(&hdr, &data[0]); err != nil {
		return fmt.Errorf("capset: %w", err)
	}
	return nil
}

// lastCapability is the highest number that this kernel knows.
func lastCapability() (int, error) {
	data, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return 0, err
	}
	var n int
	_, err = fmt.Sscan(string(data), &n)
	return n, err
}

// numbers are the capabilities as a process is started with them.
func numbers(names []string) []uintptr {
	var all []uintptr
	for i, n := range capabilities {
		if slices.Contains(names, n) {
			all = append(all, uintptr(i))
		}
	}
	return all
}
