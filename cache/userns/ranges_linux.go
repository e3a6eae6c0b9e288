package userns

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
)

// Span is a run of subordinate ids.
type Span struct{ First, Count uint32 }

// String is the first and the last.
func (s Span) String() string { return fmt.Sprintf("%d-%d", s.First, s.First+s.Count-1) }

// source is where subordinate ids of one kind are told.
type source struct {
	file string   // subuid(5)
	ask  []string // the program that asks where they come from otherwise
	flag string   // of usermod(8)
	tool string   // that maps them
}

var (
	users  = source{file: "/etc/subuid", ask: []string{"getsubids"}, flag: "--add-subuids", tool: "newuidmap"}
	groups = source{file: "/etc/subgid", ask: []string{"getsubids", "-g"}, flag: "--add-subgids", tool: "newgidmap"}
)

// Subordinate are the user ids and the group ids that this user may map beside his own.
func Subordinate() (uids, gids []Span, err error) {
	names, err := ownNames()
	if err != nil {
		return nil, nil, err
	}
	if uids, err = users.spans(names); err != nil {
		return nil, nil, err
	}
	gids, err = groups.spans(names)
	return uids, gids, err
}

// ownNames are what this user is called: by name, by each that /etc/passwd has for the
// same id, and by number. The first is the user's name.
func ownNames() ([]string, error) {
	uid := strconv.Itoa(os.Getuid())
	var names []string
	if me, err := user.Current(); err == nil && me.Username != "" {
		names = append(names, me.Username)
	}
	f, err := os.Open("/etc/passwd")
	if errors.Is(err, fs.ErrNotExist) {
		return append(names, uid), nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) > 2 && fields[2] == uid && !slices.Contains(names, fields[0]) {
			names = append(names, fields[0])
		}
	}
	return append(names, uid), nil
}

// spans are those of a user. As newuidmap(1) does, it believes the file alone, or the
// service that nsswitch.conf names in its place.
func (s source) spans(names []string) ([]Span, error) {
	if service() {
		if path, err := exec.LookPath(s.ask[0]); err == nil {
			return asked(path, append(s.ask[1:], names[0]))
		}
	}
	f, err := os.Open(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseSpans(f, names)
}

// parseSpans reads subuid(5). A line that makes no sense is nobody's.
func parseSpans(file io.Reader, names []string) (all []Span, err error) {
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Split(strings.TrimSpace(lines.Text()), ":")
		if len(fields) != 3 || !slices.Contains(names, fields[0]) {
			continue
		}
		if span, ok := parseSpan(fields[1], fields[2]); ok {
			all = append(all, span)
		}
	}
	return all, lines.Err()
}

// lastID is the highest that a file can belong to: -1 is none.
const lastID = 1<<32 - 2

func parseSpan(first, count string) (Span, bool) {
	from, err1 := strconv.ParseUint(first, 10, 32)
	n, err2 := strconv.ParseUint(count, 10, 32)
	if err1 != nil || err2 != nil || from > lastID || n == 0 {
		return Span{}, false
	}
	return Span{First: uint32(from), Count: uint32(min(n, lastID-from+1))}, true
}

// service reports whether subordinate ids come from elsewhere than the files.
func service() bool {
	f, err := os.Open("/etc/nsswitch.conf")
	if err != nil {
		return false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 1 && fields[0] == "subid:" {
			return fields[1] != "files"
		}
	}
	return false
}

// asked reads what getsubids(1) prints: "0: ann 100000 65536". It fails for a user who
// has none.
func asked(path string, args []string) (all []Span, err error) {
	out, err := exec.Command(path, args...).Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) == 4 {
			if span, ok := parseSpan(f[2], f[3]); ok {
				all = append(all, span)
			}
		}
	}
	return all, nil
}
