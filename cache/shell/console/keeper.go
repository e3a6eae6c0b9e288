//go:build linux

package console

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// KeeperRole is the only argument by which this program knows that it is a terminal's
// keeper, and is to call Keep.
const KeeperRole = "keeper, of a terminal"

// makerFile is the descriptor by which a keeper hears of its maker.
const makerFile = 3

// keeper is a process that gives a terminal back if this one cannot: when it is killed.
type keeper struct{ told *os.File }

// keep starts a keeper of a terminal as it is now.
func keep(terminal *os.File) (k *keeper, err error) {
	modes, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		return nil, err
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c := exec.Command("/proc/self/exe")
	c.Args = []string{os.Args[0], KeeperRole}
	c.Dir, c.Stdin, c.ExtraFiles = "/", terminal, []*os.File{theirs}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // it is no job of the terminal's
	err = errors.Join(c.Start(), theirs.Close())
	if err == nil {
		err = errors.Join(binary.Write(ours, binary.NativeEndian, modes), c.Process.Release())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the keeper of a terminal: %w", err), ours.Close())
	}
	return &keeper{told: ours}, nil
}

// end lets the keeper go, which has nothing to do then: the terminal is as it was.
func (k *keeper) end() error {
	_, err := k.told.Write([]byte{0})
	if errors.Is(err, unix.EPIPE) {
		err = nil // it was killed
	}
	return errors.Join(err, k.told.Close())
}

// Keep is a keeper's life: it waits for its maker's end, and gives the terminal that is
// its standard input back if he did not.
func Keep() error {
	maker := os.NewFile(makerFile, "maker")
	var modes unix.Termios
	if err := binary.Read(maker, binary.NativeEndian, &modes); err != nil {
		return nil // he was killed before he changed anything
	}
	if _, err := maker.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return err
	}
	err := unix.IoctlSetTermios(int(os.Stdin.Fd()), unix.TCSETS, &modes)
	if errors.Is(err, unix.EIO) {
		err = nil // the terminal is gone
	}
	return err
}
