package main

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/shell/console"
	"github.com/layers/layers/fixtures"
)

// screen is a user's terminal, on which a shell runs.
type screen struct {
	t      *testing.T
	pty    *console.Pty
	shell  *exec.Cmd
	before unix.Termios
	seen   bytes.Buffer
	shown  chan []byte   // what comes on the screen
	ended  chan struct{} // is closed when the shell has ended
	result error         // how it did
}

// newScreen starts a command of the host's programs in an image, at a terminal; where
// stdin or stdout is given, it is not the terminal.
func newScreen(t *testing.T, stdin, stdout *os.File, command ...string) *screen {
	t.Helper()
	return newScreenOf(t, stdin, stdout, append([]string{"furnished", "IMAGE", "-e", "PS1=ready> ", "--"}, command...)...)
}

// newScreenOf is newScreen for a program with arguments; IMAGE stands for the name of one.
func newScreenOf(t *testing.T, stdin, stdout *os.File, args ...string) *screen {
	t.Helper()
	registry, err := fixtures.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(registry.Close)
	if err := registry.Push("app:1", fixtures.Image("-- 0/file --\nhello\n")); err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, shown: make(chan []byte, 1024), ended: make(chan struct{})}
	s.pty = &console.Pty{}
	if s.pty.Master, s.pty.Slave, err = openTerminal(); err != nil {
		t.Fatal(err)
	}
	size := unix.Winsize{Row: 33, Col: 99}
	if err := unix.IoctlSetWinsize(int(s.pty.Slave.Fd()), unix.TIOCSWINSZ, &size); err != nil {
		t.Fatal(err)
	}
	s.pty.Master = closable(t, s.pty.Master)
	s.before = s.modes()
	s.shell = &exec.Cmd{Path: "/proc/self/exe"}
	for _, arg := range args {
		s.shell.Args = append(s.shell.Args, strings.Replace(arg, "IMAGE", registry.Host+"/app:1", 1))
	}
	s.shell.Env = append(s.shell.Environ(), "LAYERS=layers", "LAYERS_STORE="+filepath.Join(t.TempDir(), "store"), "TERM=dumb")
	s.shell.Stdin, s.shell.Stdout, s.shell.Stderr = cmp.Or(stdin, s.pty.Slave), cmp.Or(stdout, s.pty.Slave), s.pty.Slave
	s.shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 2}
	if err := s.shell.Start(); err != nil {
		t.Fatal(err)
	}
	go s.read()
	go func() {
		s.result = s.shell.Wait()
		close(s.ended)
	}()
	t.Cleanup(s.close)
	return s
}

// closable is a file that is closed at once, also while it is read from.
func closable(t *testing.T, f *os.File) *os.File {
	t.Helper()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err == nil {
		err = errors.Join(unix.SetNonblock(fd, true), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), f.Name())
}

func (s *screen) close() {
	_ = s.shell.Process.Kill() // it should have ended
	<-s.ended
	if err := errors.Join(s.pty.Slave.Close(), s.pty.Master.Close()); err != nil && !errors.Is(err, os.ErrClosed) {
		s.t.Error(err)
	}
}

func (s *screen) read() {
	for {
		buf := make([]byte, 4096)
		n, err := s.pty.Master.Read(buf)
		if err != nil {
			return // the test is over
		}
		s.shown <- buf[:n]
	}
}

// modes are the terminal's.
func (s *screen) modes() unix.Termios {
	s.t.Helper()
	modes, err := unix.IoctlGetTermios(int(s.pty.Slave.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	return *modes
}

// until waits for words on the screen, and forgets what was before them.
func (s *screen) until(words string) string {
	s.t.Helper()
	for ended, late := s.ended, time.After(time.Minute); ; {
		if before, after, found := strings.Cut(s.seen.String(), words); found {
			s.seen.Reset()
			s.seen.WriteString(after)
			return before
		}
		select {
		case text := <-s.shown:
			s.seen.Write(text)
		case <-ended: // what it wrote last may be on its way
			ended, late = nil, time.After(time.Second)
		case <-late:
			s.t.Fatalf("waiting for %q; seen %q", words, s.seen.String())
		}
	}
}

// exits waits for the end, and holds the exit code and the terminal's modes against what
// they must be.
func (s *screen) exits(code int) {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(time.Minute):
		s.t.Fatalf("it goes on; seen %q", s.seen.String())
	}
	if got := exitCode(s.result); got != code {
		s.t.Errorf("the shell ended with %d (%v), want %d", got, s.result, code)
	}
	for late := time.Now().Add(time.Minute); s.modes() != s.before; time.Sleep(10 * time.Millisecond) {
		if code >= 0 || time.Now().After(late) { // of who is killed, another has to hear first
			s.t.Error("the terminal is not as it was")
			return
		}
	}
}

func (s *screen) typed(keys string) {
	s.t.Helper()
	if _, err := s.pty.Master.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// TestTerminal is a session at a terminal: sizes, interrupts, job control, the end, and
// the terminal as it was.
func TestTerminal(t *testing.T) {
	if !asRoot(t) {
		return
	}
	s := newScreen(t, nil, nil, "sh", "-i")
	s.until("ready> ")
	s.typed("stty size\n")
	s.until("33 99")
	s.until("ready> ")
	w := unix.Winsize{Row: 44, Col: 111}
	s.typed("trap 'stty size' WINCH\n")
	s.until("ready> ")
	if err := unix.IoctlSetWinsize(int(s.pty.Slave.Fd()), unix.TIOCSWINSZ, &w); err != nil {
		t.Fatal(err)
	}
	s.typed("while [ \"$(stty size)\" != '44 111' ]; do :; done; echo si''ze\n")
	s.until("size")
	s.until("ready> ")
	s.typed("sh -c 'echo be''gun; exec cat'\n")
	s.until("begun")
	s.typed("\x03")
	s.until("ready> ")
	s.typed("sh -c 'echo be''gun; exec cat'\n")
	s.until("begun")
	s.typed("\x1a")
	s.until("Stopped")
	s.until("ready> ")
	s.typed("kill -9 %1; wait; (exit 3)\n")
	s.until("ready> ")
	s.typed("exit 7\n")
	s.exits(7)
}

// TestTerminalIsGivenBack says that the terminal is as it was, however a shell ends.
func TestTerminalIsGivenBack(t *testing.T) {
	if !asRoot(t) {
		return
	}
	for _, c := range []struct {
		name string
		end  func(s *screen) error
		code int
	}{
		{"exit", func(s *screen) error { s.typed("exit 3\n"); return nil }, 3},
		{"end of file", func(s *screen) error { s.typed("\x04"); return nil }, 0},
		{"the init is killed", func(s *screen) error { return killChildren(s.shell.Process.Pid) }, 137},
		{"the command is killed", func(s *screen) error { s.typed("kill -9 $$\n"); return nil }, 137},
		{"SIGTERM", func(s *screen) error { return s.shell.Process.Signal(syscall.SIGTERM) }, 143},
		{"SIGHUP", func(s *screen) error { return s.shell.Process.Signal(syscall.SIGHUP) }, 129},
		{"layers is killed", func(s *screen) error { return s.shell.Process.Kill() }, -1},
		{"a flood that nobody reads", func(s *screen) error {
			s.typed("(sleep 1; kill -9 $$) & yes\n")
			time.Sleep(1500 * time.Millisecond)
			return nil
		}, 137},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScreen(t, nil, nil, "sh", "-c", "echo be''gun; while read line; do eval \"$line\"; done")
			s.until("begun")
			if s.modes() == s.before {
				t.Error("the terminal is not raw")
			}
			if err := c.end(s); err != nil {
				t.Fatal(err)
			}
			s.drain()
			s.exits(c.code)
		})
	}
}

// drain lets what is shown go by.
func (s *screen) drain() {
	go func() {
		for {
			select {
			case <-s.shown:
			case <-s.ended:
				return
			}
		}
	}()
}

// TestStoppedFromOutside says that who stops layers gets the terminal as it was, and
// that it goes on where it was.
func TestStoppedFromOutside(t *testing.T) {
	if !asRoot(t) {
		return
	}
	s := newScreen(t, nil, nil, "sh", "-i")
	s.until("ready> ")
	raw := s.modes()
	if err := s.shell.Process.Signal(syscall.SIGTSTP); err != nil {
		t.Fatal(err)
	}
	s.waitModes(s.before)
	if err := s.shell.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.waitModes(raw)
	s.typed("echo go''es on\n")
	s.until("goes on")
	s.typed("exit\n")
	s.exits(0)
}

func (s *screen) waitModes(want unix.Termios) {
	s.t.Helper()
	for begun := time.Now(); s.modes() != want; time.Sleep(time.Millisecond) {
		if time.Since(begun) > time.Minute {
			s.t.Fatalf("the terminal's modes are %+v", s.modes())
		}
	}
}

// TestPaste says that more than the shell's terminal takes at once arrives whole, and
// that what nobody reads keeps nothing from ending.
func TestPaste(t *testing.T) {
	if !asRoot(t) {
		return
	}
	s := newScreen(t, nil, nil, "sh", "-c", "stty -echo; echo be''gun; head -c 300000 | wc -c; echo lost; exec sleep 1")
	s.until("begun")
	line := strings.Repeat("x", 99) + "\n"
	go func() {
		for range 6000 {
			if _, err := s.pty.Master.WriteString(line); err != nil {
				return // the test is over
			}
		}
	}()
	s.until("300000")
	s.until("lost")
	s.drain()
	s.exits(0)
}

// TestTerminalIsGone says that a command that wants no SIGHUP does not go on for ever
// without its terminal.
func TestTerminalIsGone(t *testing.T) {
	if !asRoot(t) {
		return
	}
	s := newScreen(t, nil, nil, "sh", "-c", "trap '' HUP; echo be''gun; cat; echo x > /tmp/after")
	s.until("begun")
	if err := errors.Join(s.pty.Slave.Close(), s.pty.Master.Close()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.ended:
	case <-time.After(time.Minute):
		t.Error("it goes on")
	}
}

// TestHalfATerminal says that what is no terminal stays what it is.
func TestHalfATerminal(t *testing.T) {
	if !asRoot(t) {
		return
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	script := "test -t 0 && echo in; test -t 1 && echo out; test -t 2 && echo err >&2; exit 4"
	s := newScreen(t, nil, w, "sh", "-c", script)
	s.until("err")
	s.exits(4)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); string(text) != "in\n" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
}
