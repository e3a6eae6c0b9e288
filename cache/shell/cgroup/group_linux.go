package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Group holds the processes of one shell, in one directory or in one for each
// controller.
type Group struct {
	dirs   []*directory
	born   *os.File // of version 2: processes are started in it
	keeper *keeper
}

// directory is a group in one hierarchy.
type directory struct {
	path        string
	unified     bool
	controllers []string
}

// controllers that a group is of, and what they limit.
var controllers = []string{"memory", "cpu", "pids", "cpuacct"}

// New makes a group with limits. Controllers that nothing is limited by are taken where
// they are there, for Stats. The group must be removed; if this process is killed, its
// keeper does that, and if that is killed too, the next New.
func New(l Limits) (g *Group, err error) {
	all, err := hierarchies()
	if err != nil {
		return nil, err
	}
	g = &Group{}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.Remove())
			g = nil
		}
	}()
	name, err := groupName()
	if err != nil {
		return g, err
	}
	for _, c := range controllers {
		needed := limited(c, l)
		h := with(all, c)
		if h == nil && needed {
			return g, missing(c, all)
		}
		if h == nil {
			continue
		}
		if err := g.join(h, name, c); err != nil && needed {
			return g, refused(c, h, err)
		}
	}
	if g.keeper, err = keep(g.paths()); err != nil {
		return g, err
	}
	return g, g.limit(l)
}

func limited(controller string, l Limits) bool {
	switch controller {
	case "memory":
		return l.Memory > 0
	case "cpu":
		return l.CPUs > 0
	case "pids":
		return l.Pids > 0
	}
	return false
}

// join makes the group's directory in a hierarchy, if it is not there yet.
func (g *Group) join(h *hierarchy, name, controller string) error {
	parent := h.dir()
	sweep(parent)
	if h.unified {
		if err := enable(parent, controller); err != nil {
			return err
		}
	}
	at := path.Join(parent, name)
	if i := slices.IndexFunc(g.dirs, func(d *directory) bool { return d.path == at }); i >= 0 {
		g.dirs[i].controllers = append(g.dirs[i].controllers, controller)
		return nil
	}
	if err := os.Mkdir(at, 0o755); err != nil {
		return err
	}
	g.dirs = append(g.dirs, &directory{path: at, unified: h.unified, controllers: []string{controller}})
	if !h.unified {
		return nil
	}
	var err error
	g.born, err = os.Open(at)
	return err
}

// enable lets groups below a group have a controller. The kernel refuses that while the
// group has processes of its own; if only this one is in it, it makes way.
func enable(parent, controller string) error {
	err := write(parent, "cgroup.subtree_control", "+"+controller)
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	leaf := path.Join(parent, "layers-self")
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := write(leaf, "cgroup.procs", strconv.Itoa(os.Getpid())); err != nil {
		return err
	}
	return write(parent, "cgroup.subtree_control", "+"+controller)
}

func (g *Group) paths() (all []string) {
	for _, d := range g.dirs {
		all = append(all, d.path)
	}
	return all
}

func (g *Group) of(controller string) *directory {
	for _, d := range g.dirs {
		if slices.Contains(d.controllers, controller) {
			return d
		}
	}
	return nil
}

// cpuPeriod is over what time the processors' share is counted.
const cpuPeriod = 100 * time.Millisecond

func (g *Group) limit(l Limits) error {
	if l.Memory > 0 {
		if err := g.of("memory").limitMemory(l.Memory); err != nil {
			return &UnavailableError{What: "memory", Cause: err.Error(), Err: err}
		}
	}
	if l.CPUs > 0 {
		if err := g.of("cpu").limitCPU(l.CPUs); err != nil {
			return &UnavailableError{What: "cpu", Cause: err.Error(), Err: err}
		}
	}
	if l.Pids > 0 {
		if err := write(g.of("pids").path, "pids.max", strconv.FormatInt(l.Pids, 10)); err != nil {
			return &UnavailableError{What: "pids", Cause: err.Error(), Err: err}
		}
	}
	return nil
}

func (d *directory) limitMemory(bytes int64) error {
	value := strconv.FormatInt(bytes, 10)
	if d.unified {
		return errors.Join(write(d.path, "memory.max", value), optional(write(d.path, "memory.swap.max", "0")))
	}
	return errors.Join(
		write(d.path, "memory.limit_in_bytes", value),
		optional(write(d.path, "memory.memsw.limit_in_bytes", value)),
	)
}

func (d *directory) limitCPU(cpus float64) error {
	period := cpuPeriod.Microseconds()
	quota := int64(cpus * float64(period))
	if d.unified {
		return write(d.path, "cpu.max", fmt.Sprintf("%d %d", quota, period))
	}
	return errors.Join(
		write(d.path, "cpu.cfs_period_us", strconv.FormatInt(period, 10)),
		write(d.path, "cpu.cfs_quota_us", strconv.FormatInt(quota, 10)),
	)
}

// optional is the error of a file that not every kernel has.
func optional(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

func write(dir, file, value string) error {
	f, err := os.OpenFile(path.Join(dir, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// Enter has a process be born in the group, as far as that can be had; Add does the rest.
func (g *Group) Enter(attr *syscall.SysProcAttr) {
	if g.born != nil {
		attr.UseCgroupFD, attr.CgroupFD = true, int(g.born.Fd())
	}
}

// Add moves a process into the group, before it starts others.
func (g *Group) Add(pid int) error {
	for _, d := range g.dirs {
		if d.unified {
			continue
		}
		if err := write(d.path, "cgroup.procs", strconv.Itoa(pid)); err != nil {
			return fmt.Errorf("moving the shell into its control group: %w", err)
		}
	}
	return nil
}

// Remove kills what is left in the group, and removes it.
func (g *Group) Remove() error {
	var err error
	if g.born != nil {
		err = g.born.Close()
	}
	for _, d := range g.dirs {
		err = errors.Join(err, remove(d.path))
	}
	if g.keeper != nil {
		err = errors.Join(err, g.keeper.end())
	}
	return err
}

// removal is how long processes that were killed may take to be gone.
const removal = 10 * time.Second

// remove kills and removes one directory. One that is gone is no error.
func remove(dir string) error {
	for wait, begun := time.Millisecond, time.Now(); ; wait = min(2*wait, 100*time.Millisecond) {
		err := os.Remove(dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) || time.Since(begun) > removal {
			return fmt.Errorf("removing a control group: %w", err)
		}
		killAll(dir)
		time.Sleep(wait)
	}
}

func killAll(dir string) {
	if write(dir, "cgroup.kill", "1") == nil {
		return
	}
	data, err := os.ReadFile(path.Join(dir, "cgroup.procs"))
	if err != nil {
		return // it is gone
	}
	for pid := range strings.FieldsSeq(string(data)) {
		if n, err := strconv.Atoi(pid); err == nil && n > 0 {
			_ = unix.Kill(n, unix.SIGKILL) // it may have ended
		}
	}
}
