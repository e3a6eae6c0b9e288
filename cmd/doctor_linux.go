package cmd

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
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
		[]finding{checkOverlay(dir), checkUserNamespaces(), checkSubIDs("subuid"), checkSubIDs("subgid"), checkFuse()},
		checkCgroups("/proc/self/mountinfo"),
	)
}

func checkOverlay(dir string) finding {
	f := finding{Check: "overlayfs", State: stateNo}
	known, err := hasFilesystem("/proc/filesystems", "overlay")
	switch {
	case err != nil:
		f.What = err.Error()
	case !known:
		f.What = "the kernel has no overlay file system"
		f.Do = "as root: modprobe overlay"
	case os.Geteuid() != 0:
		f.State, f.What = stateOK, "the kernel has it; mounting needs root or a user namespace"
	default:
		if err := tryOverlay(dir); err != nil {
			f.What, f.Do = fmt.Sprintf("a mount was tried and failed: %v", err), "a container may forbid it: run with CAP_SYS_ADMIN"
		} else {
			f.State, f.What = stateOK, "a mount was tried and works"
		}
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

// tryOverlay makes an overlay mount that is attached nowhere: it is gone when its
// descriptor is closed, whatever happens to this process.
func tryOverlay(dir string) (err error) {
	top, err := os.MkdirTemp(dir, ".doctor-")
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		top, err = os.MkdirTemp("", "layers-doctor-")
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(top)) }()
	for _, d := range []string{"/a", "/b"} {
		if err := os.Mkdir(top+d, 0o700); err != nil {
			return err
		}
	}
	fsfd, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return fmt.Errorf("fsopen: %w", err)
	}
	defer unix.Close(fsfd)
	if err := unix.FsconfigSetString(fsfd, "lowerdir", top+"/a:"+top+"/b"); err != nil {
		return fmt.Errorf("fsconfig lowerdir: %w", err)
	}
	if err := unix.FsconfigCreate(fsfd); err != nil {
		return fmt.Errorf("fsconfig create: %w", err)
	}
	mfd, err := unix.Fsmount(fsfd, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_RDONLY)
	if err != nil {
		return fmt.Errorf("fsmount: %w", err)
	}
	return unix.Close(mfd)
}

// userNamespaceLimits are the settings that keep ordinary users from namespaces,
// and the value that does.
var userNamespaceLimits = []struct{ path, bad, do string }{
	{"/proc/sys/user/max_user_namespaces", "0", "as root: sysctl -w user.max_user_namespaces=15000"},
	{"/proc/sys/kernel/unprivileged_userns_clone", "0", "as root: sysctl -w kernel.unprivileged_userns_clone=1"},
	{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"},
}

func checkUserNamespaces() finding {
	f := finding{Check: "user namespaces", State: stateOK, What: "one was tried and works"}
	if err := tryUserNamespace(); err != nil {
		f.State, f.What = stateNo, fmt.Sprintf("one was tried and failed: %v", err)
		f.Do = "a container may forbid it; shells and mounts then need root"
	}
	for _, limit := range userNamespaceLimits {
		data, err := os.ReadFile(limit.path)
		if err != nil {
			continue // a setting that this kernel does not have
		}
		value := strings.TrimSpace(string(data))
		if value != limit.bad {
			continue
		}
		name := strings.ReplaceAll(strings.TrimPrefix(limit.path, "/proc/sys/"), "/", ".")
		f.Detail = append(f.Detail, name+" = "+value)
		f.Do = limit.do
		if f.State == stateOK {
			f.State = stateWarn
			f.What += " for this user, but not for all"
		}
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

// checkSubIDs looks for the ranges of ids that this user may map (subuid(5)).
func checkSubIDs(name string) finding {
	f := finding{Check: name, State: stateOK}
	me, err := user.Current()
	if err != nil {
		f.State, f.What = stateWarn, err.Error()
		return f
	}
	data, err := os.ReadFile("/etc/" + name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		f.State, f.What = stateWarn, err.Error()
		return f
	}
	count, ranges := subIDs(string(data), me.Username, me.Uid)
	switch {
	case count > 0:
		f.What = fmt.Sprintf("%d ids for %s: %s", count, me.Username, strings.Join(ranges, ", "))
	case me.Uid == "0":
		f.What = "none for root, who needs none"
	default:
		f.State, f.What = stateWarn, "/etc/"+name+" has no range for "+me.Username
		f.Do = fmt.Sprintf("as root: usermod --add-%ss 100000-165535 %s", name, me.Username)
	}
	return f
}

// subIDs adds up the ranges of a user, who is named or numbered.
func subIDs(file, name, uid string) (count int64, ranges []string) {
	for line := range strings.Lines(file) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) != 3 || fields[0] != name && fields[0] != uid {
			continue
		}
		start, err1 := strconv.ParseUint(fields[1], 10, 32)
		n, err2 := strconv.ParseUint(fields[2], 10, 32)
		if err1 != nil || err2 != nil || n == 0 {
			continue
		}
		count += int64(n)
		ranges = append(ranges, fmt.Sprintf("%d-%d", start, start+n-1))
	}
	return count, ranges
}

func checkFuse() finding {
	f := finding{Check: "fuse", State: stateOK, What: "/dev/fuse can be opened"}
	dev, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		f.State, f.What = stateWarn, fmt.Sprintf("/dev/fuse: %v", pathCause(err))
		f.Do = "as root: modprobe fuse (only needed where overlayfs cannot be mounted)"
		return f
	}
	dev.Close() // it was only opened
	return f
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
