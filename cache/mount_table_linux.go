package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// mountTable is what is mounted in all mount namespaces that can be seen.
type mountTable struct {
	own    []*mountinfo.Info
	others []*mountinfo.Info
}

// readMountTable reads the mounts of one process of each namespace.
func readMountTable() (*mountTable, error) {
	t := &mountTable{}
	var err error
	if t.own, err = mountinfo.GetMounts(ofLayers); err != nil {
		return nil, err
	}
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return nil, err
	}
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{own: true}
	for _, p := range processes {
		ns, err := os.Readlink(p + "/ns/mnt")
		if err != nil || seen[ns] {
			continue // gone, or of a user whose mounts are not of this store
		}
		found, err := mountsOf(p)
		if err != nil {
			continue // it ended meanwhile: another process of its namespace is asked
		}
		seen[ns] = true
		t.others = append(t.others, found...)
	}
	return t, nil
}

func mountsOf(process string) ([]*mountinfo.Info, error) {
	f, err := os.Open(process + "/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return mountinfo.GetMountsFromReader(f, ofLayers)
}

// ofLayers leaves only overlays, and directories of a store.
func ofLayers(m *mountinfo.Info) (skip, stop bool) {
	return m.FSType != "overlay" && !strings.Contains(m.Root, "/"+snapshotDir+"/"), false
}

// shows reports whether a mount is the one of the record, or a copy of it.
func (r *mountRecord) shows(m *mountinfo.Info) bool {
	if m.FSType == "overlay" && r.Device != "" {
		return r.Device == fmt.Sprintf("%d:%d", m.Major, m.Minor)
	}
	return r.Device == "" && slices.ContainsFunc(r.Snapshots, func(name string) bool {
		return strings.HasSuffix(m.Root, path.Join("/", snapshotDir, name, snapshotFiles))
	})
}

func (t *mountTable) has(r *mountRecord) bool {
	return slices.ContainsFunc(t.own, r.shows) || slices.ContainsFunc(t.others, r.shows)
}

// here returns where a mount can be seen in this mount namespace.
func (t *mountTable) here(r *mountRecord) (dirs []string) {
	for _, m := range t.own {
		if r.shows(m) {
			dirs = append(dirs, m.Mountpoint)
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// topMount is what is mounted on a directory, and seen there; nil if nothing is.
func topMount(dir string) (*mountinfo.Info, error) {
	var id unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, dir, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_MNT_ID, &id); err != nil {
		return nil, &fs.PathError{Op: "statx", Path: dir, Err: err}
	}
	if id.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0 && id.Attributes&unix.STATX_ATTR_MOUNT_ROOT == 0 {
		return nil, nil
	}
	found, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) {
		return m.Mountpoint != dir || uint64(m.ID) != id.Mnt_id, false
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// isMountPoint is topMount for who does not want to know what it is.
func isMountPoint(dir string) (bool, error) {
	var id unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, dir, unix.AT_SYMLINK_NOFOLLOW, 0, &id); err != nil {
		return false, &fs.PathError{Op: "statx", Path: dir, Err: err}
	}
	if id.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return id.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0, nil
	}
	top, err := topMount(dir) // before Linux 5.8
	return top != nil, err
}

// isOn reports whether a mount point shows what a record is of. The list of all mounts,
// which with 100 layers each has long lines, is not read for that.
func (s *Store) isOn(r *mountRecord, dir string) bool {
	fi, err := os.Lstat(dir)
	if err != nil {
		return false
	}
	if r.Device != "" {
		st, ok := fi.Sys().(*syscall.Stat_t)
		return ok && r.Device == deviceText(st.Dev)
	}
	return slices.ContainsFunc(r.Snapshots, func(name string) bool {
		files, err := os.Lstat(filesOfSnapshot(s.snapshotPath(name)))
		return err == nil && os.SameFile(fi, files)
	})
}

func deviceText(device uint64) string {
	if device == 0 {
		return ""
	}
	return fmt.Sprintf("%d:%d", unix.Major(device), unix.Minor(device))
}

var errNotDirectory = errors.New("not a directory")

// IsMounted reports whether an image of a store is mounted on a directory, which must
// be there.
func IsMounted(dir string) (bool, error) {
	dir, err := realDir(dir)
	if err != nil {
		return false, err
	}
	fi, err := os.Stat(dir)
	if err == nil && !fi.IsDir() {
		err = &fs.PathError{Op: "mount", Path: dir, Err: errNotDirectory}
	}
	if err != nil {
		return false, err
	}
	top, err := topMount(dir)
	if err != nil || top == nil {
		return false, err
	}
	skip, _ := ofLayers(top)
	return !skip && (top.FSType != "overlay" || top.Source == "layers"), nil
}
