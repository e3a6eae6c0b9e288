//go:build linux

package mount

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// BusyError says that a mount is still used.
type BusyError struct {
	Dir   string
	Users []Process // those that could be found
}

// Process is one that uses a mount: by a file that it has open, its working directory
// or its root.
type Process struct {
	PID  int
	Name string
}

// Error names the processes.
func (e *BusyError) Error() string {
	s := fmt.Sprintf("umount %s: it is in use", e.Dir)
	for i, p := range e.Users {
		by := ", "
		if i == 0 {
			by = " by "
		}
		s += fmt.Sprintf("%sprocess %d (%s)", by, p.PID, p.Name)
	}
	return s
}

// Unwrap returns EBUSY.
func (e *BusyError) Unwrap() error { return unix.EBUSY }

// users looks for the processes that keep a mount from being unmounted.
func users(dir string) (found []Process) {
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, name := range []string{"cwd", "root", "exe"} {
		more, _ := filepath.Glob("/proc/[0-9]*/" + name)
		links = append(links, more...)
	}
	seen := map[int]bool{}
	for _, link := range links {
		to, err := os.Readlink(link)
		if err != nil || to != dir && !strings.HasPrefix(to, dir+"/") {
			continue
		}
		id, _, _ := strings.Cut(strings.TrimPrefix(link, "/proc/"), "/")
		pid, err := strconv.Atoi(id)
		if err != nil || seen[pid] {
			continue
		}
		seen[pid] = true
		name, _ := os.ReadFile("/proc/" + id + "/comm") // it may have ended
		found = append(found, Process{PID: pid, Name: strings.TrimSpace(string(name))})
	}
	slices.SortFunc(found, func(a, b Process) int { return a.PID - b.PID })
	return found
}
