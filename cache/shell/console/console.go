//go:build linux

// Package console connects a user's terminal with a pseudo-terminal of a shell: what
// is typed goes in, what is printed comes out, and the size follows. The pseudo-terminal
// is made inside the shell (Open), and its master comes out over a socket (Send,
// Receive).
package console

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Pty is a new pseudo-terminal.
type Pty struct {
	Master, Slave *os.File
}

// Size is a terminal's, in characters.
type Size struct{ Rows, Columns uint16 }

// Open makes a pseudo-terminal in a mounted devpts, whose directory is given. Names in
// it are not believed: the slave is opened through the master. The slave is never the
// controlling terminal of the caller.
func Open(pts int, size Size) (p *Pty, err error) {
	fd, err := unix.Openat(pts, "ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("ptmx: %w", err)
	}
	p = &Pty{Master: os.NewFile(uintptr(fd), "ptmx")}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, errors.Join(fmt.Errorf("unlocking a pseudo-terminal: %w", err), p.Master.Close())
	}
	flags := uintptr(unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC)
	slave, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, flags)
	if errno != 0 {
		return nil, errors.Join(fmt.Errorf("the other end of a pseudo-terminal: %w", errno), p.Master.Close())
	}
	p.Slave = os.NewFile(slave, "pts")
	return p, resize(p.Master, size)
}

// IsTerminal reports whether a file is a terminal.
func IsTerminal(f *os.File) bool { return f != nil && term.IsTerminal(int(f.Fd())) }

// SizeOf is a terminal's size, and the zero Size for what is none.
func SizeOf(f *os.File) Size {
	if w, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil {
		return Size{Rows: w.Row, Columns: w.Col}
	}
	return Size{}
}

func resize(master *os.File, size Size) error {
	w := unix.Winsize{Row: size.Rows, Col: size.Columns}
	raw, err := master.SyscallConn() // Fd would make reading it wait in the kernel
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &w) })
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("the size of a terminal: %w", err)
	}
	return nil
}

// Send gives a file to the process at the other end of a socket.
func Send(socket, f *os.File) error {
	if err := unix.Sendmsg(int(socket.Fd()), []byte{0}, unix.UnixRights(int(f.Fd())), nil, 0); err != nil {
		return fmt.Errorf("sending a terminal: %w", err)
	}
	return nil
}

// Receive takes the one file that Send gave, which must be a pseudo-terminal's master.
// Closing it ends what is read from it and written to it.
func Receive(socket *os.File) (*os.File, error) {
	control := make([]byte, unix.CmsgSpace(4))
	_, n, flags, _, err := unix.Recvmsg(int(socket.Fd()), make([]byte, 1), control, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("receiving a terminal: %w", err)
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) != 1 || flags&unix.MSG_CTRUNC != 0 {
		return nil, errors.Join(errors.New("receiving a terminal: none came"), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, errors.Join(errors.New("receiving a terminal: none came"), err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, errors.Join(fmt.Errorf("receiving a terminal: %w", err), unix.Close(fds[0]))
	}
	master := os.NewFile(uintptr(fds[0]), "terminal")
	if _, err := unix.IoctlGetInt(fds[0], unix.TIOCGPTN); err != nil {
		return nil, errors.Join(fmt.Errorf("receiving a terminal: what came is none: %w", err), master.Close())
	}
	return master, nil
}
