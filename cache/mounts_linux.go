package cache

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// mountRecord is what the store knows of a mount that outlives its process. Records
// are written and removed under the gc lock, in the moment of the mount itself, so
// that a sweep sees both or neither.
type mountRecord struct {
	Mounted
	Boot      string // a mount does not outlive the kernel that has it
	PIDs      string // the pid namespace, of which all mounts can be seen
	Device    string // of an overlay
	Snapshots []string
	Needs     needs

	path string
}

// Mount has attach mount an image's snapshots, and notes it, so that they stay as long
// as they are mounted: prune and rm go round them. The device is what stat tells of
// an overlay's files; it is not asked of a single snapshot, which is on the store's.
func (s *Store) Mount(ctx context.Context, m Mounted, of *Snapshots, device uint64, attach func() error) error {
	gc, err := s.lock(ctx, gcLock, shared)
	if err != nil {
		return err
	}
	defer gc.unlock()
	r := mountRecord{Mounted: m, Needs: of.needs, Device: deviceText(device)}
	r.Since, r.Dirs = time.Now().UTC().Truncate(time.Second), nil
	if r.Boot, r.PIDs, err = thisKernel(); err != nil {
		return err
	}
	for _, dir := range of.Dirs {
		r.Snapshots = append(r.Snapshots, filepath.Base(filepath.Dir(dir)))
	}
	if err := s.writeMount(&r); err != nil {
		return s.writing(fmt.Errorf("noting a mount: %w", err))
	}
	if err := attach(); err != nil {
		return errors.Join(err, os.Remove(r.path))
	}
	return nil
}

func (s *Store) writeMount(r *mountRecord) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	name := rand.Text()
	temp := s.path(mountDir, newMark+name)
	r.path = s.path(mountDir, name)
	err = os.WriteFile(temp, data, 0o600)
	if err == nil {
		err = os.Rename(temp, r.path)
	}
	if err != nil {
		return errors.Join(err, ignoreGone(os.Remove(temp)))
	}
	return nil
}

// newMark begins the name of a record that is being written.
const newMark = "new-"

func thisKernel() (boot, pids string, err error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", "", err
	}
	pids, err = os.Readlink("/proc/self/ns/pid")
	return strings.TrimSpace(string(id)), pids, err
}

// Mounts lists the images that are mounted, oldest first, whoever mounted them and in
// whatever mount namespace.
func (s *Store) Mounts(ctx context.Context) ([]Mounted, error) {
	live, _, err := s.mounts()
	if err != nil {
		return nil, fmt.Errorf("listing mounts: %w", err)
	}
	all := make([]Mounted, len(live))
	for i, r := range live {
		all[i] = r.Mounted
	}
	slices.SortStableFunc(all, func(a, b Mounted) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return strings.Compare(a.Asked, b.Asked)
	})
	return all, ctx.Err()
}

// mounts reads the records, and tells those of mounts that live from those whose
// mount is gone, with its kernel or by hand.
func (s *Store) mounts() (live []mountRecord, gone []string, err error) {
	records, gone, err := s.mountRecords()
	if err != nil || len(records) == 0 {
		return nil, gone, err
	}
	_, pids, err := thisKernel()
	if err != nil {
		return nil, nil, err
	}
	table, err := readMountTable()
	if err != nil {
		return nil, nil, err
	}
	for _, r := range records {
		if r.PIDs == pids && !table.has(&r) {
			gone = append(gone, r.path)
			continue
		}
		r.Dirs = table.here(&r)
		live = append(live, r)
	}
	return live, gone, nil
}

// mountRecords reads the records of this kernel, and tells which are of another.
func (s *Store) mountRecords() (records []mountRecord, gone []string, err error) {
	names, err := os.ReadDir(s.path(mountDir))
	if ignoreGone(err) != nil || len(names) == 0 {
		return nil, nil, ignoreGone(err)
	}
	boot, _, err := thisKernel()
	if err != nil {
		return nil, nil, err
	}
	for _, e := range names {
		if strings.HasPrefix(e.Name(), newMark) {
			continue
		}
		r, err := readMount(s.path(mountDir, e.Name()))
		switch {
		case err != nil:
			return nil, nil, err
		case r == nil: // removed in the meantime
		case r.Boot == boot:
			records = append(records, *r)
		default:
			gone = append(gone, r.path)
		}
	}
	return records, gone, nil
}

func readMount(path string) (*mountRecord, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, ignoreGone(err)
	}
	r := mountRecord{path: path}
	if json.Unmarshal(data, &r) != nil {
		r.Boot = "" // it is not on the disk whole: its kernel is gone, and the mount with it
	}
	return &r, nil
}

// mountNeeds adds what mounts rely on, and returns the records of those that are gone,
// or that nobody came to the end of writing. The caller holds the exclusive gc lock.
func (s *Store) mountNeeds(n needs) (gone []string, err error) {
	live, gone, err := s.mounts()
	for _, r := range live {
		n.add(r.Needs)
	}
	half, globErr := filepath.Glob(s.path(mountDir, newMark+"*"))
	return append(gone, half...), errors.Join(err, globErr)
}

// Unmount has detach unmount what Mount mounted on a directory, and forgets it.
func (s *Store) Unmount(ctx context.Context, dir string, detach func(dir string) error) (Mounted, error) {
	dir, err := realDir(dir)
	if err != nil {
		return Mounted{}, err
	}
	gc, err := s.lock(ctx, gcLock, shared)
	if err != nil {
		return Mounted{}, err
	}
	defer gc.unlock()
	records, _, err := s.mountRecords()
	if err != nil {
		return Mounted{}, err
	}
	mounted, err := isMountPoint(dir)
	if err != nil {
		return Mounted{}, err
	}
	i := slices.IndexFunc(records, func(r mountRecord) bool { return mounted && s.isOn(&r, dir) })
	if i < 0 {
		return Mounted{}, &NotMountedError{Dir: dir, Other: mounted}
	}
	if err := detach(dir); err != nil {
		return Mounted{}, err
	}
	return records[i].Mounted, s.forgetMounts() // only now can it be told if there is another copy
}

// forgetMounts removes the records of mounts that are gone.
func (s *Store) forgetMounts() error {
	_, gone, err := s.mounts()
	for _, path := range gone {
		err = errors.Join(err, ignoreGone(os.Remove(path)))
	}
	return err
}

func realDir(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}
