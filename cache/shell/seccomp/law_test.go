//go:build linux

package seccomp

import (
	"math/rand/v2"
	"slices"
	"testing"

	profile "github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// machines are the architectures that there are filters for.
var machines = []struct {
	goarch string
	arch   specs.Arch
	abis   []abi
}{
	{"amd64", specs.ArchX86_64, amd64},
	{"arm64", specs.ArchAARCH64, arm64},
}

// capabilitySets are none, each one that the profile speaks of, what engines give by
// default, all, and names of no meaning.
func capabilitySets() [][]string {
	sets := [][]string{nil, {"sys_admin", "", "CAP_SYS_ADMIN_"}}
	var all []string
	for _, r := range profile.DefaultProfile().Syscalls {
		for _, f := range []*profile.Filter{r.Includes, r.Excludes} {
			if f != nil {
				all = append(all, f.Caps...)
			}
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	for _, c := range all {
		sets = append(sets, []string{c})
	}
	return append(sets, all, []string{"CAP_CHOWN", "CAP_NET_RAW", "CAP_MKNOD", "CAP_SYS_CHROOT", "CAP_AUDIT_WRITE"})
}

// edges are values of arguments at and around each that the profile or this package
// compares with, with and without something in the upper half, and random ones.
func edges(random *rand.Rand) []uint64 {
	seeds := []uint64{0, 1, 1 << 31, 1 << 32, 1 << 63, unix.TIOCSTI, unix.TIOCLINUX, unix.TIOCGWINSZ, unix.CLONE_NEWTIME, unix.CLONE_VM}
	for _, r := range profile.DefaultProfile().Syscalls {
		for _, a := range r.Args {
			seeds = append(seeds, a.Value, a.ValueTwo)
		}
	}
	for bit := range 64 {
		seeds = append(seeds, 1<<bit)
	}
	var out []uint64
	for _, s := range seeds {
		out = append(out, s, s-1, s+1, s|1<<32, s|1<<63, s|0xffffffff<<32, ^s, s|random.Uint64()<<32)
	}
	for range 200 {
		out = append(out, random.Uint64(), uint64(random.Uint32()), random.Uint64N(64))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// someNumbers are all that a system call has had so far, and those around the places
// where numbers mean something else.
func someNumbers(random *rand.Rand) []uint32 {
	var out []uint32
	for n := range uint32(601) {
		out = append(out, n, n|0x40000000, n|0x80000000)
	}
	for n := range uint32(16) {
		out = append(out, privateBase-8+n, 0x40000000-8+n, 0xffffffff-n, 0x7ffffff8+n)
	}
	for range 500 {
		out = append(out, random.Uint32())
	}
	return out
}

// TestFilterIsTheProfile runs the programs beside the profile as it is written.
func TestFilterIsTheProfile(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	values := edges(random)
	for _, m := range machines {
		for i, capabilities := range capabilitySets() {
			kernel := []version{{4, 7}, {4, 8}, {6, 18}}[i%3]
			program := assemble(m.abis, capabilities, kernel)
			if len(program) > unix.BPF_MAXINSNS {
				t.Errorf("%s %v: %d instructions", m.goarch, capabilities, len(program))
			}
			for _, c := range accepted(t, m.arch) {
				compare(t, program, c, newOracle(t, c, m.goarch, capabilities, kernel), random, values)
			}
		}
	}
}

func compare(t *testing.T, program []unix.SockFilter, c convention, o oracle, random *rand.Rand, values []uint64) {
	t.Helper()
	check := func(number uint32, args [6]uint64) {
		got, want := answer(t, program, data{number, c.audit, args}), o.answer(number, args)
		if got != want {
			t.Errorf("%s: call %d %v %#x: %#x, and by the profile %#x", c.arch, number, o.names[number], args, got, want)
		}
	}
	for _, number := range someNumbers(random) {
		check(number, [6]uint64{})
		check(number, [6]uint64{random.Uint64(), random.Uint64(), random.Uint64(), random.Uint64(), random.Uint64(), random.Uint64()})
	}
	looksAtArguments := []string{"ioctl"}
	for _, r := range o.rules {
		if len(r.Args) > 0 {
			looksAtArguments = append(looksAtArguments, r.Names...)
		}
	}
	for number, names := range o.names {
		if !slices.ContainsFunc(names, func(n string) bool { return slices.Contains(looksAtArguments, n) }) {
			continue
		}
		for _, v := range values {
			args := [6]uint64{v, v, v, v, v, v}
			check(number, args)
			args[random.IntN(6)] = values[random.IntN(len(values))]
			check(number, args)
		}
	}
}

func TestKernelVersions(t *testing.T) {
	for release, want := range map[string]bool{
		"3.19.0": false, "4.7.10": false, "4.8.0-rc1": true, "4.8": true, "4.10.0": true, "5.0.0-1-amd64": true, "6.18.44-fc": true, "10.0": true,
	} {
		v, err := parseRelease(release)
		if err != nil {
			t.Fatal(err)
		}
		ptrace := data{number: 101, audit: unix.AUDIT_ARCH_X86_64}
		if got := answer(t, assemble(amd64, nil, v), ptrace) == unix.SECCOMP_RET_ALLOW; got != want {
			t.Errorf("ptrace is allowed on %s: %v", release, got)
		}
	}
	for _, release := range []string{"", "6", "six.one", ".5"} {
		if v, err := parseRelease(release); err == nil {
			t.Errorf("%q is %v", release, v)
		}
	}
}

// TestOtherConventionsEndTheProcess tries each that Linux has a name for, and more.
func TestOtherConventionsEndTheProcess(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	foreign := []uint32{0, 0xffffffff, unix.AUDIT_ARCH_RISCV64, unix.AUDIT_ARCH_S390X, unix.AUDIT_ARCH_PPC64LE, unix.AUDIT_ARCH_MIPS64,
		unix.AUDIT_ARCH_X86_64, unix.AUDIT_ARCH_I386, unix.AUDIT_ARCH_AARCH64, unix.AUDIT_ARCH_ARM,
		unix.AUDIT_ARCH_X86_64 &^ 0x80000000, unix.AUDIT_ARCH_AARCH64 | 1<<28}
	for range 1000 {
		foreign = append(foreign, random.Uint32())
	}
	for _, m := range machines {
		program := assemble(m.abis, []string{"CAP_SYS_ADMIN"}, version{6, 18})
		for _, audit := range foreign {
			if slices.ContainsFunc(m.abis, func(a abi) bool { return a.audit == audit }) {
				continue
			}
			for number := range uint32(601) {
				if got := answer(t, program, data{number: number, audit: audit}); got != unix.SECCOMP_RET_KILL_PROCESS {
					t.Fatalf("%s: %#x call %d: %#x", m.goarch, audit, number, got)
				}
			}
		}
	}
}

// TestKernelWouldTakeIt checks what the kernel does before it loads a program, for the
// architectures that this one is not: every path ends, and no jump leaves.
func TestKernelWouldTakeIt(t *testing.T) {
	for _, m := range machines {
		for _, capabilities := range capabilitySets() {
			program := assemble(m.abis, capabilities, version{6, 18})
			for at, ins := range program {
				var to []int
				switch ins.Code {
				case jump:
					to = []int{at + 1 + int(ins.K)}
				case jumpEqual, jumpAtLeast, jumpAbove:
					to = []int{at + 1 + int(ins.Jt), at + 1 + int(ins.Jf)}
				case load, and:
					to = []int{at + 1}
				}
				if len(to) > 0 && slices.Max(to) >= len(program) {
					t.Errorf("%s: instruction %d goes to %v of %d", m.goarch, at, to, len(program))
				}
			}
		}
	}
}
