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

// Group holds the command of one shell, and what that starts, in one directory or in
// one for each controller. Nothing else is ever counted in it.
//
// The shell's init is born in the group, as far as Enter can have it, makes its cgroup
// namespace there, so that the group is what is seen as the root from within, and waits
// for Seal. From then on the group is the command's alone.
type Group struct {
	dirs   []*directory
	limits Limits
	born   *os.File // of version 2: the init is started in it
	keeper *keeper
}

// directory is a group in one hierarchy.
type directory struct {
	path        string // where the limits are
	whole       string // what is made and removed: of version 2 the directory above it
	unified     bool
	controllers []string
}

// controllers that a group is of, and what they limit.
var controllers = []string{"memory", "cpu", "pids", "cpuacct"}

// The groups in a group of version 2.
const (
	commandLeaf = "command"
	initLeaf    = "init"
)

// newIn makes a group in this process's own groups.
func newIn(all []*hierarchy, l Limits) (g *Group, err error) {
	g = &Group{limits: l}
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
		if err := g.plan(h, name, c); err != nil && needed {
			return g, refused(c, h, err)
		}
	}
	return g, g.make()
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

// plan has a controller in the group, in a directory that is not made yet.
func (g *Group) plan(h *hierarchy, name, controller string) error {
	parent := h.dir()
	sweep(parent)
	if err := unix.Access(parent, unix.W_OK); err != nil {
		return err
	}
	if h.unified {
		if err := enable(parent, controller); err != nil {
			return err
		}
	}
	whole := path.Join(parent, name)
	if i := slices.IndexFunc(g.dirs, func(d *directory) bool { return d.whole == whole }); i >= 0 {
		g.dirs[i].controllers = append(g.dirs[i].controllers, controller)
		return nil
	}
	d := &directory{path: whole, whole: whole, unified: h.unified, controllers: []string{controller}}
	if h.unified {
		d.path = path.Join(whole, commandLeaf)
	}
	g.dirs = append(g.dirs, d)
	return nil
}

// make makes the directories, once there is a keeper to remove them: at no moment are
// there any that a kill of this process would leave.
func (g *Group) make() (err error) {
	if len(g.dirs) == 0 {
		return nil
	}
	if g.keeper, err = keep(g.wholes()); err != nil {
		return err
	}
	for _, d := range g.dirs {
		if err := g.makeOne(d); err != nil {
			return &UnavailableError{What: d.controllers[0], Cause: err.Error(), Err: err}
		}
	}
	return nil
}

func (g *Group) makeOne(d *directory) (err error) {
	if err := os.Mkdir(d.whole, 0o755); err != nil || !d.unified {
		return err
	}
	if err := errors.Join(os.Mkdir(d.path, 0o755), os.Mkdir(path.Join(d.whole, initLeaf), 0o755)); err != nil {
		return err
	}
	g.born, err = os.Open(d.path)
	return err
}

func (g *Group) wholes() (all []string) {
	for _, d := range g.dirs {
		all = append(all, d.whole)
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

func (g *Group) limit() error {
	l := g.limits
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

// Enter has the init be born in the group.
func (g *Group) Enter(attr *syscall.SysProcAttr) {
	if g.born != nil {
		attr.UseCgroupFD, attr.CgroupFD = true, int(g.born.Fd())
	}
}

// Seal has the init leave, once it has its cgroup namespace, and lets the limits hold.
func (g *Group) Seal(init int) error {
	for _, d := range g.dirs {
		if !d.unified {
			continue
		}
		if err := write(path.Join(d.whole, initLeaf), "cgroup.procs", strconv.Itoa(init)); err != nil {
			return fmt.Errorf("the control group of the shell's init: %w", err)
		}
		for _, c := range d.controllers {
			if err := write(d.whole, "cgroup.subtree_control", "+"+c); err != nil {
				return &UnavailableError{What: c, Cause: err.Error(), Err: err}
			}
		}
	}
	return g.limit()
}

// Doors opens the files that a process joins the group by: who writes its number in each
// of them moves it there, with the rights of this process. The caller closes them.
func (g *Group) Doors() (all []*os.File, err error) {
	for _, d := range g.dirs {
		f, err := os.OpenFile(path.Join(d.path, "cgroup.procs"), os.O_WRONLY, 0)
		if err != nil {
			return all, fmt.Errorf("a control group: %w", err)
		}
		all = append(all, f)
	}
	return all, nil
}

// Remove kills what is left in the group, and removes it.
func (g *Group) Remove() error {
	var err error
	if g.born != nil {
		err = g.born.Close()
	}
	for _, d := range g.dirs {
		err = errors.Join(err, remove(d.whole))
		goHome(path.Dir(d.whole))
	}
	if g.keeper != nil {
		err = errors.Join(err, g.keeper.end())
	}
	return err
}

// removal is how long processes that were killed may take to be gone.
const removal = 10 * time.Second

// remove kills and removes a group with those in it. One that is gone is no error.
func remove(dir string) error {
	for wait, begun := time.Millisecond, time.Now(); ; wait = min(2*wait, 100*time.Millisecond) {
		for _, leaf := range []string{commandLeaf, initLeaf} {
			_ = os.Remove(path.Join(dir, leaf)) // what is left of them is found now
		}
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

// killAll kills what is in a group, and in the groups in it.
func killAll(dir string) {
	if write(dir, "cgroup.kill", "1") == nil {
		return
	}
	for _, at := range []string{dir, path.Join(dir, commandLeaf), path.Join(dir, initLeaf)} {
		data, err := os.ReadFile(path.Join(at, "cgroup.procs"))
		if err != nil {
			continue // there is none
		}
		for pid := range strings.FieldsSeq(string(data)) {
			if n, err := strconv.Atoi(pid); err == nil && n > 0 {
				_ = unix.Kill(n, unix.SIGKILL) // it may have ended
			}
		}
	}
}
