package cgroup

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/shell/systemd"
)

// missing says why no hierarchy has a controller.
func missing(controller string, all []*hierarchy) error {
	e := &UnavailableError{What: controller}
	switch {
	case len(all) == 0:
		e.Cause = "no control groups are mounted"
		e.Remedy = "as root: mount -t cgroup2 none /sys/fs/cgroup"
	case os.Geteuid() != 0 && systemd.Running():
		e.Cause = "systemd does not delegate the controller " + controller + " to this user"
		e.Remedy = systemd.Delegation
	case os.Geteuid() != 0:
		e.Cause = "the controller " + controller + " is not delegated to this user"
		e.Remedy = "as root: write +" + controller + " in the cgroup.subtree_control of the groups above, and give the user a group of his own"
	default:
		e.Cause = "the kernel, or who made this container, does not give the controller " + controller
		e.Remedy = "see /sys/fs/cgroup/cgroup.controllers; kernels can switch it off: cgroup_disable="
	}
	return e
}

// refused says why a group could not be made.
func refused(controller string, h *hierarchy, err error) error {
	e := &UnavailableError{What: controller, Cause: err.Error(), Err: err}
	switch {
	case errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 && !h.unified:
		e.Cause = h.dir() + " is of version 1, which is not delegated to users"
		e.Remedy = "run layers as root (sudo), or boot with systemd.unified_cgroup_hierarchy=1"
	case errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0:
		e.Cause = h.dir() + " belongs to another user"
		e.Remedy = "as root: give the user a group of his own, with its cgroup.procs and cgroup.subtree_control, and start layers in it"
	case errors.Is(err, unix.EROFS):
		e.Cause = h.mount + " is read-only, as in a container"
		e.Remedy = "set the limit on the container, or give it its own control groups to write in"
	case errors.Is(err, unix.EBUSY):
		e.Cause = h.dir() + " has processes of its own, beside which it can have no groups"
		e.Remedy = "start layers in a group of its own: mkdir one, and write the shell's number in its cgroup.procs before exec layers"
	}
	return e
}
