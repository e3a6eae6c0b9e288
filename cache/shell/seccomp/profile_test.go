//go:build linux

package seccomp

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	profile "github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// convention is a way to call the kernel, by its names here and there.
type convention struct {
	arch      specs.Arch // in the profile
	goarch    string     // of x/sys, whose numbers are made from the kernel's headers
	audit     uint32
	auditName string
}

var conventions = []convention{
	{specs.ArchX86_64, "amd64", unix.AUDIT_ARCH_X86_64, "AUDIT_ARCH_X86_64"},
	{specs.ArchX86, "386", unix.AUDIT_ARCH_I386, "AUDIT_ARCH_I386"},
	{specs.ArchAARCH64, "arm64", unix.AUDIT_ARCH_AARCH64, "AUDIT_ARCH_AARCH64"},
	{specs.ArchARM, "arm", unix.AUDIT_ARCH_ARM, "AUDIT_ARCH_ARM"},
}

// armPrivate are the calls of arch/arm/include/uapi/asm/unistd.h, __ARM_NR_BASE, by
// the names of libseccomp. They are not in x/sys.
var armPrivate = map[string]uint32{"breakpoint": 0xf0001, "cacheflush": 0xf0002, "set_tls": 0xf0005}

const privateBase = 0xf0000

// accepted returns the profile's ways to call the kernel of an architecture, without
// x32.
func accepted(t testing.TB, native specs.Arch) []convention {
	t.Helper()
	var out []convention
	for _, m := range profile.DefaultProfile().ArchMap {
		if m.Arch != native {
			continue
		}
		for _, a := range append([]specs.Arch{m.Arch}, m.SubArches...) {
			if a != specs.ArchX32 {
				out = append(out, named(t, a))
			}
		}
	}
	if len(out) == 0 {
		t.Fatalf("the profile has no %s", native)
	}
	return out
}

func named(t testing.TB, a specs.Arch) convention {
	t.Helper()
	for _, c := range conventions {
		if c.arch == a {
			return c
		}
	}
	t.Fatalf("%s is not known here", a)
	return convention{}
}

var sysModule = sync.OnceValues(func() (string, error) {
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys")
	list.Env = append(list.Environ(), "GOFLAGS=") // -json, of a caller's, is none of its
	out, err := list.Output()
	return strings.TrimSpace(string(out)), err
})

// numbers returns the system calls of an architecture by their names.
func numbers(t testing.TB, goarch string) map[string]uint32 {
	t.Helper()
	dir, err := sysModule()
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, "unix", "zsysnum_linux_"+goarch+".go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]uint32{}
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			n, err := strconv.ParseUint(v.Values[0].(*ast.BasicLit).Value, 10, 32)
			if err != nil {
				t.Fatal(err)
			}
			out[strings.ToLower(strings.TrimPrefix(v.Names[0].Name, "SYS_"))] = uint32(n)
		}
		return true
	})
	if goarch == "arm" {
		for name, n := range armPrivate {
			out[name] = n
		}
	}
	if len(out) < 300 {
		t.Fatalf("%s has only %d system calls", goarch, len(out))
	}
	return out
}

// newestKnown is the highest number that some rules speak of.
func newestKnown(rules []*profile.Syscall, numbers map[string]uint32) uint32 {
	var newest uint32
	for _, r := range rules {
		for _, name := range r.Names {
			if n, ok := numbers[name]; ok && n < privateBase {
				newest = max(newest, n)
			}
		}
	}
	return newest
}
