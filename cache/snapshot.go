package cache

import (
	"os"
	"path/filepath"

	"github.com/layers/layers/cache/unpack"
)

// SnapshotOptions guides Snapshots. The zero value is for root.
type SnapshotOptions struct {
	Display string // the image's name for messages and events
	// Layers is how many layers are wanted, from the bottom; 0 is all.
	Layers int
	// Rootless makes directories for a mount in a user namespace, that leave all files
	// to the user who runs this, unless IDs is set.
	Rootless bool
	// Link says whether files share their blocks.
	Link LinkMode
	// IDs is a name for what the ids of the user namespace mean that this process and
	// the mount are in. The directories have the image's owners, as far as they exist
	// there. In a namespace whose ids mean something else they are not used.
	IDs string
	// Present makes no directory: that one is missing is an *AbsentError.
	Present bool
}

// kind is the same for all directories that can stand in one another's place.
func (o *SnapshotOptions) kind() string {
	switch {
	case !o.Rootless:
		return ""
	case o.IDs == "":
		return "rootless"
	}
	return "ids." + o.IDs
}

// AbsentError says that an image is not unpacked, or not all of it.
type AbsentError struct{}

// Error says so.
func (*AbsentError) Error() string { return "the image is not unpacked" }

// Snapshots are the directories of the store that stand for an image's layers in an
// overlay. They stay until they are released.
type Snapshots struct {
	// Dirs are the directories, bottom first. A last one may have nothing but the
	// attributes of the image's root.
	Dirs []string
	// Losses are what could not be kept, of each layer.
	Losses [][]unpack.Loss
	// Made is how many of them were not there.
	Made int

	needs needs
	lease *lease
}

// File is what makes them stay, and does so as long as any process has it open.
func (s *Snapshots) File() *os.File { return s.lease.f }

// Handed are snapshots that another process has made, and whose File it has handed over
// without letting go of it.
func Handed(dirs []string, file *os.File) *Snapshots {
	return &Snapshots{Dirs: dirs, lease: &lease{f: file}}
}

// Release lets go of the directories: the next prune may remove those that belong to
// no stored image and no mount.
func (s *Snapshots) Release() error { return s.lease.release() }

func (s *Store) snapshotPath(name string) string { return s.path(snapshotDir, name) }

// A snapshot's directory has the layer's files and what of them could not be kept.
const (
	snapshotFiles  = "fs"
	snapshotLosses = "losses.json"
	snapshotWeight = "weight" // of all of it, this file too
)

// weighSnapshot is what a snapshot weighs. It never changes, so that is noted in most.
func weighSnapshot(dir string) (unpack.Weight, error) {
	if data, err := os.ReadFile(filepath.Join(dir, snapshotWeight)); err == nil {
		if w, err := unpack.ParseWeight(string(data)); err == nil {
			return w, nil
		}
	}
	return unpack.Weigh(dir)
}

func filesOfSnapshot(dir string) string { return filepath.Join(dir, snapshotFiles) }
