package shell

import (
	"errors"
	"fmt"
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
// kept, and those that what it starts inherits as root. The thread itself keeps what it has.
func giveUp(keep []string, inherit ...string) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("ambient capabilities: %w", err)
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return fmt.Errorf("capget: %w", err)
	}
	data[0].Inheritable, data[1].Inheritable = 0, 0
	for _, n := range numbers(inherit) {
		data[n/32].Inheritable |= 1 << (n % 32)
	}
	if err := unix.Capset(&hdr, &data[0]); err != nil {
		return fmt.Errorf("capset: %w", err)
	}
	return bound(keep)
}

// bound drops every capability that this kernel has, but those kept, from the bounding
// set. The kernel itself says which is the last: what /proc says could be a mount's.
func bound(keep []string) error {
	for number := 0; ; number++ {
		has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(number), 0, 0, 0)
		switch {
		case errors.Is(err, unix.EINVAL) && number > 0:
			return nil
		case err != nil:
			return fmt.Errorf("reading capability %d: %w", number, err)
		case has == 0 || number < len(capabilities) && slices.Contains(keep, capabilities[number]):
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(number), 0, 0, 0); err != nil {
			return fmt.Errorf("dropping capability %d: %w", number, err)
		}
	}
}

// held are those of the capabilities that this thread has: there are hosts, as
// containers, whose root does not have them all.
func held(names []string) ([]string, error) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return nil, fmt.Errorf("capget: %w", err)
	}
	var all []string
	for _, n := range numbers(names) {
		if data[n/32].Permitted>>(n%32)&1 == 1 {
			all = append(all, capabilities[n])
		}
	}
	return all, nil
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
