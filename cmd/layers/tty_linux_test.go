package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a new terminal of 80 columns.
func openTerminal() (person, program *os.File, err error) {
	person, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	fd := int(person.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, err
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, nil, err
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	return person, program, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80})
}

// tty CODE TYPED COMMAND ARG... runs a command on a terminal, where the text TYPED
// and a line feed are typed, checks its exit code, and leaves what the terminal got
// in the file screen.
func tty(ts *testscript.TestScript, _ bool, args []string) {
	person, program, err := openTerminal()
	ts.Check(err)
	defer person.Close()
	c := exec.Command(filepath.Join(filepath.SplitList(ts.Getenv("PATH"))[0], args[2]), args[3:]...)
	c.Stdin, c.Stdout, c.Stderr, c.Dir = program, program, program, ts.MkAbs(".")
	c.Env = environment(ts)
	ts.Check(c.Start())
	ts.Check(program.Close())
	_, err = io.WriteString(person, args[1]+"\n")
	ts.Check(err)
	var screen bytes.Buffer
	// Reading a terminal whose last program has ended gives EIO.
	if _, err := io.Copy(&screen, person); err != nil && !errors.Is(err, syscall.EIO) {
		ts.Fatalf("reading the terminal: %v", err)
	}
	if got := exitCode(c.Wait()); strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s: %q", got, args[0], screen.String())
	}
	ts.Check(os.WriteFile(ts.MkAbs("screen"), screen.Bytes(), 0o600))
}

// environment is the story's, as far as the program looks at it.
func environment(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{
		"HOME", "LAYERS_STORE", "XDG_RUNTIME_DIR", "TMPDIR", "PATH", "LANG", "LC_ALL", "CI", "TERM",
		"GORACE", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "LAYERS_DEBUG",
	} {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}
