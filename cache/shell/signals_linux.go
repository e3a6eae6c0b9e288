package shell

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The signals that Go leaves to C libraries, and has no handler for.
var leftToC = []unix.Signal{32, 34}

// ignoreUnhandled has this process ignore the signals that it has no handler for. The
// kernel drops them by itself when they come to a namespace's first process from inside,
// but not if its first thread blocks them just then, as Go does in each of its handlers:
// then they end the process. What is started after this would ignore them, too.
func ignoreUnhandled() error {
	for _, number := range leftToC {
		known, err := rtSigaction(number, nil)
		if err != nil {
			return err
		}
		if known.handler != sigDefault {
			continue // a C library's
		}
		if _, err := rtSigaction(number, &sigaction{handler: sigIgnore}); err != nil {
			return err
		}
	}
	return nil
}

// sigaction begins as the kernel's struct of that name, and is no smaller.
type sigaction struct {
	handler uintptr
	_       [15]uintptr
}

const (
	sigDefault = 0 // SIG_DFL
	sigIgnore  = 1 // SIG_IGN
)

// rtSigaction is rt_sigaction(2): it says what is done on a signal, and changes that if
// there is anything to change it to.
func rtSigaction(number unix.Signal, to *sigaction) (known sigaction, err error) {
	const setSize = 8 // of a set of 64 signals, in bytes
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(number),
		uintptr(unsafe.Pointer(to)), uintptr(unsafe.Pointer(&known)), setSize, 0, 0)
	if errno != 0 {
		return known, fmt.Errorf("rt_sigaction of signal %d: %w", number, errno)
	}
	return known, nil
}
