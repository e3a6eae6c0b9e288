//go:build linux

package seccomp

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

//go:generate go test -run TestTables -update

// Filter is a program that decides on every system call. It does not change, and any
// number of threads may load it.
type Filter struct {
	program []unix.SockFilter
}

// Default returns the filter for a process whose bounding set has these capabilities
// (CAP_SYS_ADMIN and the like, capabilities(7)) on this architecture and kernel. What
// a capability is needed for, the profile allows to those who have it, as mount(2) with
// CAP_SYS_ADMIN; names that it does not mention change nothing. The error is
// errors.ErrUnsupported where there are no rules for the architecture.
func Default(capabilities []string) (Filter, error) {
	abis := native()
	if abis == nil {
		return Filter{}, fmt.Errorf("there is no filter of system calls for %s: %w", runtime.GOARCH, errors.ErrUnsupported)
	}
	kernel, err := running()
	if err != nil {
		return Filter{}, err
	}
	return Filter{assemble(abis, capabilities, kernel)}, nil
}

// Len is how many instructions the program has. The kernel takes 4096 (BPF_MAXINSNS).
func (f Filter) Len() int { return len(f.program) }

// native returns how this architecture can be called, its own way first.
func native() []abi {
	switch runtime.GOARCH {
	case "amd64":
		return amd64
	case "arm64":
		return arm64
	}
	return nil
}

// running is the version of this kernel.
func running() (version, error) {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return version{}, fmt.Errorf("asking for the version of the kernel: %w", err)
	}
	return parseRelease(unix.ByteSliceToString(uts.Release[:]))
}

// parseRelease reads the first two numbers: all between 3.12 and 3.12.25-gentoo are
// the same version.
func parseRelease(release string) (version, error) {
	var v version
	if _, err := fmt.Sscanf(release, "%d.%d", &v.major, &v.minor); err != nil {
		return v, fmt.Errorf("reading the version of the kernel, %q: %w", release, err)
	}
	return v, nil
}
