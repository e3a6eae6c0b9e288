package shell

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Seen is what a command has and is, as the kernel tells it from inside of the shell.
type Seen struct {
	// Namespaces are the kernel's names of those that it is in, by their kinds; the
	// function of that name has those of a process outside, for comparison.
	Namespaces map[string]string
	// Root is the file system of the root directory, and ReadOnly says that it is.
	Root     string
	ReadOnly bool
	// Mounts is how many it sees in all.
	Mounts int
	// Processes is how many it sees, with itself and the init.
	Processes int
	// Interfaces are those of its network.
	Interfaces []string
	// UserMap is its user namespace's map of ids, a line as of user_namespaces(7) each.
	UserMap []string
	// Capabilities are those in effect, and Reachable those that it could still get.
	Capabilities, Reachable []string
	// NoNewPrivileges says that no program can give it more, and Filtered that its
	// system calls are filtered.
	NoNewPrivileges, Filtered bool
}

// namespaceKinds are those of namespaces(7).
var namespaceKinds = []string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"}

// Namespaces are the kernel's names of the namespaces that this process is in, by their
// kinds. A kind that the kernel does not know is not there.
func Namespaces() (map[string]string, error) {
	found := map[string]string{}
	for _, kind := range namespaceKinds {
		name, err := os.Readlink("/proc/self/ns/" + kind)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found[kind] = name
	}
	return found, nil
}

// look sees what a command has that was started, and has not been waited for: it may
// have ended, but the kernel still tells of it.
func look(pid int) (s *Seen, err error) {
	s = &Seen{}
	if s.Namespaces, err = Namespaces(); err != nil {
		return nil, err
	}
	for _, see := range []func() error{
		s.mounts, s.processes, s.network, s.ids,
		func() error { return s.status("/proc/" + strconv.Itoa(pid) + "/status") },
	} {
		if err := see(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// mounts reads proc(5)'s mountinfo. Of several mounts on the root the last one counts.
func (s *Seen) mounts() error {
	return eachLine("/proc/self/mountinfo", func(line string) {
		left, right, _ := strings.Cut(line, " - ")
		before, after := strings.Fields(left), strings.Fields(right)
		s.Mounts++
		if len(before) < 6 || len(after) < 1 || before[4] != "/" {
			return
		}
		s.Root, s.ReadOnly = after[0], strings.HasPrefix(before[5]+",", "ro,")
	})
}

func (s *Seen) processes() error {
	all, err := os.ReadDir("/proc")
	for _, e := range all {
		if _, err := strconv.Atoi(e.Name()); err == nil {
			s.Processes++
		}
	}
	return err
}

func (s *Seen) network() error {
	return eachLine("/proc/self/net/dev", func(line string) {
		if name, _, found := strings.Cut(line, ":"); found {
			s.Interfaces = append(s.Interfaces, strings.TrimSpace(name))
		}
	})
}

func (s *Seen) ids() error {
	return eachLine("/proc/self/uid_map", func(line string) {
		s.UserMap = append(s.UserMap, strings.Join(strings.Fields(line), " "))
	})
}

func (s *Seen) status(file string) error {
	return eachLine(file, func(line string) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch key {
		case "CapEff":
			s.Capabilities = namesOf(value)
		case "CapBnd":
			s.Reachable = namesOf(value)
		case "NoNewPrivs":
			s.NoNewPrivileges = value == "1"
		case "Seccomp":
			s.Filtered = value == strconv.Itoa(unix.SECCOMP_MODE_FILTER)
		}
	})
}

// namesOf are the capabilities of a mask, as proc_pid_status(5) has it. One that has no
// name here has its number.
func namesOf(mask string) (all []string) {
	bits, err := strconv.ParseUint(mask, 16, 64)
	if err != nil {
		return []string{mask}
	}
	for i := range 64 {
		switch {
		case bits>>i&1 == 0:
		case i < len(capabilities):
			all = append(all, capabilities[i])
		default:
			all = append(all, strconv.Itoa(i))
		}
	}
	return all
}

func eachLine(file string, do func(string)) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		do(lines.Text())
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
