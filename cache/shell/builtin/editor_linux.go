package builtin

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// errInterrupted says that the user has given a line up.
var errInterrupted = errors.New("interrupted")

// editor reads lines at a terminal, which is raw only meanwhile.
type editor struct {
	in       *os.File
	terminal *term.Terminal
	given    bool // the line was given up
}

// newEditor makes one; complete lengthens what stands before the cursor.
func newEditor(in, out *os.File, complete func(string) (string, bool)) *editor {
	e := &editor{in: in}
	e.terminal = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{keys{e}, out}, "")
	e.terminal.History = &history{}
	e.terminal.AutoCompleteCallback = func(line string, at int, key rune) (string, int, bool) {
		if key != '\t' {
			return "", 0, false
		}
		longer, ok := complete(line[:at])
		return longer + line[at:], len(longer), ok
	}
	return e
}

// keys are what is typed, a byte at once: what comes after a line is not the editor's.
type keys struct{ *editor }

const (
	ctrlC    = "\x03"
	giveUp   = "\x05\x15\r" // to the end, clear, enter: the editor would take Ctrl-C for the end of all
	anything = 1
)

// Read is an io.Reader's.
func (k keys) Read(p []byte) (int, error) {
	n, err := unix.Read(int(k.in.Fd()), p[:anything])
	if errors.Is(err, unix.EINTR) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, io.EOF
	}
	if bytes.Equal(p[:n], []byte(ctrlC)) && len(p) >= len(giveUp) {
		k.given = true
		return copy(p, giveUp), nil
	}
	return n, nil
}

// readLine reads a line, without its end.
func (e *editor) readLine(prompt string) (line string, err error) {
	fd := int(e.in.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return "", fmt.Errorf("the terminal: %w", err)
	}
	defer func() {
		if restored := term.Restore(fd, before); restored != nil && !errors.Is(restored, unix.EIO) { // it may be gone
			err = errors.Join(err, fmt.Errorf("restoring the terminal: %w", restored))
		}
	}()
	sizes := make(chan os.Signal, 1)
	signal.Notify(sizes, unix.SIGWINCH)
	defer func() { signal.Stop(sizes); close(sizes) }()
	e.fit()
	go func() {
		for range sizes {
			e.fit()
		}
	}()
	e.given = false
	e.terminal.SetPrompt(prompt)
	line, err = e.terminal.ReadLine()
	if e.given {
		return "", errInterrupted
	}
	return line, err
}

// fit follows the size of the terminal.
func (e *editor) fit() {
	width, height, err := term.GetSize(int(e.in.Fd()))
	if err == nil && width > 0 && height > 0 {
		_ = e.terminal.SetSize(width, height) // it is only redrawn otherwise
	}
}

// maxHistory is how many lines are remembered.
const maxHistory = 1000

// history are the lines that were typed, the last first.
type history struct{ lines []string }

// Add remembers a line, but for nothing and for what was just said.
func (h *history) Add(line string) {
	if line == "" || len(h.lines) > 0 && h.lines[len(h.lines)-1] == line {
		return
	}
	h.lines = append(h.lines, line)
	h.lines = h.lines[max(0, len(h.lines)-maxHistory):]
}

// Len is how many there are.
func (h *history) Len() int { return len(h.lines) }

// At is the line that was typed so many before the last.
func (h *history) At(i int) string { return h.lines[len(h.lines)-1-i] }
