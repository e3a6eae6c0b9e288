//go:build linux

package unpack

import (
	"errors"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/layer"
)

// Finish waits for the contents, makes everything that is no regular file, and
// gives directories their attributes, from the leaves up. The items are those of
// Prepare. A file that no layer gave its content is an error. What could not be
// kept is returned, in no order.
func (t *Target) Finish(items Items) ([]Loss, error) {
	if err := t.batch.wait(); err != nil {
		return nil, err
	}
	if err := t.settle(); err != nil {
		return nil, err
	}
	f := finisher{t: t, first: map[fileID]link{}}
	if err := f.each(items, f.leaf); err != nil {
		return nil, err
	}
	f.walk = walk{leave: t.finishDir}
	if err := f.each(items, nil); err != nil {
		return nil, err
	}
	return t.losses.all(), nil
}

// settle checks that all contents came, and copies those that two files share
// without being one.
func (t *Target) settle() error {
	for _, files := range t.plan.files {
		for i := range files {
			if f := &files[i]; !f.done {
				return &PathError{Op: "write", Path: t.pathOf(f), Err: errMissing}
			}
		}
	}
	return t.copyFiles()
}

// finisher makes what has no content of its own. All of it is made before the first
// directory gets its attributes, which may take away the right to make links.
type finisher struct {
	t     *Target
	walk  walk
	first map[fileID]link // of files with several names
}

// link is a name that others are linked to.
type link struct {
	dir  uint32
	base string
}

// each goes through the items, and gives to leaf those that are no directories.
func (f *finisher) each(items Items, leaf func(item *Item, base string) error) error {
	for item, err := range items {
		if err != nil {
			return err
		}
		base, err := f.walk.enter(&item)
		if err != nil {
			return err
		}
		if item.Kind == layer.Dir {
			f.walk.push(&item)
		} else if leaf != nil {
			if err := leaf(&item, base); err != nil {
				return err
			}
		}
	}
	return f.walk.end()
}

func (f *finisher) leaf(item *Item, base string) error {
	dir := f.walk.dir()
	if severalNames(item) {
		id := idOf(item)
		if to, ok := f.first[id]; ok {
			return f.link(to, dir, base, item.Path)
		}
		f.first[id] = link{dir: dir, base: base}
	}
	if item.Kind == layer.File {
		return nil
	}
	h, err := f.t.dirs.get(dir)
	if err != nil {
		return err
	}
	defer f.t.dirs.put(h)
	return f.t.makeSpecial(h.fd, base, item)
}

// link makes a further name for a file. If the first could not be made, neither
// can this.
func (f *finisher) link(to link, dir uint32, base, path string) error {
	from, err := f.t.dirs.get(to.dir)
	if err != nil {
		return err
	}
	defer f.t.dirs.put(from)
	into, err := f.t.dirs.get(dir)
	if err != nil {
		return err
	}
	defer f.t.dirs.put(into)
	err = unix.Linkat(from.fd, to.base, into.fd, base, 0)
	if errors.Is(err, unix.ENOENT) && f.t.losses.has("device") {
		f.t.losses.add("device", path, "its first name could not be made")
		return nil
	}
	if err != nil {
		return &PathError{Op: "link", Path: path, Err: err}
	}
	return nil
}

// makeSpecial makes symbolic links, devices, pipes and whiteouts.
func (t *Target) makeSpecial(dir int, base string, item *Item) error {
	failed := func(op string, err error) error { return &PathError{Op: op, Path: item.Path, Err: err} }
	switch item.Kind {
	case layer.Symlink:
		if err := unix.Symlinkat(item.Link, dir, base); err != nil {
			return failed("symlink", err)
		}
	case layer.Absent:
		if t.options.Overlay == Flat {
			return failed("whiteout", errNoLayers)
		}
		if err := unix.Mknodat(dir, base, unix.S_IFCHR, 0); err != nil {
			return failed("mknod", err)
		}
		return nil
	default:
		made, err := t.makeNode(dir, base, item)
		if err != nil {
			return err
		}
		if !made {
			return t.standIn(dir, base, item)
		}
	}
	a := attributesOf(&item.Entry)
	return t.apply(place{dir: dir, fd: -1, base: base, path: func() string { return item.Path }}, &a)
}

var nodeTypes = map[layer.Kind]uint32{layer.Char: unix.S_IFCHR, layer.Block: unix.S_IFBLK, layer.Fifo: unix.S_IFIFO}

// makeNode makes a device or a pipe, and reports whether this user may.
func (t *Target) makeNode(dir int, base string, item *Item) (bool, error) {
	device := unix.Mkdev(item.Major, item.Minor)
	if unix.Major(device) != item.Major || unix.Minor(device) != item.Minor || device > 1<<32-1 {
		t.losses.add("device", item.Path, "the kernel has no such number")
		return false, nil
	}
	err := unix.Mknodat(dir, base, nodeTypes[item.Kind]|0o600, int(device))
	if errors.Is(err, unix.EPERM) && item.Kind != layer.Fifo {
		t.losses.add("device", item.Path, "only root may make devices")
		return false, nil
	}
	if err != nil {
		return false, &PathError{Op: "mknod", Path: item.Path, Err: err}
	}
	return true, nil
}

// standIn makes, in an overlay's directory, a file that nobody can read in the place
// of a device that cannot be had: what lower directories have there stays hidden.
func (t *Target) standIn(dir int, base string, item *Item) error {
	if t.options.Overlay == Flat {
		return nil
	}
	fd, err := openat(dir, base, fileFlags, 0)
	if err != nil {
		return &PathError{Op: "create", Path: item.Path, Err: err}
	}
	defer unix.Close(fd)
	a := attributes{kind: layer.File, uid: item.UID, gid: item.GID, time: item.ModTime}
	return t.apply(place{dir: dir, fd: fd, base: base, path: func() string { return item.Path }}, &a)
}

// finishDir gives a directory its attributes. Nothing is made in it any more.
func (t *Target) finishDir(d openDir) error {
	h, err := t.dirs.get(d.number)
	if err != nil {
		return err
	}
	defer t.dirs.put(h)
	if d.item.Opaque {
		if err := t.setOpaque(h.fd, &d.item); err != nil {
			return err
		}
	}
	a := attributesOf(&d.item.Entry)
	return t.apply(place{dir: h.fd, fd: h.fd, base: ".", path: func() string { return d.item.Path }}, &a)
}

var overlayPrefix = map[Overlay]string{Trusted: "trusted", User: "user"}

func (t *Target) setOpaque(fd int, item *Item) error {
	prefix := overlayPrefix[t.options.Overlay]
	if prefix == "" {
		return &PathError{Op: "whiteout", Path: item.Path, Err: errNoLayers}
	}
	if err := unix.Fsetxattr(fd, prefix+".overlay.opaque", []byte("y"), 0); err != nil {
		return &PathError{Op: "setxattr", Path: item.Path, Err: err}
	}
	return nil
}

func procPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }
