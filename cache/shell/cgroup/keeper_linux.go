package cgroup

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// KeeperRole is the first argument by which this program knows that it is a group's
// keeper, and is to call Keep with the others.
const KeeperRole = "keeper, of control groups"

// keeper is a process that removes groups when this one ends, however it ends.
type keeper struct {
	process *exec.Cmd
	alive   *os.File // we are, as long as it is open
}

func keep(dirs []string) (*keeper, error) {
	theirs, alive, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c := exec.Command("/proc/self/exe")
	c.Args = append([]string{os.Args[0], KeeperRole}, dirs...)
	c.ExtraFiles = []*os.File{theirs}
	c.Dir = "/"
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := errors.Join(c.Start(), theirs.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("the keeper of a control group: %w", err), alive.Close())
	}
	return &keeper{process: c, alive: alive}, nil
}

// end lets the keeper go, which finds nothing left to do.
func (k *keeper) end() error {
	return errors.Join(k.alive.Close(), k.process.Wait())
}

// Keep is the keeper's life: it waits for its maker's end, and removes what he left.
func Keep(dirs []string) error {
	alive := os.NewFile(3, "maker")
	if _, err := io.Copy(io.Discard, alive); err != nil {
		return err
	}
	var all error
	for _, d := range dirs {
		all = errors.Join(all, remove(d))
		goHome(path.Dir(d))
	}
	return all
}

// groupName says who made a group: a process by its number and when it began, and the
// process namespace that the number is of.
func groupName() (string, error) {
	ns, err := pidNamespace()
	if err != nil {
		return "", err
	}
	begun, err := startTime(os.Getpid())
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("layers-%s-%d-%s-%d", ns, os.Getpid(), begun, made.Add(1)), nil
}

// pidNamespace is the number of this process's.
func pidNamespace() (string, error) {
	name, err := os.Readlink("/proc/self/ns/pid")
	return strings.TrimSuffix(strings.TrimPrefix(name, "pid:["), "]"), err
}

// made counts this process's groups.
var made atomic.Int64

// startTime is when a process began, in the kernel's ticks: proc_pid_stat(5), field 22.
func startTime(pid int) (string, error) {
	data, err := os.ReadFile(path.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", err
	}
	after := string(data)[strings.LastIndex(string(data), ")")+1:]
	fields := strings.Fields(after)
	if len(fields) < 20 {
		return "", fmt.Errorf("/proc/%d/stat: %q", pid, data)
	}
	return fields[19], nil
}

// sweep removes groups whose makers are gone, with their keepers. Those of other process
// namespaces are left alone: nothing is known of them here.
func sweep(parent string) {
	ns, err := pidNamespace()
	if err != nil {
		return
	}
	dirs, err := filepath.Glob(path.Join(parent, "layers-"+ns+"-*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		parts := strings.Split(path.Base(dir), "-")
		if len(parts) != 5 {
			continue
		}
		pid, err := strconv.Atoi(parts[2])
		if err != nil {
			continue
		}
		if begun, err := startTime(pid); err != nil || begun != parts[3] {
			_ = remove(dir) // another may be doing the same
		}
	}
}
