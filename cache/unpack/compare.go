//go:build linux

package unpack

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/layer"
)

// Difference is something in a directory that is not as the items say.
type Difference struct {
	Path string // in the image; "" is its root
	What string // "missing", "mode is 0644, not 0600" …
}

// Comparison is what Compare found.
type Comparison struct {
	First []Difference // in the order of the paths, at most ten
	Count int64        // of all differences
	Bytes int64        // read
}

// mostDifferences is how many are told one by one.
const mostDifferences = 10

// Compare holds a directory that was filled with the items against them: names, kinds,
// modes, owners, times, links, devices, extended attributes, and contents, of which
// digest makes the digest. What the losses say was not kept is not asked for. A file
// that this user may not read is passed over. Memory is needed for linked files only.
func Compare(ctx context.Context, dir string, items Items, o Options, losses []Loss, digest func(io.Reader) (layer.Digest, error)) (Comparison, error) {
	c := &comparer{options: o, digest: digest, lost: map[string]bool{}, groups: map[fileID]*group{}, inodes: map[uint64]fileID{}}
	for _, l := range losses {
		c.lost[l.What] = true
	}
	wanted, stopWanted := iter.Pull2(items)
	defer stopWanted()
	present, stopPresent := iter.Pull2(entries(ctx, dir))
	defer stopPresent()
	if err := c.merge(wanted, present); err != nil {
		return c.found, err
	}
	c.checkGroups()
	return c.found, nil
}

// comparer is one comparison.
type comparer struct {
	options Options
	digest  func(io.Reader) (layer.Digest, error)
	lost    map[string]bool // by Loss.What
	found   Comparison
	groups  map[fileID]*group
	inodes  map[uint64]fileID // the groups of linked files, by the number on the disk
	closed  string            // the directory, with a slash, that this user may not look into; "" if none was met
}

func (c *comparer) differs(path, format string, a ...any) {
	if c.found.Count++; c.found.Count <= mostDifferences {
		c.found.First = append(c.found.First, Difference{path, fmt.Sprintf(format, a...)})
	}
}

// merge goes through what is wanted and what is there side by side. Of a directory that
// should not be there only itself is told.
func (c *comparer) merge(wanted func() (Item, error, bool), present func() (*entry, error, bool)) error {
	item, err, more := wanted()
	e, failed, there := present()
	extra := ""
	for more || there {
		if err != nil {
			return err
		}
		if failed != nil {
			return failed
		}
		order := -1
		switch {
		case more && there:
			order = layer.ComparePaths(item.Path, e.path)
		case there:
			order = 1
		}
		if order < 0 && !c.isLost(&item) && !c.isHidden(&item) {
			c.differs(item.Path, "missing")
		}
		if order > 0 && (extra == "" || !strings.HasPrefix(e.path, extra)) {
			c.differs(e.path, "not in the layer")
			extra = e.path + "/"
		}
		if order == 0 {
			if err := c.compare(&item, e); err != nil {
				return err
			}
		}
		if order <= 0 {
			item, err, more = wanted()
		}
		if order >= 0 {
			e, failed, there = present()
		}
	}
	return nil
}

// isHidden reports whether an item is where this user cannot see it.
func (c *comparer) isHidden(item *Item) bool {
	return c.closed != "" && strings.HasPrefix(item.Path, c.closed)
}

// isLost reports whether an item may not be there: a further name of a device that
// could not be made.
func (c *comparer) isLost(item *Item) bool {
	return c.lost["device"] && (item.Kind == layer.Char || item.Kind == layer.Block)
}

var kindBits = map[layer.Kind]uint32{
	layer.Absent: unix.S_IFCHR, layer.Dir: unix.S_IFDIR, layer.File: unix.S_IFREG, layer.Symlink: unix.S_IFLNK,
	layer.Char: unix.S_IFCHR, layer.Block: unix.S_IFBLK, layer.Fifo: unix.S_IFIFO,
}

var kindNames = map[uint32]string{
	unix.S_IFDIR: "a directory", unix.S_IFREG: "a file", unix.S_IFLNK: "a symbolic link",
	unix.S_IFCHR: "a character device", unix.S_IFBLK: "a block device", unix.S_IFIFO: "a pipe", unix.S_IFSOCK: "a socket",
}

// compare compares one path.
func (c *comparer) compare(item *Item, e *entry) error {
	got, want := e.stat.Mode&unix.S_IFMT, kindBits[item.Kind]
	if c.isLost(item) && got == unix.S_IFREG && e.stat.Size == 0 && e.stat.Mode&0o7777 == 0 {
		return nil // what stands in its place
	}
	if got != want {
		c.differs(item.Path, "%s, not %s", kindNames[got], kindNames[want])
		return nil
	}
	if item.Kind == layer.Absent {
		if e.stat.Rdev != 0 {
			c.differs(item.Path, "a device, not a whiteout")
		}
		return nil
	}
	if item.Kind != layer.Dir {
		c.link(item, e)
	}
	if e.closed {
		c.closed = item.Path + "/"
	}
	c.compareStat(item, &e.stat)
	switch item.Kind {
	case layer.Symlink:
		if to, err := e.readlink(); err != nil || to != item.Link {
			c.differs(item.Path, "it leads to %q, not %q", to, item.Link)
		}
	case layer.File:
		if err := c.compareContent(item, e); err != nil {
			return err
		}
	}
	return c.compareXattrs(item, e)
}

func (c *comparer) compareStat(item *Item, st *unix.Stat_t) {
	if mode := st.Mode & 0o7777; item.Kind != layer.Symlink && mode != item.Mode {
		c.differs(item.Path, "mode is %04o, not %04o", mode, item.Mode)
	}
	if !c.options.KeepOwner && !c.lost["owner"] && (st.Uid != item.UID || st.Gid != item.GID) {
		c.differs(item.Path, "owner is %d:%d, not %d:%d", st.Uid, st.Gid, item.UID, item.GID)
	}
	// What is further away than 32 bits reach, not every file system keeps.
	near := item.ModTime.Sec == int64(int32(item.ModTime.Sec))
	if got := (layer.Time{Sec: st.Mtim.Sec, Nsec: int32(st.Mtim.Nsec)}); near && got != item.ModTime {
		c.differs(item.Path, "time is %s, not %s", timeText(got), timeText(item.ModTime))
	}
	if device := unix.Mkdev(item.Major, item.Minor); (item.Kind == layer.Char || item.Kind == layer.Block) && st.Rdev != device {
		c.differs(item.Path, "device is %d:%d, not %d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev), item.Major, item.Minor)
	}
}

func timeText(t layer.Time) string { return t.Time().Format("2006-01-02T15:04:05.999999999Z") }

// compareContent reads a file whose size is right.
func (c *comparer) compareContent(item *Item, e *entry) error {
	if e.stat.Size != item.Size {
		c.differs(item.Path, "%d bytes, not %d", e.stat.Size, item.Size)
		return nil
	}
	f, err := e.open()
	if err != nil {
		return unreadable(err)
	}
	defer f.Close()
	got, err := c.digest(f)
	if err != nil {
		return err
	}
	c.found.Bytes += item.Size
	if got != item.Digest {
		c.differs(item.Path, "its content is another")
	}
	return nil
}
