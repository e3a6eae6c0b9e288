package cmd

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/userns"
)

// lowSpace is where doctor begins to warn: a bigger image needs as much.
const lowSpace = 2_000_000_000

func checkSpace(dir, units string) finding {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return finding{Check: "space", State: stateWarn, What: fmt.Sprintf("%s: %v", dir, err)}
	}
	free := int64(st.Bavail) * int64(st.Bsize)
	f := finding{Check: "space", State: stateOK, What: bytesText(free, units) + " free"}
	if st.Files > 0 {
		f.What += fmt.Sprintf(", %d inodes free", st.Ffree)
	}
	if free < lowSpace || st.Files > 0 && st.Ffree < 10_000 {
		f.State, f.Do = stateWarn, "layers cache prune, layers rm IMAGE, or another disk: --store DIR"
	}
	return f
}

// checkHost looks at what mounts and shells need of the kernel.
func checkHost(dir string) []finding {
	return slices.Concat(
		[]finding{checkOverlay("/proc/filesystems"), checkShells(dir), checkUserNamespaces()}, checkIDs(),
		checkCgroups("/proc/self/mountinfo"),
		checkSystemd(),
	)
}

// checkOverlay looks for overlayfs among what the kernel has; checkShells tries it.
func checkOverlay(filesystems string) finding {
	f := finding{Check: "overlayfs", State: stateNo}
	known, err := hasFilesystem(filesystems, "overlay")
	switch {
	case err != nil:
		f.What = err.Error()
	case !known:
		f.What = "the kernel has no overlay file system, or not yet"
		f.Do = "as root: modprobe overlay"
	default:
		f.State, f.What = stateOK, "the kernel has it"
	}
	return f
}

func hasFilesystem(path, name string) (bool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[len(fields)-1] == name {
			return true, nil
		}
	}
	return false, nil
}

// userNamespaceLimits are the settings that keep ordinary users from namespaces,
// and the value that does.
var userNamespaceLimits = []struct{ path, bad, do string }{
	{"/proc/sys/user/max_user_namespaces", "0", "as root: sysctl -w user.max_user_namespaces=15000"},
	{"/proc/sys/kernel/unprivileged_userns_clone", "0", "as root: sysctl -w kernel.unprivileged_userns_clone=1"},
	{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", userns.AppArmorRemedy},
}

func checkUserNamespaces() finding {
	f := finding{Check: "user namespaces", State: stateOK, What: "one was tried and works"}
	err := tryUserNamespace()
	if err == nil {
		return f
	}
	f.State, f.What = stateNo, fmt.Sprintf("one was tried and failed: %v", err)
	f.Do = "shells and mounts then need root"
	o := here().obstacle()
	f.Detail = o.why
	if o.do != "" {
		f.Do = o.do
	}
	return f
}

// tryUserNamespace starts this program once more in a user and a mount namespace of
// its own; it says its version, and that it lived is all that is looked at.
func tryUserNamespace() error {
	c := exec.Command("/proc/self/exe", "version")
	c.Args[0] = os.Args[0]
	c.Env = append(os.Environ(), "GOCOVERDIR=")
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	err := c.Run()
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// checkCgroups tells which cgroup hierarchies are mounted, with their controllers.
func checkCgroups(mountinfo string) []finding {
	file, err := os.Open(mountinfo)
	if err != nil {
		return []finding{{Check: "cgroups", State: stateWarn, What: err.Error()}}
	}
	defer file.Close()
	v1, v2, err := cgroupMounts(bufio.NewScanner(file))
	f := finding{Check: "cgroups", State: stateOK}
	switch {
	case err != nil:
		f.State, f.What = stateWarn, err.Error()
	case len(v1) > 0 && v2 != "":
		f.What = "version 1 and 2 (hybrid)"
	case len(v1) > 0:
		f.What = "version 1"
	case v2 != "":
		f.What = "version 2"
	default:
		f.State, f.What, f.Do = stateWarn, "none are mounted: shells cannot be limited", "as root: mount -t cgroup2 none /sys/fs/cgroup"
	}
	if len(v1) > 0 {
		f.Detail = append(f.Detail, "v1: "+strings.Join(v1, " "))
	}
	if v2 != "" {
		controllers, err := os.ReadFile(v2 + "/cgroup.controllers")
		text := strings.TrimSpace(string(controllers))
		if err != nil {
			text = err.Error()
		} else if text == "" {
			text = "no controllers"
		}
		f.Detail = append(f.Detail, "v2 at "+v2+": "+text)
	}
	return []finding{f}
}

// cgroupMounts reads mountinfo (proc(5)): the controllers of version 1, and where
// version 2 is mounted first.
func cgroupMounts(lines *bufio.Scanner) (v1 []string, v2 string, err error) {
	for lines.Scan() {
		mount, fsType, ok := strings.Cut(lines.Text(), " - ")
		left, right := strings.Fields(mount), strings.Fields(fsType)
		if !ok || len(left) < 5 || len(right) < 3 {
			continue
		}
		switch right[0] {
		case "cgroup2":
			if v2 == "" {
				v2 = unescapeMount(left[4])
			}
		case "cgroup":
			v1 = append(v1, v1Controllers(right[2])...)
		}
	}
	slices.Sort(v1)
	return slices.Compact(v1), v2, lines.Err()
}

// v1Controllers are those among a mount's options: the rest are not controllers.
func v1Controllers(options string) []string {
	known := []string{"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "net_cls", "net_prio", "blkio", "perf_event", "hugetlb", "pids", "rdma", "misc"}
	var list []string
	for o := range strings.SplitSeq(options, ",") {
		if slices.Contains(known, o) {
			list = append(list, o)
		}
	}
	return list
}

// unescapeMount undoes the octal escapes of mountinfo.
func unescapeMount(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
