package shell

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/shell/cgroup"
	"github.com/layers/layers/cache/shell/console"
)

// Host is what the caller lends to a shell.
type Host struct {
	// Stdin, Stdout and Stderr are the command's, or, with Config.Terminal, the
	// terminal's that the command's own is shown on.
	Stdin, Stdout, Stderr *os.File
	// Map gives a process ids in its user namespace. Without it, the shell has no user
	// namespace of its own, which needs root.
	Map func(pid int) error
	// Group limits and counts the shell's processes; it may be nil.
	Group *cgroup.Group
	// Started is told when the command runs, and Changed of each change when it has
	// ended. Either may be nil.
	Started func(Started) error
	Changed func(Change) error
}

// passed are the signals to this process that are for the command. What the terminal
// does by keys is the terminal's, which passes the keys themselves.
var passed = []os.Signal{
	unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM,
}

// Run runs a command in a root, and returns when it and all that it started have ended.
// Errors are *CommandError, *HostError and *SetupError, or of the system.
func Run(c Config, h Host) (ended Ended, err error) {
	s, err := start(c, h)
	if err != nil {
		return ended, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passed...)
	done := make(chan struct{})
	go s.pass(signals, done)
	defer func() { signal.Stop(signals); close(done) }()
	return s.follow()
}

// session is a shell as its parent has it.
type session struct {
	host    Host
	init    *exec.Cmd
	control *os.File
	console *os.File // nil without a terminal
	orders  *json.Encoder
	screen  *console.Session
}

func start(c Config, h Host) (_ *session, err error) {
	s := &session{host: h}
	if c.Terminal {
		c.Size = console.SizeOf(h.Stdin)
	}
	theirs, err := s.sockets(c.Terminal)
	if err != nil {
		return nil, err
	}
	s.init = exec.Command("/proc/self/exe")
	s.init.Args = []string{os.Args[0], Role}
	s.init.Stdin, s.init.Stdout, s.init.Stderr = h.Stdin, h.Stdout, h.Stderr
	s.init.ExtraFiles = theirs
	s.init.SysProcAttr = attributes(c, h)
	err = s.init.Start()
	for _, f := range theirs {
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return nil, errors.Join(err, s.closeFiles())
	}
	if err := s.configure(c); err != nil {
		_ = s.init.Process.Kill() // it waits for what does not come
		_ = s.init.Wait()
		return nil, errors.Join(err, s.closeFiles())
	}
	return s, nil
}

// sockets makes what is talked through, and returns the other ends.
func (s *session) sockets(terminal bool) (theirs []*os.File, err error) {
	var their *os.File
	if s.control, their, err = socketPair(); err != nil {
		return nil, err
	}
	s.orders = json.NewEncoder(s.control)
	theirs = append(theirs, their)
	if terminal {
		if s.console, their, err = socketPair(); err != nil {
			return nil, err
		}
		theirs = append(theirs, their)
	}
	return theirs, nil
}

func socketPair() (ours, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	return os.NewFile(uintptr(pair[0]), "control"), os.NewFile(uintptr(pair[1]), "control"), nil
}

// attributes gives the init namespaces of its own, all at once, and lets it end with us.
func attributes(c Config, h Host) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		Pdeathsig:  unix.SIGKILL,
		Setsid:     true,
	}
	if !c.HostNetwork {
		a.Cloneflags |= unix.CLONE_NEWNET
	}
	if h.Map != nil {
		// Without ids it could not keep what it may do over its namespaces otherwise.
		a.Cloneflags |= unix.CLONE_NEWUSER
		a.AmbientCaps = numbers(capabilities)
	}
	if h.Group != nil {
		h.Group.Enter(a)
	}
	return a
}

// configure lets the init begin.
func (s *session) configure(c Config) error {
	pid := s.init.Process.Pid
	if s.host.Map != nil {
		if err := s.host.Map(pid); err != nil {
			return err
		}
	}
	if s.host.Group != nil {
		if err := s.host.Group.Add(pid); err != nil {
			return err
		}
	}
	return s.orders.Encode(c)
}

// follow hears what the init has to say, to the end.
func (s *session) follow() (ended Ended, err error) {
	messages := json.NewDecoder(s.control)
	for {
		var m message
		if err := messages.Decode(&m); err != nil {
			return ended, s.lost(err)
		}
		switch {
		case m.Failed != nil:
			return ended, m.Failed.error()
		case m.Started != nil:
			err = s.started(*m.Started)
		case m.Changed != nil && s.host.Changed != nil:
			err = s.host.Changed(*m.Changed)
		case m.Ended != nil:
			return *m.Ended, nil
		}
		if err != nil {
			return ended, err
		}
	}
}

// lost says why the init said nothing more: it was killed, with all its processes.
func (s *session) lost(err error) error {
	if !errors.Is(err, io.EOF) && !errors.Is(err, unix.ECONNRESET) {
		return fmt.Errorf("the shell's init: %w", err)
	}
	return &KilledError{}
}

// started puts the user's terminal in the command's hands.
func (s *session) started(m Started) error {
	if s.host.Started != nil {
		if err := s.host.Started(m); err != nil {
			return err
		}
	}
	if s.console == nil {
		return nil
	}
	master, err := console.Receive(s.console)
	if err != nil {
		return fmt.Errorf("the terminal: %w", err)
	}
	s.screen, err = console.Attach(s.host.Stdin, s.host.Stdout, master)
	return err
}

func (s *session) pass(signals <-chan os.Signal, done <-chan struct{}) {
	for {
		select {
		case got := <-signals:
			if number, ok := got.(syscall.Signal); ok {
				_ = s.orders.Encode(order{Signal: int(number)}) // it may have ended
			}
		case <-done:
			return
		}
	}
}

// close ends the init if it has not ended, and gives the terminal back when all that
// was written on it has been shown.
func (s *session) close() error {
	err := s.closeFiles()
	_ = s.init.Wait() // its exit code says nothing that it has not told
	if s.screen != nil {
		err = errors.Join(err, s.screen.Close())
	}
	return err
}

func (s *session) closeFiles() error {
	err := s.control.Close()
	if s.console != nil {
		err = errors.Join(err, s.console.Close())
	}
	return err
}
