//go:build linux

package seccomp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"

	"golang.org/x/sys/unix"
)

// Load puts the filter on the calling thread for good, which must have no_new_privs
// (PR_SET_NO_NEW_PRIVS); what it starts inherits the filter. Other threads of the
// process have none: call it on a locked one (runtime.LockOSThread), and start the
// process from there. It is errors.ErrUnsupported where the kernel knows no filters.
func (f Filter) Load() (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("loading the filter of system calls: %w", err)
		}
	}()
	if len(f.program) == 0 {
		return errors.New("it is empty")
	}
	// The kernel would let a process with CAP_SYS_ADMIN do without.
	privileges, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	if err != nil {
		return err
	}
	if privileges != 1 {
		return errors.New("the thread does not have no_new_privs")
	}
	memory, err := f.memory()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Munmap(memory)) }()
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, address(memory))
	switch errno {
	case 0:
		return nil
	case unix.EINVAL: // of a correct program, as this is
		return fmt.Errorf("%w: a kernel without CONFIG_SECCOMP_FILTER: %w", errno, errors.ErrUnsupported)
	}
	return errno
}

// memory writes a struct sock_fprog with the program behind it, to where the garbage
// collector moves nothing.
func (f Filter) memory() ([]byte, error) {
	const head = unix.SizeofSockFprog
	size := head + len(f.program)*unix.SizeofSockFilter
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("mmap: %w", err)
	}
	order := binary.NativeEndian
	order.PutUint16(memory, uint16(len(f.program)))
	order.PutUint64(memory[8:], uint64(address(memory))+head) // both architectures have pointers of 64 bits
	at := memory[head:]
	for i, ins := range f.program {
		b := at[i*unix.SizeofSockFilter:]
		order.PutUint16(b, ins.Code)
		b[2], b[3] = ins.Jt, ins.Jf
		order.PutUint32(b[4:], ins.K)
	}
	return memory, nil
}

func address(memory []byte) uintptr { return reflect.ValueOf(memory).Pointer() }
