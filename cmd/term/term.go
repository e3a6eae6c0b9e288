// Package term says what a stream can do (is it a terminal, how wide is it, may it
// have colour, does it take UTF-8) and shows progress on it.
package term

import (
	"io"
	"os"
	"strconv"
	"strings"

	xterm "golang.org/x/term"
)

// Color says when to colour.
type Color string

// The values of --color.
const (
	Auto   Color = "auto"   // on a terminal, unless the environment is against it
	Always Color = "always" // whatever the stream and the environment
	Never  Color = "never"  // whatever the stream and the environment
)

// Stream is what is known of an output. Width is in columns and at least 20.
type Stream struct {
	TTY   bool
	Width int
	Color bool
	UTF8  bool
}

// Probe finds out what w can do. Environment variables are looked up by getenv.
func Probe(w io.Writer, getenv func(string) string, color Color) Stream {
	fd, isFile := descriptor(w)
	tty := isFile && xterm.IsTerminal(fd)
	s := Stream{TTY: tty, UTF8: utf8Locale(getenv), Width: 80}
	s.Color = wantsColor(tty, getenv, color)
	if tty {
		if n, _, err := xterm.GetSize(fd); err == nil && n > 0 {
			s.Width = n
		}
	}
	if n, err := strconv.Atoi(getenv("COLUMNS")); err == nil && n > 0 {
		s.Width = n
	}
	s.Width = min(max(s.Width, 20), 10_000)
	return s
}

// IsTerminal reports whether a reader or writer is a terminal.
func IsTerminal(stream any) bool {
	fd, ok := descriptor(stream)
	return ok && xterm.IsTerminal(fd)
}

func descriptor(stream any) (int, bool) {
	f, ok := stream.(*os.File)
	if !ok || f == nil {
		return 0, false
	}
	return int(f.Fd()), true
}

// wantsColor follows no-color.org and bixense.com/clicolors; the flag wins.
func wantsColor(tty bool, getenv func(string) string, color Color) bool {
	switch {
	case color == Always:
		return true
	case color == Never, getenv("NO_COLOR") != "":
		return false
	case getenv("CLICOLOR_FORCE") != "" && getenv("CLICOLOR_FORCE") != "0":
		return true
	case getenv("CLICOLOR") == "0", getenv("TERM") == "dumb":
		return false
	}
	return tty
}

// utf8Locale takes the variables in the order of locale(7). With none set (as in
// most containers) UTF-8 is what today's terminals and files hold.
func utf8Locale(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(getenv(name)); v != "" {
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return true
}
