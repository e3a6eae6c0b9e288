package cmd

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/layers/layers/cache/shell/systemd"
)

// checkSystemd asks the manager that shells with limits ask for a scope. A host without
// systemd has nothing to say about it.
func checkSystemd() []finding {
	if !systemd.Running() {
		return nil
	}
	f := finding{Check: "systemd", State: stateWarn}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	m, err := systemd.Connect(ctx)
	if err != nil {
		f.What = "shells cannot be limited: " + err.Error()
		if e, ok := errors.AsType[*systemd.UnreachableError](err); ok {
			f.Do = e.Remedy
		}
		return []finding{f}
	}
	defer m.Close() // nothing was asked of it that could be lost
	controllers, err := delegatedControllers(m)
	if err != nil {
		f.What = err.Error()
		return []finding{f}
	}
	f.State, f.What = stateOK, "limits by scopes: "+strings.Join(controllers, " ")
	var missing []string
	for _, c := range []string{"memory", "cpu", "pids"} {
		if !slices.Contains(controllers, c) {
			missing = append(missing, c)
		}
	}
	if len(missing) > 0 {
		f.State, f.What = stateWarn, "it does not delegate "+strings.Join(missing, ", ")
		f.Do = systemd.Delegation
	}
	return []finding{f}
}

// delegatedControllers are what the manager's group has of version 2.
func delegatedControllers(m *systemd.Manager) ([]string, error) {
	group, err := m.ControlGroup()
	if err != nil {
		return nil, err
	}
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer mounts.Close()
	_, v2, err := cgroupMounts(bufio.NewScanner(mounts))
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(v2, group, "cgroup.controllers"))
	return strings.Fields(string(data)), err
}
