package layer

import (
	"encoding/hex"
	"strings"
	"time"
)

// Kind says what an entry puts at its path.
type Kind uint8

// The kinds of entries. Their numbers are part of the TOC format.
const (
	Absent   Kind = iota // nothing: the entry only hides what lower layers have there
	Dir                  // a directory
	File                 // a regular file
	Symlink              // a symbolic link; Entry.Link is its target, as in the tar
	HardLink             // a hard link to a file that no entry of this layer holds; Entry.Link is the target's clean path
	Char                 // a character device
	Block                // a block device
	Fifo                 // a named pipe
)

var kindNames = [...]string{"absent", "dir", "file", "symlink", "hardlink", "char", "block", "fifo"}

// String returns the kind's name: "dir", "file", "symlink" and so on.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Hides says what an entry hides of the layers below its own.
type Hides uint8

// What an entry can hide. Their numbers are part of the TOC format.
const (
	HidesNothing  Hides = iota // nothing beyond what replacing it hides
	HidesChildren              // what lower layers have below the path (an opaque marker); the directory itself stays merged
	HidesAll                   // the path and all below it (a whiteout)
)

// Digest is a collision-resistant hash. Of a regular file it is the BLAKE3-256 of
// its content; of a directory it covers everything below it (see Entry.Digest).
type Digest [32]byte

// String returns the digest as "blake3:<hex>", or "" for the zero value.
func (d Digest) String() string {
	if d == (Digest{}) {
		return ""
	}
	return "blake3:" + hex.EncodeToString(d[:])
}

// Xattr is one extended attribute. Value holds arbitrary bytes.
type Xattr struct{ Name, Value string }

// Time is a time stamp with all the range that a tar can carry; it is not
// time.Time because equal times must be equal values.
type Time struct {
	Sec  int64 // seconds since 1970, negative before
	Nsec int32 // 0 to 999,999,999
}

// Time returns the stamp as a time.Time in UTC.
func (t Time) Time() time.Time { return time.Unix(t.Sec, int64(t.Nsec)).UTC() }

// Entry is one change that a layer makes at one path. A layer's TOC has at most
// one entry for a path: what the tar says about it in several places is already
// merged (see LAYER_RULES: duplicates, hard links, whiteouts, implied parents).
type Entry struct {
	// Path is clean and relative to the image's root, without a leading slash;
	// the root itself is "". It holds arbitrary bytes but NUL.
	Path string
	Kind Kind
	// Hides says what of the lower layers the entry hides, besides what Kind
	// replaces: any kind but Dir and Absent replaces whatever was there.
	Hides Hides
	// Implied marks a directory that the tar does not name but needs as a parent.
	// Its attributes are 0755, root, time 0, and those of a lower layer's
	// directory at the path, if any, win over them.
	Implied  bool
	Mode     uint32 // permission bits with setuid, setgid and sticky: 07777
	UID, GID uint32
	Size     int64 // of a regular file: its logical length, holes included
	ModTime  Time
	Link     string // see Symlink and HardLink
	// Major and Minor number a device.
	Major, Minor uint32
	Xattrs       []Xattr // sorted by name; nil if there are none
	// Digest of a File is that of its content. Of a Dir it covers the names, kinds,
	// attributes, contents and whiteouts of everything below, but no time stamps
	// and not the directory's own attributes: equal digests mean equal subtrees.
	Digest Digest
	// TimesDigest of a Dir covers the time stamps of everything below it.
	TimesDigest Digest
	// Group numbers, from 1, the sets of names in this layer that are one file by
	// hard links; 0 for a file with one name here. Links is the number of names.
	Group, Links uint32
	// Offset is where the entry's first header block starts in the uncompressed
	// tar; -1 if the tar has none (implied directories, pure whiteouts). All names
	// of a link group carry the offset of the entry that holds the content.
	Offset int64
}

// Name returns the last component of the path.
func (e *Entry) Name() string { return e.Path[strings.LastIndexByte(e.Path, '/')+1:] }

// HasContent reports whether the layer's tar holds a file's bytes for the entry.
func (e *Entry) HasContent() bool { return e.Kind == File }

// ComparePaths orders clean paths as TOCs and trees do: a directory comes right
// before everything below it, and siblings are in byte order, as if the slash
// were the lowest byte.
func ComparePaths(a, b string) int { return comparePaths(a, b) }

func comparePaths[A, B []byte | string](a A, b B) int {
	n := min(len(a), len(b))
	for i := range n {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x == '/' {
			return -1
		}
		if y == '/' || x > y {
			return 1
		}
		return -1
	}
	return len(a) - len(b)
}
