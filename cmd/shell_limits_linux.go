package cmd

import (
	"fmt"
	"time"

	"github.com/layers/layers/cache/shell"
	"github.com/layers/layers/cache/shell/cgroup"
	"github.com/layers/layers/cmd/report"
)

// shellGroup makes the control group that limits ask for, or that statistics are better
// with.
func (p *program) shellGroup(f *shellFlags) (*cgroup.Group, error) {
	l := cgroup.Limits{CPUs: f.cpus, Pids: f.pids}
	if f.memory != "" {
		bytes, err := report.ParseBytes(f.memory)
		if err != nil || bytes < 1<<20 {
			return nil, &usageError{text: fmt.Sprintf("--memory %s: it is a size of 1MiB or more, as 512MB or 2GiB", f.memory)}
		}
		l.Memory = bytes
	}
	if l == (cgroup.Limits{}) && !f.stats {
		return nil, nil
	}
	g, err := cgroup.New(l)
	if err != nil && l == (cgroup.Limits{}) {
		p.warn("figures of processes only: " + err.Error())
		return nil, nil
	}
	return g, err
}

// shellStats says what a shell took, as its control group counted, or else its
// processes.
func shellStats(ended shell.Ended, group *cgroup.Group, units string) string {
	line := fmt.Sprintf("%s wall, %s user, %s system", brief(ended.Wall), brief(ended.User), brief(ended.System))
	var s cgroup.Stats
	if group != nil {
		s = group.Stats()
	}
	if s.PeakMemory > 0 {
		line += fmt.Sprintf(", %s of memory at most", bytesText(s.PeakMemory, units))
	} else {
		line += fmt.Sprintf(", %s in its biggest process", bytesText(ended.Memory, units))
	}
	if s.PeakPids > 0 {
		line += fmt.Sprintf(", %d processes and threads at most", s.PeakPids)
	}
	if s.OOMKills > 0 {
		line += fmt.Sprintf("; killed for memory: %d", s.OOMKills)
	}
	if s.PidsRefused > 0 {
		line += fmt.Sprintf("; processes refused: %d", s.PidsRefused)
	}
	return line
}

func brief(d time.Duration) string { return d.Round(100 * time.Microsecond).String() }
