package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// selfLeaf is where this process, and its keeper, make way for groups beside them.
const selfLeaf = "layers-self"

// enable lets groups below a group have a controller, which is of no use while the group
// has processes of its own: the kernel refuses some controllers then, and processes in
// the groups below with others. If only this process is in it, it makes way.
func enable(parent, controller string) error {
	if _, err := os.Stat(path.Join(parent, "cgroup.type")); err == nil { // but for the root of all
		if !alone(parent) {
			return unix.EBUSY
		}
		if err := makeWay(parent); err != nil {
			return err
		}
	}
	return write(parent, "cgroup.subtree_control", "+"+controller)
}

// makeWay moves this process out of a group, if it is in it.
func makeWay(parent string) error {
	if data, err := os.ReadFile(path.Join(parent, "cgroup.procs")); err != nil || len(data) == 0 {
		return err
	}
	leaf := path.Join(parent, selfLeaf)
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return write(leaf, "cgroup.procs", strconv.Itoa(os.Getpid()))
}

// alone reports whether nobody but this process is in a group.
func alone(dir string) bool {
	data, err := os.ReadFile(path.Join(dir, "cgroup.procs"))
	pids := strings.TrimSpace(string(data))
	return err == nil && (pids == "" || pids == strconv.Itoa(os.Getpid()))
}

// goHome undoes makeWay, when the last group is gone. The last of
// those who come home finds nobody left, and removes the place.
func goHome(parent string) {
	leaf := path.Join(parent, selfLeaf)
	left, err := filepath.Glob(path.Join(parent, "layers-*"))
	if err != nil || len(left) != 1 || left[0] != leaf {
		return
	}
	for _, c := range controllers {
		_ = write(parent, "cgroup.subtree_control", "-"+c) // it may not have this one
	}
	_ = write(parent, "cgroup.procs", strconv.Itoa(os.Getpid())) // not ours, then
	_ = os.Remove(leaf)                                          // others may be there
}
