package shell

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// held reports whether the command stands before its first instruction until it is where
// it belongs, it was looked at, and its init is what it is to be. It is then started as a
// traced process.
func (c *Config) held() bool { return c.Doors > 0 || c.Look || c.attackable() }

// admit moves the command into its control groups, looks at it if that is asked for, and
// lets it begin, or, if it is for becomeRest to do that, leaves it stopped.
func (i *initProcess) admit(pid int, started *Started) error {
	if !i.config.held() {
		started.At = time.Now()
		return nil
	}
	if err := caught(pid); err != nil {
		return err
	}
	for n := range i.config.Doors {
		door := os.NewFile(uintptr(firstDoor+n), "cgroup.procs")
		_, err := door.WriteString(strconv.Itoa(pid))
		if err = errors.Join(err, door.Close()); err != nil {
			return &HostError{Text: fmt.Sprintf("the command's control group: %v", err)}
		}
	}
	started.At = time.Now() // it would begin now; looking is not its time
	if i.config.Look {
		var err error
		if started.Seen, err = look(pid); err != nil {
			return fmt.Errorf("looking at the command: %w", err)
		}
	}
	if i.config.attackable() {
		return detach(pid, unix.SIGSTOP)
	}
	return detach(pid, 0)
}

// caught waits until a traced process stands.
func caught(pid int) error {
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &status, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil || !status.Stopped():
			return &SetupError{Text: fmt.Sprintf("the command ended before it began: %#x, %v", uint32(status), err)}
		default:
			return nil
		}
	}
}

// detach lets a traced process go on, with a signal.
func detach(pid int, with unix.Signal) error {
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_DETACH, uintptr(pid), 0, uintptr(with), 0, 0)
	if errno != 0 {
		return os.NewSyscallError("ptrace", errno)
	}
	return nil
}
