package cmd

import (
	"bufio"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestCgroupMounts(t *testing.T) {
	const (
		memory  = "35 32 0:30 / /sys/fs/cgroup/memory rw,nosuid shared:12 - cgroup cgroup rw,memory\n"
		cpu     = "36 32 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
		systemd = "37 32 0:32 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
		unified = "38 32 0:33 / /sys/fs/cgroup/unified rw shared:4 master:1 - cgroup2 cgroup2 rw,nsdelegate\n"
		odd     = `39 32 0:34 / /mnt/a\040b rw - cgroup2 none rw` + "\n"
		other   = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\ngarbage\n\n- cgroup2\n"
	)
	for _, c := range []struct {
		name, file string
		v1         []string
		v2         string
	}{
		{"none", other, nil, ""},
		{"v1", other + memory + cpu + systemd, []string{"cpu", "cpuacct", "memory"}, ""},
		{"v2", other + unified, nil, "/sys/fs/cgroup/unified"},
		{"hybrid", systemd + cpu + unified, []string{"cpu", "cpuacct"}, "/sys/fs/cgroup/unified"},
		{"an escaped path", odd, nil, "/mnt/a b"},
	} {
		v1, v2, err := cgroupMounts(bufio.NewScanner(strings.NewReader(c.file)))
		if err != nil || !reflect.DeepEqual(v1, c.v1) || v2 != c.v2 {
			t.Errorf("%s: %v, %q, %v", c.name, v1, v2, err)
		}
	}
}

func TestCheckCgroupsSaysWhichControllers(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cgroup.controllers"), []byte("cpu memory pids\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	info := filepath.Join(dir, "mountinfo")
	if err := os.WriteFile(info, []byte("1 2 0:1 / "+dir+" rw - cgroup2 none rw\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := checkCgroups(info)[0]
	if got.State != stateOK || got.What != "version 2" || !strings.Contains(got.Detail[0], "cpu memory pids") {
		t.Errorf("%+v", got)
	}
	if got := checkCgroups(filepath.Join(dir, "none"))[0]; got.State != stateWarn {
		t.Errorf("%+v", got)
	}
}

func TestFilesystems(t *testing.T) {
	path := filepath.Join(t.TempDir(), "filesystems")
	if err := os.WriteFile(path, []byte("nodev\tsysfs\n\text4\nnodev\toverlay\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"overlay": true, "ext4": true, "over": false, "nodev": false} {
		if got, err := hasFilesystem(path, name); got != want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestCheckOverlay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "filesystems")
	if err := os.WriteFile(path, []byte("nodev\tsysfs\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if f := checkOverlay(path); f.State != stateNo || f.Do != "as root: modprobe overlay" {
		t.Errorf("%+v", f)
	}
	if f := checkOverlay("/proc/filesystems"); f.State != stateOK {
		t.Errorf("%+v", f)
	}
}
