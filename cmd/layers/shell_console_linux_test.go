package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

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
}

// newScreen starts an interactive shell of the host's programs in an image.
func newScreen(t *testing.T) *screen {
	t.Helper()
	registry, err := fixtures.NewRegistry()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(registry.Close)
	if err := registry.Push("app:1", fixtures.Image("-- 0/file --\nhello\n")); err != nil {
		t.Fatal(err)
	}
	pts, err := unix.Open("/dev/pts", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pts)
	s := &screen{t: t}
	if s.pty, err = console.Open(pts, console.Size{Rows: 33, Columns: 99}); err != nil {
		t.Fatal(err)
	}
	before, err := unix.IoctlGetTermios(int(s.pty.Slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	s.before = *before
	s.shell = exec.Command("/proc/self/exe")
	s.shell.Args = []string{"furnished", registry.Host + "/app:1", "-e", "PS1=ready> ", "--", "sh", "-i"}
	s.shell.Env = append(s.shell.Environ(), "LAYERS=layers", "LAYERS_STORE="+filepath.Join(t.TempDir(), "store"), "TERM=dumb")
	s.shell.Stdin, s.shell.Stdout, s.shell.Stderr = s.pty.Slave, s.pty.Slave, s.pty.Slave
	s.shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.shell.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

// until waits for words on the screen, and forgets what was before them.
func (s *screen) until(words string) string {
	s.t.Helper()
	buf := make([]byte, 4096)
	for {
		if before, after, found := strings.Cut(s.seen.String(), words); found {
			s.seen.Reset()
			s.seen.WriteString(after)
			return before
		}
		n, err := s.pty.Master.Read(buf)
		if err != nil {
			s.t.Fatalf("waiting for %q: %v; seen %q", words, err, s.seen.String())
		}
		s.seen.Write(buf[:n])
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
	s := newScreen(t)
	s.until("ready> ")
	s.typed("stty size\n")
	s.until("33 99")
	s.until("ready> ")
	w := unix.Winsize{Row: 44, Col: 111}
	s.typed("trap 'stty size' WINCH\n")
	s.until("ready> ")
	if err := unix.IoctlSetWinsize(int(s.pty.Master.Fd()), unix.TIOCSWINSZ, &w); err != nil {
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
	var exit *exec.ExitError
	if err := s.shell.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("the shell ended with %v", err)
	}
	after, err := unix.IoctlGetTermios(int(s.pty.Slave.Fd()), unix.TCGETS)
	if err != nil || !reflect.DeepEqual(*after, s.before) {
		t.Errorf("the terminal is not as it was: %v", err)
	}
	if err := errors.Join(s.pty.Slave.Close(), s.pty.Master.Close()); err != nil && !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}
