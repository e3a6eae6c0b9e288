//go:build linux

package tools

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var ps = Tool{
	Name: "ps", Usage: "[aux | -ef]",
	About: "the processes: number, parent, user, state, CPU time and command; whatever flags there are, all are shown",
	run:   runPs,
}

// ticks are the kernel's units of CPU time in /proc, a second's worth: the same on all
// machines that Go knows.
const ticks = 100

// process is a row of ps.
type process struct {
	pid, parent          int
	user, state, command string
	used                 time.Duration
}

func runPs(c *call) error {
	for _, arg := range c.Args {
		if strings.Trim(arg, "-aAeflruxw") != "" {
			return misused("no option %s", quoted(arg))
		}
	}
	dir, err := os.Open("/proc")
	if err != nil {
		return err
	}
	defer dir.Close()
	var all []process
	err = c.eachName(dir, func(name string) error {
		pid, err := strconv.Atoi(name)
		if err != nil {
			return nil
		}
		p, err := c.process(pid)
		if err == nil {
			all = append(all, p)
		} else if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ESRCH) { // it has ended
			c.fail(name, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b process) int { return a.pid - b.pid })
	fmt.Fprintln(c.out, "    PID    PPID USER     S     TIME COMMAND")
	for _, p := range all {
		seconds := int(p.used.Seconds())
		used := fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
		fmt.Fprintf(c.out, "%7d %7d %-8s %s %8s %s\n", p.pid, p.parent, p.user, p.state, used, p.command)
	}
	return nil
}

func (c *call) process(pid int) (p process, err error) {
	dir := "/proc/" + strconv.Itoa(pid)
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return p, err
	}
	text, err := beginning(dir + "/stat")
	if err != nil {
		return p, err
	}
	if p, err = parseProcess(text); err != nil {
		return p, err
	}
	p.user = owner(c.user(st.Uid), st.Uid)
	line, err := beginning(dir + "/cmdline")
	if err != nil {
		return p, err
	}
	if len(line) > 0 {
		p.command = oneLine(strings.TrimRight(string(line), "\x00"))
	}
	return p, nil
}

// parseProcess reads what proc_pid_stat(5) describes; a name may have anything in it.
func parseProcess(text []byte) (p process, err error) {
	bad := errors.New("what /proc says of it is not understood")
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return p, bad
	}
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) < 13 {
		return p, bad
	}
	numbers := [4]int{}
	for i, field := range []string{strings.TrimSpace(string(text[:open])), fields[1], fields[11], fields[12]} {
		if numbers[i], err = strconv.Atoi(field); err != nil {
			return p, bad
		}
	}
	p = process{pid: numbers[0], parent: numbers[1], state: fields[0]}
	p.command = "[" + oneLine(string(text[open+1:end])) + "]"
	p.used = time.Duration(numbers[2]+numbers[3]) * time.Second / ticks
	return p, nil
}

// oneLine shows words with what is between them as spaces, and nothing that would
// reach a terminal.
func oneLine(text string) string {
	var b strings.Builder
	for _, word := range strings.Split(text, "\x00") {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		for len(word) > 0 {
			n := 1
			for n < len(word) && word[n] >= 0x80 && word[n] < 0xc0 {
				n++
			}
			if isPlainIn(word[:n], "") {
				b.WriteString(word[:n])
			} else {
				b.WriteString(strings.ReplaceAll(strconv.QuoteToASCII(word[:n]), `"`, ""))
			}
			word = word[n:]
		}
	}
	return b.String()
}

// maxCommand is how much of a command line is shown.
const maxCommand = 4096

func beginning(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxCommand))
}
