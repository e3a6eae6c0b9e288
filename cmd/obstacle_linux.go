package cmd

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// surrounding is where this program runs, as far as that can keep it from namespaces and
// mounts. Errors of shells and mounts, and doctor, have what it says from here alone.
type surrounding struct {
	root string // of the host's files; other than "" in tests
	uid  int
}

func here() surrounding { return surrounding{uid: os.Geteuid()} }

// obstacle is why something cannot be done on this host, and what would put it right.
type obstacle struct {
	why []string
	do  string
}

func (o *obstacle) add(why, do string) {
	o.why = append(o.why, why)
	if o.do == "" {
		o.do = do
	}
}

// obstacle looks for all that could be in the way, the likeliest first.
func (s surrounding) obstacle() (o obstacle) {
	release := s.text("/proc/sys/kernel/osrelease")
	if strings.Contains(release, "Microsoft") { // WSL 2 writes it small
		o.add("this is WSL 1, which has no Linux kernel: no namespaces, no overlayfs",
			"in PowerShell: wsl --set-version DISTRIBUTION 2")
		return o
	}
	if s.uid != 0 {
		s.users(&o, release)
	}
	if major, minor, ok := version(release); ok && (major < 5 || major == 5 && minor < 12) {
		o.add(fmt.Sprintf("the kernel is %d.%d; shells need 5.12", major, minor), "a newer kernel")
	}
	if s.changedRoot() {
		o.add("this is a chroot, in which the kernel makes no user namespaces and no root can be changed",
			"run it outside of the chroot")
	}
	engine := s.engine()
	if s.uid == 0 && !s.capable(unix.CAP_SYS_ADMIN) {
		o.add("this root does not have CAP_SYS_ADMIN, without which there are no mounts", freed(engine))
	}
	if strings.Contains(s.text("/proc/self/status"), "\nSeccomp:\t2\n") {
		o.add("a filter of system calls is on this process, as containers have one", freed(engine))
	}
	if hidden := s.hidden(); len(hidden) > 0 {
		o.add("something is mounted over parts of /proc ("+list(hidden, 3)+"): users get no other /proc then", freed(engine))
	}
	if engine != "" {
		o.add("it looks like a container ("+engine+"), which can forbid it", freed(engine))
	}
	return o
}

// users looks for what keeps ordinary users from user namespaces, or from overlayfs.
func (s surrounding) users(o *obstacle, release string) {
	if _, err := os.Stat(s.root + "/proc/self/ns/user"); errors.Is(err, os.ErrNotExist) {
		o.add("the kernel has no user namespaces", "as root: sudo layers …; or a kernel with CONFIG_USER_NS")
	}
	for _, limit := range userNamespaceLimits {
		if value := strings.TrimSpace(s.text(limit.path)); value == limit.bad {
			name := strings.ReplaceAll(strings.TrimPrefix(limit.path, "/proc/sys/"), "/", ".")
			o.add(name+" = "+value, limit.do)
		}
	}
	if major, minor, ok := version(release); ok && (major < 5 || major == 5 && minor < 11) {
		o.add(fmt.Sprintf("the kernel is %d.%d; users can mount overlayfs from 5.11 on", major, minor), "as root: sudo layers …")
	}
}

func version(release string) (major, minor int, ok bool) {
	n, err := fmt.Sscanf(release, "%d.%d", &major, &minor)
	return major, minor, n == 2 && err == nil
}

// text is a file's, or nothing where there is no such file.
func (s surrounding) text(name string) string {
	data, _ := os.ReadFile(s.root + name)
	return string(data)
}

// changedRoot reports whether the root is no mount, or one that the first process sees
// elsewhere.
func (s surrounding) changedRoot() bool {
	id, some := "", false
	s.mounts("self", func(number, at string) {
		some = true
		if at == "/" {
			id = number
		}
	})
	changed := some && id == ""
	s.mounts("1", func(number, at string) { changed = changed || number == id && at != "/" })
	return changed
}

// hidden are the parts of /proc that something is mounted over, which a user namespace
// must not uncover.
func (s surrounding) hidden() (all []string) {
	if s.uid == 0 && strings.Join(strings.Fields(s.text("/proc/self/uid_map")), " ") == "0 0 4294967295" {
		return nil
	}
	s.mounts("self", func(_, at string) {
		if strings.HasPrefix(at, "/proc/") && !strings.HasPrefix(at, "/proc/sys/fs/binfmt_misc") {
			all = append(all, at)
		}
	})
	return all
}

// mounts tells of each mount that a process sees: its number, and where it is.
func (s surrounding) mounts(process string, do func(id, at string)) {
	lines := bufio.NewScanner(strings.NewReader(s.text("/proc/" + process + "/mountinfo")))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if f := strings.Fields(lines.Text()); len(f) > 4 {
			do(f[0], f[4])
		}
	}
}

// engine is what made the container that this is, as far as it shows.
func (s surrounding) engine() string {
	for _, sign := range []struct{ file, engine string }{
		{"/run/.containerenv", "podman"}, {"/.dockerenv", "docker"},
		{"/var/run/secrets/kubernetes.io", "kubernetes"}, {"/run/systemd/container", "systemd-nspawn"},
	} {
		if _, err := os.Stat(filepath.Join(s.root, sign.file)); err == nil {
			return sign.engine
		}
	}
	groups := s.text("/proc/1/cgroup")
	for _, engine := range []string{"docker", "kubepods", "libpod", "lxc", "containerd"} {
		if strings.Contains(groups, "/"+engine) {
			return engine
		}
	}
	return ""
}

// freed says how a container lets programs have namespaces and mounts.
func freed(engine string) string {
	const options = "--cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
	switch engine {
	case "podman", "libpod":
		return "podman run " + options + "--security-opt unmask=ALL …"
	case "docker":
		return "docker run " + options + "--security-opt systempaths=unconfined …"
	}
	return "run it outside of the container or sandbox, or with CAP_SYS_ADMIN, no filter and all of /proc"
}

func (s surrounding) capable(number uint) bool {
	for line := range strings.Lines(s.text("/proc/self/status")) {
		if text, ok := strings.CutPrefix(line, "CapEff:\t"); ok {
			set, err := strconv.ParseUint(strings.TrimSpace(text), 16, 64)
			return err != nil || set>>number&1 == 1
		}
	}
	return true
}

// onHost says of an error of the kernel's what on this host may be the cause.
func onHost(err error) error {
	if err == nil {
		return nil
	}
	o := here().obstacle()
	if o.do == "" {
		o.do = "layers doctor tells what this host can do"
	}
	return &advised{err: err, detail: o.why, hint: o.do}
}
