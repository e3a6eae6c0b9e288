package cgroup

import (
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits reads back what holds, as the kernel has it.
func (g *Group) Limits() Limits {
	var l Limits
	for _, d := range g.dirs {
		for _, c := range d.controllers {
			l = l.least(d.limit(c))
		}
	}
	return l
}

// limit is what a controller holds the directory to.
func (d *directory) limit(controller string) (l Limits) {
	switch controller {
	case "memory":
		l.Memory = max(0, d.number(d.pick("memory.max", "memory.limit_in_bytes")))
		if l.Memory > 1<<60 { // version 1 has no word for no limit
			l.Memory = 0
		}
	case "cpu":
		l.CPUs = d.cpus()
	case "pids":
		l.Pids = max(0, d.number("pids.max"))
	}
	return l
}

func (d *directory) cpus() float64 {
	quota, period := d.number("cpu.cfs_quota_us"), d.number("cpu.cfs_period_us")
	if d.unified {
		fields := strings.Fields(d.text("cpu.max") + " x x")
		quota, period = number(fields[0]), number(fields[1])
	}
	if quota <= 0 || period <= 0 {
		return 0
	}
	return float64(quota) / float64(period)
}

// Stats reads what the group has used so far.
func (g *Group) Stats() Stats {
	s := Stats{CPU: -1, PeakMemory: -1, PeakPids: -1, OOMKills: -1, PidsRefused: -1}
	if d := g.of("cpuacct"); d != nil {
		s.CPU = time.Duration(d.number("cpuacct.usage"))
	} else if i := slices.IndexFunc(g.dirs, func(d *directory) bool { return d.unified }); i >= 0 {
		s.CPU = time.Duration(g.dirs[i].field("cpu.stat", "usage_usec")) * time.Microsecond
	}
	if d := g.of("memory"); d != nil {
		s.PeakMemory = d.number(d.pick("memory.peak", "memory.max_usage_in_bytes"))
		s.OOMKills = d.field(d.pick("memory.events", "memory.oom_control"), "oom_kill")
	}
	if d := g.of("pids"); d != nil {
		s.PeakPids = d.number("pids.peak")
		s.PidsRefused = d.field("pids.events", "max")
	}
	return s
}

func (d *directory) pick(unified, first string) string {
	if d.unified {
		return unified
	}
	return first
}

func (d *directory) text(file string) string {
	data, err := os.ReadFile(path.Join(d.path, file))
	if err != nil {
		return "" // a file that this kernel does not have
	}
	return strings.TrimSpace(string(data))
}

func (d *directory) number(file string) int64 { return number(d.text(file)) }

// field reads a line NAME VALUE of a file.
func (d *directory) field(file, name string) int64 {
	for line := range strings.Lines(d.text(file)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == name {
			return number(f[1])
		}
	}
	return -1
}

// number is -1 for what is none, as for "max".
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// Describe says what kind of control groups these are.
func (g *Group) Describe() string {
	var kinds []string
	for _, d := range g.dirs {
		kind := "v1 "
		if d.unified {
			kind = "v2 "
		}
		kinds = append(kinds, kind+strings.Join(d.controllers, ","))
	}
	return "cgroup " + strings.Join(kinds, "; ")
}
