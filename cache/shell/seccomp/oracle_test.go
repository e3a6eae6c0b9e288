//go:build linux

package seccomp

import (
	"reflect"
	"runtime"
	"slices"
	"testing"

	profile "github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// oracle decides on a system call by reading the profile's rules, one after the
// other, by names: as slow and as plain as can be.
type oracle struct {
	names  map[uint32][]string
	rules  []*profile.Syscall
	newest uint32
}

// newOracle is for calls by a convention on an architecture (its GOARCH).
func newOracle(t testing.TB, c convention, goarch string, capabilities []string, kernel version) oracle {
	t.Helper()
	numbers := numbers(t, c.goarch)
	o := oracle{names: map[uint32][]string{}}
	for name, n := range numbers {
		o.names[n] = append(o.names[n], name)
	}
	o.rules = applicable(goarch, capabilities, kernel)
	o.newest = newestKnown(o.rules, numbers)
	return o
}

// applicable does what the library does for the architecture and kernel it runs on.
func applicable(goarch string, capabilities []string, kernel version) []*profile.Syscall {
	has := func(c string) bool { return slices.Contains(capabilities, c) }
	reached := func(k *profile.KernelVersion) bool {
		return !kernel.before(version{int(k.Kernel), int(k.Major)})
	}
	return slices.DeleteFunc(profile.DefaultProfile().Syscalls, func(r *profile.Syscall) bool {
		if ex := r.Excludes; ex != nil {
			if slices.Contains(ex.Arches, goarch) || slices.ContainsFunc(ex.Caps, has) || ex.MinKernel != nil && reached(ex.MinKernel) {
				return true
			}
		}
		in := r.Includes
		return in != nil && (len(in.Arches) > 0 && !slices.Contains(in.Arches, goarch) ||
			slices.ContainsFunc(in.Caps, func(c string) bool { return !has(c) }) ||
			in.MinKernel != nil && !reached(in.MinKernel))
	})
}

// answer is the profile's, but for what this package does otherwise.
func (o oracle) answer(number uint32, args [6]uint64) uint32 {
	const x32 = 0x40000000
	if number >= x32 {
		return unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	}
	for _, name := range o.names[number] {
		request := uint32(args[1])
		if name == "ioctl" && (request == unix.TIOCSTI || request == unix.TIOCLINUX) {
			return unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
		}
		for _, r := range o.rules {
			if slices.Contains(r.Names, name) && passes(r.Args, args) {
				return action(r)
			}
		}
	}
	if number > o.newest {
		return unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	}
	return unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
}

func action(r *profile.Syscall) uint32 {
	if r.Action == specs.ActAllow {
		return unix.SECCOMP_RET_ALLOW
	}
	return unix.SECCOMP_RET_ERRNO | uint32(*r.ErrnoRet)
}

func passes(tests []specs.LinuxSeccompArg, args [6]uint64) bool {
	return !slices.ContainsFunc(tests, func(a specs.LinuxSeccompArg) bool { return !holds(a, args[a.Index]) })
}

func holds(a specs.LinuxSeccompArg, got uint64) bool {
	switch a.Op {
	case specs.OpNotEqual:
		return got != a.Value
	case specs.OpLessThan:
		return got < a.Value
	case specs.OpLessEqual:
		return got <= a.Value
	case specs.OpEqualTo:
		return got == a.Value
	case specs.OpGreaterEqual:
		return got >= a.Value
	case specs.OpGreaterThan:
		return got > a.Value
	case specs.OpMaskedEqual:
		return got&a.Value == a.ValueTwo
	}
	panic("the profile compares by " + a.Op)
}

// TestOracleReadsAsTheLibraryDoes compares which rules apply, where the library can
// tell: on this architecture and kernel.
func TestOracleReadsAsTheLibraryDoes(t *testing.T) {
	kernel, err := running()
	if err != nil {
		t.Fatal(err)
	}
	for _, capabilities := range capabilitySets() {
		spec := &specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: capabilities}}}
		want, err := profile.GetDefaultProfile(spec)
		if err != nil {
			t.Fatal(err)
		}
		var got []specs.LinuxSyscall
		for _, r := range applicable(runtime.GOARCH, capabilities, kernel) {
			got = append(got, r.LinuxSyscall)
		}
		if !reflect.DeepEqual(got, want.Syscalls) {
			t.Errorf("%v: other rules than the library's", capabilities)
		}
		if want.DefaultAction != specs.ActErrno || *want.DefaultErrnoRet != uint(unix.EPERM) {
			t.Errorf("by default: %s %d", want.DefaultAction, *want.DefaultErrnoRet)
		}
	}
}
