package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestObstacles looks for what is in the way on hosts that are made of files.
func TestObstacles(t *testing.T) {
	const (
		plain  = "Name:\tlayers\nCapEff:\t000001ffffffffff\nSeccomp:\t0\n"
		mounts = "26 1 254:0 / / rw - ext4 /dev/sda rw\n30 26 0:3 / /mnt rw - ext4 /dev/sdb rw\n"
	)
	normal := map[string]string{
		"proc/sys/kernel/osrelease": "6.12.1-amd64\n", "proc/self/status": plain, "proc/self/ns/user": "",
		"proc/self/mountinfo": mounts, "proc/1/mountinfo": mounts, "proc/1/cgroup": "0::/init.scope\n",
		"proc/sys/user/max_user_namespaces": "96364\n",
	}
	for _, c := range []struct {
		name    string
		uid     int
		files   map[string]string // beside the normal ones, or in their place
		why, do string
	}{
		{name: "nothing", uid: 1000},
		{"WSL 1", 1000, map[string]string{"proc/sys/kernel/osrelease": "4.4.0-19041-Microsoft"}, "this is WSL 1", "wsl --set-version"},
		{"WSL 2", 1000, map[string]string{"proc/sys/kernel/osrelease": "6.6.87-microsoft-standard-WSL2"}, "", ""},
		{"no user namespaces", 1000, map[string]string{"proc/self/ns/user": "missing"}, "the kernel has no user namespaces", "sudo"},
		{"none allowed", 1000, map[string]string{"proc/sys/user/max_user_namespaces": "0\n"}, "user.max_user_namespaces = 0", "sysctl -w user.max"},
		{"Debian", 1000, map[string]string{"proc/sys/kernel/unprivileged_userns_clone": "0\n"}, "kernel.unprivileged_userns_clone = 0", "sysctl -w kernel.unpriv"},
		{"Ubuntu", 1000, map[string]string{"proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n"}, "kernel.apparmor_restrict_unprivileged_userns = 1", "apparmor"},
		{"settings do not hold root", 0, map[string]string{"proc/sys/user/max_user_namespaces": "0\n"}, "", ""},
		{"old", 1000, map[string]string{"proc/sys/kernel/osrelease": "5.4.0-1"}, "the kernel is 5.4; users can mount overlayfs from 5.11 on", "sudo"},
		{"old for root", 0, map[string]string{"proc/sys/kernel/osrelease": "5.10.0-8-amd64"}, "the kernel is 5.10; shells need 5.12", "newer"},
		{"chroot", 1000, map[string]string{"proc/self/mountinfo": "40 26 0:3 / /proc rw - proc proc rw\n"}, "this is a chroot", "outside"},
		{"chroot on a mount", 1000, map[string]string{"proc/self/mountinfo": "30 26 0:3 / / rw - ext4 /dev/sdb rw\n"}, "this is a chroot", "outside"},
		{"hidden", 1000, map[string]string{"proc/self/mountinfo": mounts + "41 26 0:9 / /proc/kcore rw - tmpfs none rw\n"}, "parts of /proc (/proc/kcore)", "all of /proc"},
		{"filter", 1000, map[string]string{"proc/self/status": strings.ReplaceAll(plain, "Seccomp:\t0", "Seccomp:\t2")}, "a filter of system calls", "outside"},
		{"little root", 0, map[string]string{"proc/self/status": "CapEff:\t00000000a80425fb\n"}, "this root does not have CAP_SYS_ADMIN", "outside"},
		{"podman", 0, map[string]string{"run/.containerenv": ""}, "it looks like a container (podman)", "podman run --cap-add SYS_ADMIN"},
		{"docker", 0, map[string]string{".dockerenv": ""}, "it looks like a container (docker)", "docker run --cap-add SYS_ADMIN"},
		{"by its group", 0, map[string]string{"proc/1/cgroup": "0::/kubepods/x\n"}, "it looks like a container (kubepods)", "outside"},
	} {
		root := t.TempDir()
		for _, files := range []map[string]string{normal, c.files} {
			for name, text := range files {
				path := filepath.Join(root, name)
				if text == "missing" {
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
					continue
				}
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		o := surrounding{root: root, uid: c.uid}.obstacle()
		why := strings.Join(o.why, "\n")
		if (c.why == "") != (why == "") || !strings.Contains(why, c.why) || !strings.Contains(o.do, c.do) {
			t.Errorf("%s: %q, do %q", c.name, o.why, o.do)
		}
	}
}
