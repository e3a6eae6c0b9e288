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
	// to the user who runs this.
	Rootless bool
}

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

// Release lets go of the directories: the next prune may remove those that belong to
// no stored image and no mount.
func (s *Snapshots) Release() error { return s.lease.release() }

func (s *Store) snapshotPath(name string) string { return s.path(snapshotDir, name) }

// A snapshot's directory has the layer's files and what of them could not be kept.
const (
	snapshotFiles  = "fs"
	snapshotLosses = "losses.json"
)

func filesOfSnapshot(dir string) string { return filepath.Join(dir, snapshotFiles) }
