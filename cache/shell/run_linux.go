package shell

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/shell/console"
)

// Host is what the caller lends to a shell.
type Host struct {
	// Stdin, Stdout and Stderr are the command's, or, with Terminal, the terminal's that
	// the command's own is shown on.
	Stdin, Stdout, Stderr *os.File
	Terminal              bool
	// Network shares the host's network. Without it there is a loopback only.
	Network bool
	// Map gives a process ids in its user namespace. Without it, the shell has no user
	// namespace of its own, which needs root.
	Map func(pid int) error
	// Group limits and counts the shell's processes; it may be nil.
	Group Group
}

// Group is a control group, as package cgroup has it, for whose sake the init does not
// wait for all that this package needs.
type Group interface {
	// Enter has a process born in the group, as far as that can be had.
	Enter(*syscall.SysProcAttr)
	// Doors are the files that a process is moved into the group by.
	Doors() ([]*os.File, error)
	// Seal takes the process that was born in it out of the group again.
	Seal(pid int) error
}

// Events are what a caller may want to hear of a shell. Each may be nil.
type Events struct {
	// Listening is told when the signals that this process gets are passed on to the
	// command, or will be when it runs.
	Listening func()
	// Started is told when the command runs, and Changed of each change when it has
	// ended.
	Started func(Started) error
	Changed func(Change) error
}

// passed are the signals to this process that are for the command. What the terminal
// does by keys is the terminal's, which passes the keys themselves.
var passed = []os.Signal{
	unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM,
}

// Prepared is a process in its own namespaces that waits to become a shell's init.
type Prepared struct {
	host    Host
	init    *exec.Cmd
	control *os.File
	console *os.File // nil without a terminal
	mu      sync.Mutex
	orders  *gob.Encoder
	doors   int // of the control groups that the command is to join
	screen  *console.Session
	asked   time.Time // when the init was
	streams *streams
	mapped  func() error // waits until the init has its ids
	again   bool         // the init becomes another program once the command runs
	closed  bool
}

// Prepare starts what becomes a shell, so that it is up when it is known what runs in
// it. Close it, whether anything is run or not.
func Prepare(h Host) (_ *Prepared, err error) {
	s := &Prepared{host: h}
	if s.streams, err = lend(h.Stdin, h.Stdout, h.Stderr); err != nil {
		return nil, err
	}
	theirs, err := s.files()
	if err != nil {
		return nil, errors.Join(err, closeAll(theirs), s.closeFiles(), s.streams.close())
	}
	s.init = exec.Command("/proc/self/exe")
	s.init.Args = []string{"layers", Role} // which its processes can see
	s.init.Stdin, s.init.Stdout, s.init.Stderr = s.streams.in, s.streams.out, s.streams.err
	s.init.ExtraFiles = theirs
	s.init.SysProcAttr = attributes(h)
	s.asked = time.Now()
	if err := s.init.Start(); err != nil {
		err = refused("this host gives a shell no namespaces", rootCause(err))
		return nil, errors.Join(err, closeAll(theirs), s.closeFiles(), s.streams.close())
	}
	s.mapIDs()
	if err := errors.Join(s.streams.begin(), closeAll(theirs)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Terminal reports whether the command will have a terminal.
func (s *Prepared) Terminal() bool { return s.host.Terminal }

// mapIDs gives the init its ids, which can take other programs, while more is done.
func (s *Prepared) mapIDs() {
	if s.host.Map == nil {
		s.mapped = func() error { return nil }
		return
	}
	done := make(chan error, 1)
	go func() { done <- s.host.Map(s.init.Process.Pid) }()
	s.mapped = sync.OnceValue(func() error { return <-done })
}

// rootCause is without the name of the program, which is our own.
func rootCause(err error) error {
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number
	}
	return err
}

func closeAll(files []*os.File) (err error) {
	for _, f := range files {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return err
}

// Run runs a command in a root, and returns when it and all that it started have ended.
// It is for one run. Errors are *CommandError, *HostError and *SetupError, or of the
// system.
func (s *Prepared) Run(c Config, e Events) (ended Ended, err error) {
	defer func() { err = errors.Join(err, s.Close()) }()
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passed...)
	done := make(chan struct{})
	defer func() { signal.Stop(signals); close(done) }()
	if e.Listening != nil {
		e.Listening()
	}
	s.again = c.attackable()
	c.HostNetwork, c.Terminal, c.Doors = s.host.Network, s.host.Terminal, s.doors
	if c.Terminal {
		c.Size = console.SizeOf(s.host.Stdin)
	}
	if err := s.mapped(); err != nil {
		return ended, refused("this host gives a user namespace no ids", err)
	}
	if err := s.order(c); err != nil {
		return ended, s.lost(err)
	}
	return s.follow(e, func() { go s.pass(signals, done) })
}

// files makes what is talked through, and returns the init's ends: of the control
// socket, of the console's, which is nil without a terminal, and the control groups' doors.
func (s *Prepared) files() (theirs []*os.File, err error) {
	var control, terminal *os.File
	if s.control, control, err = socketPair(); err != nil {
		return nil, err
	}
	s.orders = gob.NewEncoder(s.control)
	if s.host.Terminal {
		if s.console, terminal, err = socketPair(); err != nil {
			return []*os.File{control}, err
		}
	}
	theirs = []*os.File{control, terminal}
	if s.host.Group == nil {
		return theirs, nil
	}
	doors, err := s.host.Group.Doors()
	s.doors = len(doors)
	return append(theirs, doors...), err
}

func socketPair() (ours, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	return os.NewFile(uintptr(pair[0]), "control"), os.NewFile(uintptr(pair[1]), "control"), nil
}

// attributes gives the init namespaces of its own, all at once, and lets it end with us.
func attributes(h Host) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		Pdeathsig:  unix.SIGKILL,
		Setsid:     true,
	}
	if !h.Network {
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

// order tells the init something; several goroutines may.
func (s *Prepared) order(what any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.orders.Encode(what)
}

// follow hears what the init has to say, to the end. Once the command runs, and not
// before, it can be told something.
func (s *Prepared) follow(e Events, running func()) (ended Ended, err error) {
	stream := bufio.NewReader(s.control)
	messages := gob.NewDecoder(stream)
	for {
		var m message
		if err := messages.Decode(&m); err != nil {
			return ended, s.lost(err)
		}
		switch {
		case m.Failed != nil:
			return ended, m.Failed.error()
		case m.Grouped:
			err = s.seal()
		case m.Started != nil:
			err = s.started(*m.Started, e)
			if s.again { // another program goes on
				messages, s.orders = gob.NewDecoder(stream), gob.NewEncoder(s.control)
			}
			running()
		case m.Changed != nil && e.Changed != nil:
			err = e.Changed(*m.Changed)
		case m.Ended != nil:
			return *m.Ended, nil
		}
		if err != nil {
			return ended, err
		}
	}
}

// seal makes the control groups the command's alone.
func (s *Prepared) seal() error {
	if err := s.host.Group.Seal(s.init.Process.Pid); err != nil {
		return err
	}
	return s.order(order{Sealed: true})
}

// lost says why the init said nothing more: it was killed, with all its processes.
func (s *Prepared) lost(err error) error {
	if !errors.Is(err, io.EOF) && !errors.Is(err, unix.ECONNRESET) && !errors.Is(err, unix.EPIPE) {
		return fmt.Errorf("the shell's init: %w", err)
	}
	return &KilledError{}
}

// started puts the user's terminal in the command's hands.
func (s *Prepared) started(m Started, e Events) error {
	if e.Started != nil {
		m.Asked = s.asked
		if err := e.Started(m); err != nil {
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

func (s *Prepared) pass(signals <-chan os.Signal, done <-chan struct{}) {
	for {
		select {
		case got := <-signals:
			if number, ok := got.(syscall.Signal); ok {
				_ = s.order(order{Signal: int(number)}) // it may have ended
			}
		case <-done:
			return
		}
	}
}

// Close ends the init if it has not ended, and gives the terminal back when all that
// was written on it has been shown. Once is enough, and after Run it is done.
func (s *Prepared) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	_ = s.mapped() // it is told by Run, if it matters; the process must not be gone before
	err := s.closeFiles()
	_ = s.init.Wait() // its exit code says nothing that it has not told
	err = errors.Join(err, s.streams.close())
	if s.screen != nil {
		err = errors.Join(err, s.screen.Close())
	}
	return err
}

func (s *Prepared) closeFiles() error {
	if s.control == nil {
		return nil
	}
	err := s.control.Close()
	if s.console != nil {
		err = errors.Join(err, s.console.Close())
	}
	return err
}
