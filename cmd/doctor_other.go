//go:build !linux

package cmd

import (
	"errors"
	"fmt"
	"runtime"
)

func checkSpace(dir, units string) finding {
	return finding{Check: "space", State: stateOK, What: "not looked at on " + runtime.GOOS}
}

// checkHost: mounts and shells are Linux's.
func checkHost(string) []finding {
	return []finding{{Check: "linux", State: stateWarn, What: runtime.GOOS + " has no overlayfs, namespaces and cgroups"}}
}

func (p *program) printAppArmor() error {
	return fmt.Errorf("a profile for AppArmor: %w", errors.ErrUnsupported)
}
