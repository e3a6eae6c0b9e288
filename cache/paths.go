package cache

import (
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/layers/layers/cache/layer"
)

// The files and directories of a store.
const (
	layoutFile    = "oci-layout"
	indexFile     = "index.json"
	versionFile   = "layers-version"
	initPrefix    = ".layers-init-" // temporary files of a store in the making
	blobDir       = "blobs/sha256"
	ingestDir     = "ingest"
	tocDir        = "toc/v1"
	extentsDir    = "extents/v1"
	keptDir       = "kept/v2"
	memoDir       = "memo/v1"
	usedDir       = "used/v1" // by the digests of manifests: when they were used last
	snapshotsDir  = "snapshots"
	snapshotDir   = snapshotsDir + "/v1"
	mountsDir     = "mounts"
	mountDir      = mountsDir + "/v1"
	leaseDir      = "leases"
	lockDir       = "locks"
	scratchDir    = "scratch"
	quarantineDir = "quarantine"
	trashDir      = "trash" // what is being removed
)

// storeDirs are made when a store is opened for writing.
var storeDirs = []string{
	blobDir, ingestDir, tocDir, extentsDir, keptDir, memoDir, usedDir,
	leaseDir, lockDir, scratchDir, quarantineDir, snapshotDir, mountDir, trashDir,
}

// DefaultDir is $LAYERS_STORE, else /var/lib/layers for root, else
// $XDG_DATA_HOME/layers or ~/.local/share/layers. It is "" for a user without a
// home directory.
func DefaultDir() string {
	if dir := os.Getenv("LAYERS_STORE"); dir != "" {
		return dir
	}
	if os.Geteuid() == 0 {
		return "/var/lib/layers"
	}
	// The XDG base directory specification: relative paths are to be ignored.
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "layers")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "share", "layers")
}

func (s *Store) path(elem ...string) string {
	return filepath.Join(s.dir, filepath.Join(elem...))
}

func (s *Store) blobPath(h v1.Hash) string    { return s.path(blobDir, h.Hex) }
func (s *Store) ingestPath(h v1.Hash) string  { return s.path(ingestDir, h.Hex) }
func (s *Store) extentsPath(h v1.Hash) string { return s.path(extentsDir, h.Hex) }

func (s *Store) tocPath(id layer.DiffID) string  { return s.path(tocDir, id.Hex) }
func (s *Store) keptPath(id layer.DiffID) string { return s.path(keptDir, id.Hex) }

// usable reports whether a hash can name a file of the store: a v1.Hash that was
// not parsed may hold anything, slashes included.
func usable(h v1.Hash) bool { return h.Algorithm == "sha256" && isHex64(h.Hex) }

func isHex64(s string) bool { return len(s) == 64 && isHex(s) }

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
