//go:build linux

package seccomp

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// compatProgram is a program for i386 that makes one system call without arguments,
// and exits with the error.
func compatProgram(t *testing.T, number uint32) string {
	t.Helper()
	const at, size = 0x10000, 52 + 32
	code := append([]byte{0xb8}, binary.LittleEndian.AppendUint32(nil, number)...) // mov eax, number
	code = append(code,
		0x31, 0xdb, 0x31, 0xc9, 0x31, 0xd2, 0x31, 0xf6, 0x31, 0xff, // xor ebx, ebx, and all other arguments
		0xcd, 0x80, // int 0x80
		0xf7, 0xd8, 0x89, 0xc3, // neg eax; mov ebx, eax
		0xb8, 1, 0, 0, 0, 0xcd, 0x80) // mov eax, 1 (exit); int 0x80
	head := elf.Header32{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS32), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_386), Version: uint32(elf.EV_CURRENT),
		Entry: at + size, Phoff: 52, Ehsize: 52, Phentsize: 32, Phnum: 1,
	}
	segment := elf.Prog32{
		Type: uint32(elf.PT_LOAD), Vaddr: at, Paddr: at, Filesz: uint32(size + len(code)), Memsz: uint32(size + len(code)),
		Flags: uint32(elf.PF_R | elf.PF_X), Align: 0x1000,
	}
	var b bytes.Buffer
	if err := errors.Join(binary.Write(&b, binary.LittleEndian, head), binary.Write(&b, binary.LittleEndian, segment)); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "i386")
	if err := os.WriteFile(name, append(b.Bytes(), code...), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestCompatProgramsAreFiltered runs programs for i386, whose numbers mean other calls,
// with and without the filter. A kernel that runs none of them has nothing to filter.
func TestCompatProgramsAreFiltered(t *testing.T) {
	if err := exec.Command(compatProgram(t, 122)).Run(); errors.Is(err, unix.ENOEXEC) {
		t.Log("this kernel runs no programs for i386")
		return
	}
	for _, c := range []struct {
		name       string
		number     uint32
		free, held syscall.Errno
	}{
		{"uname", 122, unix.EFAULT, unix.EFAULT},
		{"mount", 21, unix.EFAULT, unix.EPERM},
		{"keyctl", 288, unix.EINVAL, unix.EPERM},
		{"clone3", 435, unix.EINVAL, unix.ENOSYS},
		{"openat2", 437, unix.EINVAL, unix.EINVAL},
		{"socket(AF_UNSPEC)", 359, unix.EAFNOSUPPORT, unix.EAFNOSUPPORT},
		{"number 600", 600, unix.ENOSYS, unix.ENOSYS},
	} {
		program := compatProgram(t, c.number)
		free := exitCode(t, func() (string, error) { out, err := exec.Command(program).Output(); return string(out), err })
		held := exitCode(t, func() (string, error) { return start(t, "confine", program) })
		if syscall.Errno(free) != c.free || syscall.Errno(held) != c.held {
			t.Errorf("%s: %v free, %v filtered", c.name, syscall.Errno(free), syscall.Errno(held))
		}
	}
}

func exitCode(t *testing.T, run func() (string, error)) int {
	t.Helper()
	_, err := run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit == nil {
		return 0
	}
	return exit.ExitCode()
}
