//go:build linux && corpus && (amd64 || arm64)

package seccomp

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	profile "github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// TestRuncMakesTheSame gives the profile to runc, takes the program that it has made of
// it with libseccomp from a process that runs under it, and compares it with ours.
func TestRuncMakesTheSame(t *testing.T) {
	runc, err := exec.LookPath("runc")
	if err != nil {
		t.Fatal(err)
	}
	for _, capabilities := range [][]string{nil, {"CAP_SYS_ADMIN"}, {"CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_TIME"}} {
		theirs := ofRuntime(t, runc, capabilities)
		t.Logf("%v: %d instructions", capabilities, len(theirs))
		compareRuntime(t, theirs, capabilities)
	}
}

func compareRuntime(t *testing.T, theirs []unix.SockFilter, capabilities []string) {
	t.Helper()
	filter, err := Default(capabilities)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(7, 8))
	values := edges(random)
	var native specs.Arch
	for _, m := range machines {
		if m.goarch == runtime.GOARCH {
			native = m.arch
		}
	}
	for _, c := range accepted(t, native) {
		numbers := numbers(t, c.goarch)
		names := map[uint32]string{}
		for name, n := range numbers {
			names[n] = name
		}
		differ := map[string]bool{}
		newest := enosysFrom(t, theirs, c)
		for number := range uint32(601) {
			for i := range 300 {
				d := data{number: number, audit: c.audit}
				for j := range d.args {
					d.args[j] = values[random.IntN(len(values))] * uint64(min(i, 1)) & upper(c)
				}
				ours, other := answer(t, filter.program, d), answer(t, theirs, d)
				if ours == other {
					continue
				}
				why := explanation(names[number], d, other, newest)
				if why == "" {
					t.Errorf("%v %s: %d %s %#x: %#x here, %#x there", capabilities, c.arch, number, names[number], d.args, ours, other)
					break
				}
				differ[fmt.Sprintf("%s %#x/%#x: %s", names[number], ours, other, why)] = true
			}
		}
		for d := range differ {
			t.Log(c.arch, d)
		}
	}
}

// enosysFrom is the number from which runc gives ENOSYS.
func enosysFrom(t *testing.T, program []unix.SockFilter, c convention) uint32 {
	t.Helper()
	for number := uint32(600); number > 0; number-- {
		if answer(t, program, data{number: number, audit: c.audit}) != unknown {
			return number + 1
		}
	}
	return 0
}

// upper is what an argument may have in its upper half: libseccomp does not look at it
// where the kernel always sets it to zero.
func upper(c convention) uint64 {
	if c.goarch == "386" || c.goarch == "arm" {
		return math.MaxUint32
	}
	return math.MaxUint64
}

// since26 are those of the profile that libseccomp knows since version 2.6; runc
// leaves out what its own does not know.
var since26 = strings.Fields(`getxattrat listmount listxattrat lsm_get_self_attr lsm_list_modules lsm_set_self_attr mseal
	removexattrat riscv_hwprobe setxattrat statmount uretprobe`)

// explanation says why runc answers otherwise, if that is known.
func explanation(name string, d data, other, newest uint32) string {
	switch request := uint32(d.args[1]); {
	case name == "ioctl" && (request == unix.TIOCSTI || request == unix.TIOCLINUX):
		return "it types into the terminal"
	case slices.Contains(since26, name):
		return "unknown to its libseccomp"
	case other == unknown && d.number >= newest:
		return "above the newest that its libseccomp knows"
	}
	return ""
}

// ofRuntime runs a container under the profile, and returns its program.
func ofRuntime(t *testing.T, path string, capabilities []string) []unix.SockFilter {
	t.Helper()
	bundle, id := t.TempDir(), fmt.Sprintf("layers-seccomp-%d", os.Getpid())
	writeBundle(t, bundle, capabilities)
	cmd := exec.Command(path, "--root", filepath.Join(bundle, "state"), "run", "--bundle", bundle, id)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stdin.Close(); err != nil {
			t.Error(err)
		}
		if _, err := io.Copy(io.Discard, stdout); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(path, err)
		}
	}()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(path, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return dump(t, pid)
}

func writeBundle(t *testing.T, bundle string, capabilities []string) {
	t.Helper()
	spec := specs.Spec{
		Version: "1.0.2",
		Root:    &specs.Root{Path: "rootfs"},
		Process: &specs.Process{
			Args: []string{"/bin/sh", "-c", "echo $$; cat"}, Env: []string{"PATH=/usr/bin:/bin"}, Cwd: "/", NoNewPrivileges: true,
			Capabilities: &specs.LinuxCapabilities{Bounding: capabilities},
		},
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}}, // and so $$ is the number for us as well
		},
		Mounts: []specs.Mount{{Destination: "/proc", Type: "proc", Source: "proc"}},
	}
	for _, dir := range []string{"/bin", "/lib", "/lib64", "/usr"} {
		if _, err := os.Stat(dir); err == nil {
			spec.Mounts = append(spec.Mounts, specs.Mount{Destination: dir, Type: "bind", Source: dir, Options: []string{"rbind", "ro"}})
		}
	}
	rules, err := profile.GetDefaultProfile(&spec)
	if err != nil {
		t.Fatal(err)
	}
	spec.Linux.Seccomp = rules
	config, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(bundle, "rootfs", "dev"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), config, 0o600); err != nil {
		t.Fatal(err)
	}
}

// dump reads the filter of a process, ptrace(2).
func dump(t *testing.T, pid int) []unix.SockFilter {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.PtraceSeize(pid); err != nil {
		t.Fatal("seizing ", err)
	}
	if err := unix.PtraceInterrupt(pid); err != nil {
		t.Fatal("interrupting ", err)
	}
	if _, err := unix.Wait4(pid, nil, unix.WALL, nil); err != nil {
		t.Fatal("waiting ", err)
	}
	memory, err := unix.Mmap(-1, 0, unix.BPF_MAXINSNS*unix.SizeofSockFilter, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	n, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SECCOMP_GET_FILTER, uintptr(pid), 0, address(memory), 0, 0)
	if errno != 0 {
		t.Error("reading the filter: ", errno)
	}
	if err := unix.PtraceDetach(pid); err != nil {
		t.Error(err)
	}
	var out []unix.SockFilter
	for b := range slices.Chunk(memory[:n*unix.SizeofSockFilter], unix.SizeofSockFilter) {
		out = append(out, unix.SockFilter{Code: binary.NativeEndian.Uint16(b), Jt: b[2], Jf: b[3], K: binary.NativeEndian.Uint32(b[4:])})
	}
	if err := unix.Munmap(memory); err != nil {
		t.Error(err)
	}
	return out
}
