//go:build linux

package unpack

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/layer"
)

// group is a file with several names, as the image says or as the disk has it.
type group struct {
	path  string // its first
	inode uint64
	links uint64 // as the disk says
	names uint64 // that were met
}

// link notes that a name is one of a file with several.
func (c *comparer) link(item *Item, e *entry) {
	if !severalNames(item) && e.stat.Nlink == 1 {
		return
	}
	id := idOf(item)
	if !severalNames(item) {
		id.offset = -1 - id.offset // a file of its own, whatever else has its content
	}
	g := c.groups[id]
	if g == nil {
		g = &group{path: item.Path, inode: e.stat.Ino, links: uint64(e.stat.Nlink)}
		c.groups[id] = g
	}
	g.names++
	other, met := c.inodes[e.stat.Ino]
	switch {
	case g.inode != e.stat.Ino:
		c.differs(item.Path, "not the same file as %q", g.path)
	case met && other != id:
		c.differs(item.Path, "the same file as %q", c.groups[other].path)
	case !met:
		c.inodes[e.stat.Ino] = id
	}
}

// checkGroups finds files that have more names on the disk than were met.
func (c *comparer) checkGroups() {
	if c.closed != "" {
		return // the others may be there
	}
	var more []*group
	for _, g := range c.groups {
		if g.links > g.names {
			more = append(more, g)
		}
	}
	slices.SortFunc(more, func(a, b *group) int { return cmp.Compare(a.path, b.path) })
	for _, g := range more {
		c.differs(g.path, "it has %d names, not %d", g.links, g.names)
	}
}

// overlayMark is in the names of attributes that an overlay has for itself.
const overlayMark = ".overlay."

// compareXattrs compares the extended attributes of a file, and the mark of an opaque
// directory.
func (c *comparer) compareXattrs(item *Item, e *entry) error {
	got, err := e.xattrs()
	if err != nil {
		return unreadable(err)
	}
	if item.Kind == layer.Dir && c.options.Overlay != Flat {
		mark := overlayPrefix[c.options.Overlay] + overlayMark + "opaque"
		value, opaque := got[mark]
		if opaque = opaque && value == "y"; opaque != item.Opaque {
			c.differs(item.Path, "opaque: %v, not %v", opaque, item.Opaque)
		}
	}
	for _, x := range item.Xattrs {
		value, ok := got[x.Name]
		if delete(got, x.Name); !ok && !c.lost["xattr"] && !isTrivial(x) || ok && !sameXattr(x, value) {
			c.differs(item.Path, "attribute %s is %q, not %q", x.Name, value, x.Value)
		}
	}
	for name := range got {
		if !isHosts(name) {
			c.differs(item.Path, "attribute %s, which is not in the layer", name)
		}
	}
	return nil
}

// isHosts reports whether an attribute is an overlay's, or one that a security module
// of the host puts on every file.
func isHosts(name string) bool {
	return strings.HasPrefix(name, "trusted"+overlayMark) || strings.HasPrefix(name, "user"+overlayMark) ||
		strings.HasPrefix(name, "security.") && name != capability
}

const capability = "security.capability"

// isTrivial reports whether an attribute is an access control list that says what the
// mode says, which the kernel leaves to that: one with three entries.
func isTrivial(x layer.Xattr) bool {
	const version, entry = 4, 8
	return x.Name == "system.posix_acl_access" && len(x.Value) <= version+3*entry
}

// sameXattr compares values. In a user namespace the kernel writes the namespace's root
// behind a capability, and marks that in the first four bytes.
func sameXattr(want layer.Xattr, got string) bool {
	const head, body = 4, 20
	if want.Name == capability && len(want.Value) == body && len(got) > body {
		return got[head:body] == want.Value[head:]
	}
	return got == want.Value
}

func (e *entry) xattrs() (map[string]string, error) {
	path := procPath(e.dir) + "/" + e.base
	failed := func(err error) error { return &PathError{Op: "listxattr", Path: e.path, Err: err} }
	size, err := unix.Llistxattr(path, nil)
	if err == unix.ENOTSUP || err == nil && size == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, failed(err)
	}
	names := make([]byte, size)
	if size, err = unix.Llistxattr(path, names); err != nil {
		return nil, failed(err)
	}
	all := map[string]string{}
	for name := range strings.SplitSeq(strings.TrimRight(string(names[:size]), "\x00"), "\x00") {
		value, err := e.xattr(path, name)
		if err != nil {
			return nil, failed(err)
		}
		all[name] = value
	}
	return all, nil
}

func (e *entry) xattr(path, name string) (string, error) {
	size, err := unix.Lgetxattr(path, name, nil)
	if err != nil || size == 0 {
		return "", err
	}
	value := make([]byte, size)
	size, err = unix.Lgetxattr(path, name, value)
	return string(value[:max(size, 0)]), err
}
