package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/shell/systemd"
)

// How long systemd may take to answer: with a limit there is no shell without it, while
// figures are not worth waiting for.
const (
	waitForLimits  = 10 * time.Second
	waitForFigures = 500 * time.Millisecond
)

// New makes a group. Its limits hold when it is sealed. Controllers that nothing is
// limited by are taken where they are there, for Stats. If this process's own group of
// version 2 is not its own to divide, systemd is asked for one, and this process is in
// that afterwards. Errors are *UnavailableError, or of the system.
//
// The group must be removed; if this process is killed, its keeper does that, and if that
// is killed too, the next New, or systemd.
func New(l Limits) (*Group, error) {
	if err := holdable(); err != nil {
		return nil, err
	}
	all, err := hierarchies()
	if err != nil {
		return nil, err
	}
	var asked error
	if managed(all) {
		if asked = scope(l); asked == nil {
			if all, err = hierarchies(); err != nil {
				return nil, err
			}
		}
	}
	g, err := newIn(all, l)
	if e, ok := errors.AsType[*UnavailableError](err); ok && asked != nil {
		e.Cause += "; " + asked.Error()
		if u, ok := errors.AsType[*systemd.UnreachableError](asked); ok {
			e.Remedy = u.Remedy
		}
	}
	return g, err
}

// holdable reports whether the command can be held until it is in its group: see
// ptrace(2) on the Yama security module.
func holdable() error {
	data, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	scope := strings.TrimSpace(string(data))
	if err != nil || scope < "2" {
		return nil //nolint:nilerr // without Yama there is no such rule
	}
	return &UnavailableError{
		What:   "groups",
		Cause:  "kernel.yama.ptrace_scope is " + scope + ", so that no command can be stopped until it is in its control group",
		Remedy: "as root: sysctl kernel.yama.ptrace_scope=1",
	}
}

// managed reports whether this process's group of version 2 is one that systemd keeps
// for itself, or one that others are in.
func managed(all []*hierarchy) bool {
	for _, h := range all {
		if h.unified && len(h.controllers) > 0 {
			return systemd.Running() && !(delegated(h.dir()) && alone(h.dir()))
		}
	}
	return false
}

// delegated reports whether systemd has given a group away: its documentation names
// these attributes.
func delegated(dir string) bool {
	one := make([]byte, 1)
	for _, name := range []string{"user.delegate", "trusted.delegate"} {
		if n, err := unix.Getxattr(dir, name, one); err == nil && n == 1 && one[0] == '1' {
			return true
		}
	}
	return false
}

// scope has systemd move this process into a group of its own.
func scope(l Limits) (err error) {
	limit := waitForFigures
	if l != (Limits{}) {
		limit = waitForLimits
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	m, err := systemd.Connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	name, err := groupName()
	if err != nil {
		return err
	}
	return m.Scope(ctx, fmt.Sprintf("%s.scope", name), "layers shell")
}
