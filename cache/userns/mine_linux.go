package userns

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// UnavailableError says why this user has no ids but his own.
type UnavailableError struct {
	Text   string
	Remedy string // a command, mostly
	// Meant says that he was meant to have some: he has ranges of them.
	Meant bool
}

// Error says what is missing, or what went wrong.
func (e *UnavailableError) Error() string { return e.Text }

// maxRanges is how many the kernel takes in one map.
const maxRanges = 340

// Mine is the map with all ids that this user may have: he is root, and his subordinate
// ids are 1 and on. The error is an *UnavailableError if he has none, or no programs
// that map them.
func Mine() (Map, error) {
	uids, gids, err := Subordinate()
	if err != nil {
		return Map{}, err
	}
	if len(uids) == 0 || len(gids) == 0 {
		return Map{}, noRanges(len(uids)+len(gids) > 0, len(uids) == 0, len(gids) == 0)
	}
	for _, s := range []source{users, groups} {
		if err := s.installed(); err != nil {
			return Map{}, err
		}
	}
	return Map{UIDs: assemble(uint32(os.Geteuid()), uids), GIDs: assemble(uint32(os.Getegid()), gids)}, nil
}

func noRanges(meant, noUIDs, noGIDs bool) error {
	names, err := ownNames()
	if err != nil {
		return err
	}
	where, command := []string{}, "as root: usermod"
	span := freeSpan()
	for _, m := range []struct {
		missing bool
		source
	}{{noUIDs, users}, {noGIDs, groups}} {
		if m.missing {
			where = append(where, m.file)
			command += fmt.Sprintf(" %s %v", m.flag, span)
		}
	}
	return &UnavailableError{
		Text:   fmt.Sprintf("%s has no subordinate ids in %s", names[0], strings.Join(where, " and ")),
		Remedy: command + " " + names[0], Meant: meant,
	}
}

// freeSpan is one that nobody has yet.
func freeSpan() Span {
	const size = 65536
	first := uint32(100000)
	for _, s := range []source{users, groups} {
		f, err := os.Open(s.file)
		if err != nil {
			continue // it has no ids then that could be somebody's
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			fields := strings.Split(strings.TrimSpace(lines.Text()), ":")
			if len(fields) != 3 {
				continue
			}
			if span, ok := parseSpan(fields[1], fields[2]); ok && span.First+span.Count > first && span.First < lastID-2*size {
				first = span.First + span.Count
			}
		}
		_ = f.Close() // it was only read
	}
	return Span{First: first, Count: size}
}

// assemble puts ids one behind the other. Those that an earlier range has, too, are left
// out: the kernel takes none twice.
func assemble(own uint32, spans []Span) []Range {
	all := []Range{{Inside: 0, Outside: own, Count: 1}}
	next := uint32(1)
	for _, s := range spans {
		if len(all) == maxRanges || taken(all, s) {
			continue
		}
		count := min(s.Count, lastID-next+1)
		if count == 0 {
			break
		}
		all = append(all, Range{Inside: next, Outside: s.First, Count: count})
		next += count
	}
	return all
}

func taken(all []Range, s Span) bool {
	for _, r := range all {
		if uint64(s.First) < uint64(r.Outside)+uint64(r.Count) && uint64(r.Outside) < uint64(s.First)+uint64(s.Count) {
			return true
		}
	}
	return false
}

const installHint = "Debian: apt install uidmap; Fedora: dnf install shadow-utils"

// installed says what is wrong with the program that maps ids, if anything is.
func (s source) installed() error {
	path, err := s.path()
	if err != nil {
		return &UnavailableError{Text: s.tool + " is not installed", Remedy: installHint, Meant: true}
	}
	if !privileged(path) {
		return &UnavailableError{
			Text:   path + " is neither setuid root nor has it the capability to map ids",
			Remedy: "as root: chmod u+s " + path, Meant: true,
		}
	}
	return nil
}

// path is where the program is. Who has a short PATH may have it all the same.
func (s source) path() (string, error) {
	path, err := exec.LookPath(s.tool)
	if err == nil {
		return filepath.Abs(path)
	}
	for _, dir := range []string{"/usr/bin", "/bin", "/usr/sbin", "/run/wrappers/bin"} {
		if path, err := exec.LookPath(filepath.Join(dir, s.tool)); err == nil {
			return path, nil
		}
	}
	return "", err
}

// privileged reports whether a program is given rights when it is run.
func privileged(path string) bool {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return false
	}
	if st.Mode&unix.S_ISUID != 0 && st.Uid == 0 {
		return true
	}
	n, err := unix.Getxattr(path, "security.capability", nil)
	return err == nil && n > 0
}

// Tools are the programs that map ids, and where they are; with the error, of kind
// *UnavailableError, what is wrong with one of them.
func Tools() (paths []string, err error) {
	for _, s := range []source{users, groups} {
		if e := s.installed(); e != nil {
			err = errors.Join(err, e)
			continue
		}
		path, e := s.path()
		err = errors.Join(err, e)
		paths = append(paths, path)
	}
	return paths, err
}

// noNewPrivileges reports whether this process, and what it starts, can gain none, by a
// setuid program either.
func noNewPrivileges() bool {
	data, err := os.ReadFile("/proc/self/status")
	return err == nil && strings.Contains(string(data), "\nNoNewPrivs:\t1\n")
}
