// Package diff says what changed between two images: which files, in which layers and
// by which build steps, and what of it explains the change in size.
//
// It compares tables of contents and touches no disk. Reports are plain structs, whose
// JSON form is the output of the program; layers are numbered from 1, bottom first.
package diff

import (
	"slices"

	"github.com/layers/layers/cache/layer"
)

// Kind says how a path changed.
type Kind string

// The kinds of changes.
const (
	Added    Kind = "added"
	Deleted  Kind = "deleted"
	Modified Kind = "modified"
	Replaced Kind = "replaced" // by something of another kind, as a link by a file
)

// Attribute is something of a file that can differ.
type Attribute string

// The attributes, in the order in which a Change has them.
const (
	Content      Attribute = "content"      // of a regular file
	Target       Attribute = "target"       // of a symbolic link
	Device       Attribute = "device"       // numbers of a device
	Mode         Attribute = "mode"         // permissions, with setuid, setgid and sticky
	Owner        Attribute = "owner"        // user or group
	Capabilities Attribute = "capabilities" // security.capability
	Xattrs       Attribute = "xattrs"       // other extended attributes
	Links        Attribute = "links"        // which other names are the same file
	Time         Attribute = "time"         // when it was modified
)

// attributes are all of them, in their order.
var attributes = []Attribute{Content, Target, Device, Mode, Owner, Capabilities, Xattrs, Links, Time}

// Change is a path that differs between two trees.
type Change struct {
	Path string
	Kind Kind
	What []Attribute // of what was modified
	// Old and New are what the trees have there; nil is nothing.
	Old, New *layer.Node
	// OldBytes and NewBytes are the unpacked bytes that count here: of a file with
	// several names they count at one of them. The sum of all that is new less the sum of
	// all that is old is by how much the trees' files grew.
	OldBytes, NewBytes int64
}

const capability = "security.capability"

// differences lists the attributes in which two files of one kind differ, but for Links.
func differences(a, b *layer.Node, times bool) (what []Attribute) {
	for _, d := range []struct {
		attribute Attribute
		differ    bool
	}{
		{Content, a.Kind == layer.File && (a.Digest != b.Digest || a.Size != b.Size)},
		{Target, a.Kind == layer.Symlink && a.Link != b.Link},
		{Device, a.Major != b.Major || a.Minor != b.Minor},
		{Mode, a.Kind != layer.Symlink && a.Mode != b.Mode}, // a link's has no meaning
		{Owner, a.UID != b.UID || a.GID != b.GID},
		{Capabilities, !slices.Equal(xattrs(a, true), xattrs(b, true))},
		{Xattrs, !slices.Equal(xattrs(a, false), xattrs(b, false))},
		{Time, times && a.ModTime != b.ModTime},
	} {
		if d.differ {
			what = append(what, d.attribute)
		}
	}
	return what
}

// xattrs are the capability of a file, or all others.
func xattrs(n *layer.Node, ofCapability bool) []layer.Xattr {
	if len(n.Xattrs) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(n.Xattrs), func(x layer.Xattr) bool { return (x.Name == capability) != ofCapability })
}
