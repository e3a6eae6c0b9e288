//go:build !linux

package cmd

import "runtime"

func checkSpace(dir, units string) finding {
	return finding{Check: "space", State: stateOK, What: "not looked at on " + runtime.GOOS}
}

// checkHost: mounts and shells are Linux's.
func checkHost(string) []finding {
	return []finding{{Check: "linux", State: stateWarn, What: runtime.GOOS + " has no overlayfs, namespaces and cgroups"}}
}
