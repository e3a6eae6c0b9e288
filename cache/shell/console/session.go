//go:build linux

package console

import (
	"errors"
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Session is a user's terminal while a shell has it.
type Session struct {
	in, out, master *os.File
	before          *term.State
	keeper          *keeper
	stop, stopped   *os.File // a pipe: its end ends the reading of the user's keys
	keys, screen    chan struct{}
	signals         chan os.Signal
	handled         chan struct{}
	failed          error // of the screen; read it when screen is closed
}

// Attach gives the user's terminal to the shell: keys are passed as they are, and the
// size follows. The terminal is the shell's until Close, which must be called whatever
// happens; if this process is killed, another gives it back.
func Attach(in, out, master *os.File) (*Session, error) {
	s := &Session{
		in: in, out: out, master: master, keys: make(chan struct{}), screen: make(chan struct{}),
		signals: make(chan os.Signal, 8), handled: make(chan struct{}),
	}
	var err error
	if s.stopped, s.stop, err = os.Pipe(); err != nil {
		return nil, errors.Join(err, master.Close())
	}
	if s.keeper, err = keep(in); err != nil {
		return nil, errors.Join(err, master.Close(), s.stop.Close(), s.stopped.Close())
	}
	if s.before, err = term.MakeRaw(int(in.Fd())); err != nil {
		return nil, errors.Join(fmt.Errorf("the terminal: %w", err), s.keeper.end(), master.Close(), s.stop.Close(), s.stopped.Close())
	}
	signal.Notify(s.signals, unix.SIGWINCH, unix.SIGTSTP, unix.SIGCONT)
	s.follow()
	go s.copyKeys()
	go s.copyScreen()
	go s.handle()
	return s, nil
}

// Close shows all that was written, and gives the terminal back as it was. Every
// process that has the shell's terminal open must have ended.
func (s *Session) Close() error {
	<-s.screen
	s.hangUp() // a paste may wait for who reads no more
	signal.Stop(s.signals)
	close(s.signals)
	<-s.handled
	err := s.stop.Close()
	<-s.keys
	return errors.Join(err, s.stopped.Close(), s.restore(), s.keeper.end(), s.failed)
}

func (s *Session) restore() error {
	if err := term.Restore(int(s.in.Fd()), s.before); err != nil && !errors.Is(err, unix.EIO) { // it may be gone
		return fmt.Errorf("restoring the terminal: %w", err)
	}
	return nil
}

// copyKeys passes what is typed on. It waits in poll and not in read: a key that is
// typed after the end is not ours to take.
func (s *Session) copyKeys() {
	defer close(s.keys)
	buf := make([]byte, 4096)
	for {
		fds := []unix.PollFd{{Fd: int32(s.in.Fd()), Events: unix.POLLIN}, {Fd: int32(s.stopped.Fd()), Events: unix.POLLIN}}
		_, err := unix.Poll(fds, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || fds[1].Revents != 0 {
			return
		}
		n, err := unix.Read(int(s.in.Fd()), buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n <= 0 {
			s.hangUp() // the terminal is gone
			return
		}
		if _, err := s.master.Write(buf[:n]); err != nil {
			return // the shell has ended
		}
	}
}

// copyScreen shows what is written, to the last byte: the kernel says EIO when nobody
// can write any more.
func (s *Session) copyScreen() {
	defer close(s.screen)
	buf := make([]byte, 32<<10)
	for {
		n, err := s.master.Read(buf)
		if _, failed := s.out.Write(buf[:n]); failed != nil {
			if !errors.Is(failed, unix.EIO) { // else it is gone
				s.failed = failed
			}
			s.hangUp()
			return
		}
		if err != nil {
			return
		}
	}
}

// hangUp ends the shell's terminal as the end of the user's would: its processes get
// SIGHUP, and have no terminal any more.
func (s *Session) hangUp() { _ = s.master.Close() } // more than once is no matter

// handle follows the size, and gives the terminal back while we are stopped.
func (s *Session) handle() {
	defer close(s.handled)
	for got := range s.signals {
		switch got {
		case unix.SIGWINCH:
			s.follow()
		case unix.SIGTSTP:
			_ = s.restore()
			_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
		case unix.SIGCONT:
			_, _ = term.MakeRaw(int(s.in.Fd())) // it may be gone
			s.follow()
		}
	}
}

func (s *Session) follow() {
	if size := SizeOf(s.in); size != (Size{}) {
		_ = resize(s.master, size) // the shell may have ended
	}
}
