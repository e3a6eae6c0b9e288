//go:build linux

package unpack

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/layer"
)

var (
	errOrder    = errors.New("an item without its parent before it")
	errTwice    = errors.New("the layer gives its content twice")
	errMissing  = errors.New("no layer gave its content")
	errNoLayers = errors.New("a whiteout has no place in a flat root file system")
)

// Target is a directory that is being filled. Contents of several layers may be
// written at the same time; the other steps are for one goroutine.
type Target struct {
	options Options
	root    *os.File
	plan    *plan
	dirs    *dirs
	batch   batch
	losses  losses
	mu      sync.Mutex
	streams []*contents
}

// Open begins to fill an empty directory that belongs to the caller alone. It is
// made unreadable for others until Finish gives it the image's attributes.
func Open(dir string, o Options) (*Target, error) {
	fd, err := openat(unix.AT_FDCWD, dir, dirFlags, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	root := os.NewFile(uintptr(fd), dir)
	if err := unix.Fchmod(fd, 0o700); err != nil {
		return nil, closing(root, &os.PathError{Op: "chmod", Path: dir, Err: err})
	}
	p := newPlan()
	if o.Share {
		p.same = map[layer.Digest]file{}
	}
	t := &Target{options: o, root: root, plan: p, dirs: newDirs(fd, p)}
	t.batch.writers = newWriters()
	return t, nil
}

func closing(f *os.File, err error) error {
	if e := f.Close(); e != nil {
		return fmt.Errorf("%w; closing it: %v", err, e)
	}
	return err
}

// Close frees what the Target holds, when no pass writes to it any more. What was
// written stays.
func (t *Target) Close() error {
	for _, c := range t.streams {
		c.abandon()
	}
	t.batch.todo.Wait()
	t.batch.writers.stop()
	t.dirs.close()
	return t.root.Close()
}

// Prepare makes the directories of the items, and notes where each file goes.
func (t *Target) Prepare(items Items) error {
	w, named := &walk{}, map[fileID]bool{}
	for item, err := range items {
		if err != nil {
			return err
		}
		if err := t.prepare(w, &item, named); err != nil {
			return err
		}
	}
	t.plan.sort()
	return nil
}

func (t *Target) prepare(w *walk, item *Item, named map[fileID]bool) error {
	base, err := w.enter(item)
	if err != nil {
		return err
	}
	parent := w.dir()
	switch {
	case item.Path == "":
		t.plan.addDir(0, "")
	case item.Kind == layer.Dir:
		if err := t.makeDir(parent, base, item.Path); err != nil {
			return err
		}
		t.plan.addDir(parent, base)
	case item.Kind == layer.File && !named[idOf(item)]:
		if severalNames(item) {
			named[idOf(item)] = true
		}
		if err := t.addFile(parent, base, item); err != nil {
			return err
		}
	}
	w.push(item)
	return nil
}

func (t *Target) makeDir(parent uint32, base, path string) error {
	h, err := t.dirs.get(parent)
	if err != nil {
		return err
	}
	defer t.dirs.put(h)
	if err := unix.Mkdirat(h.fd, base, 0o700); err != nil {
		return &PathError{Op: "mkdir", Path: path, Err: err}
	}
	return nil
}

// walk goes through items in order, and knows the number of the directory that
// each lies in: the same numbers whenever the same items are gone through.
type walk struct {
	open  []openDir // from the root to the current directory
	count uint32    // directories met
	leave func(openDir) error
}

// openDir is a directory on the way to the current item.
type openDir struct {
	number uint32
	item   Item
}

// fileID names a file that has several names: by the layer that links them, the
// layer that carries it and its place there. What a layer above links to is, on an
// overlay, a file of its own.
type fileID struct {
	layer, carrier int
	offset         int64
}

// severalNames reports whether the file may have other names.
func severalNames(item *Item) bool { return item.Group != 0 || item.Layer != item.Carrier }

func idOf(item *Item) fileID { return fileID{item.Layer, item.Carrier, item.Offset} }

// enter leaves the directories that the item does not lie in, and returns the last
// component of its path.
func (w *walk) enter(item *Item) (base string, err error) {
	if item.Path == "" && w.count == 0 {
		return "", nil
	}
	parent := ""
	base = item.Path
	if i := strings.LastIndexByte(base, '/'); i >= 0 {
		parent, base = base[:i], base[i+1:]
	}
	for len(w.open) > 0 && w.open[len(w.open)-1].item.Path != parent {
		if err := w.pop(); err != nil {
			return "", err
		}
	}
	if len(w.open) == 0 {
		return "", &PathError{Op: "order", Path: item.Path, Err: errOrder}
	}
	return base, nil
}

// dir is the number of the directory that the current item lies in.
func (w *walk) dir() uint32 {
	if len(w.open) == 0 {
		return 0
	}
	return w.open[len(w.open)-1].number
}

// push makes an item that is a directory the current one.
func (w *walk) push(item *Item) {
	if item.Kind == layer.Dir {
		w.open = append(w.open, openDir{number: w.count, item: *item})
		w.count++
	}
}

func (w *walk) pop() error {
	last := w.open[len(w.open)-1]
	w.open = w.open[:len(w.open)-1]
	if w.leave == nil {
		return nil
	}
	return w.leave(last)
}

// end leaves all directories.
func (w *walk) end() error {
	for len(w.open) > 0 {
		if err := w.pop(); err != nil {
			return err
		}
	}
	return nil
}
