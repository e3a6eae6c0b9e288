//go:build linux

package unpack

import (
	"container/list"
	"sync"

	"golang.org/x/sys/unix"
)

// openDirs is how many directories are held open at once.
const openDirs = 256

// dirs opens the directories of a plan by their numbers, one component at a time
// from the nearest that is open. It is safe for concurrent use.
type dirs struct {
	mu    sync.Mutex
	root  int
	plan  *plan
	open  map[uint32]*list.Element // of *dirHandle
	order *list.List               // the latest first
}

// dirHandle is an open directory. It is closed when it is neither in the table
// nor in use.
type dirHandle struct {
	number uint32
	fd     int
	users  int
}

func newDirs(root int, p *plan) *dirs {
	return &dirs{root: root, plan: p, open: map[uint32]*list.Element{}, order: list.New()}
}

// get opens a directory; put gives it back.
func (d *dirs) get(number uint32) (*dirHandle, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.take(number)
}

func (d *dirs) take(number uint32) (*dirHandle, error) {
	if e, ok := d.open[number]; ok {
		d.order.MoveToFront(e)
		h := e.Value.(*dirHandle)
		h.users++
		return h, nil
	}
	fd, err := d.openNumber(number)
	if err != nil {
		return nil, err
	}
	h := &dirHandle{number: number, fd: fd, users: 2} // the table, and the caller
	d.open[number] = d.order.PushFront(h)
	if d.order.Len() > openDirs {
		last := d.order.Back()
		d.order.Remove(last)
		old := last.Value.(*dirHandle)
		delete(d.open, old.number)
		d.release(old)
	}
	return h, nil
}

const dirFlags = unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_RDONLY | unix.O_CLOEXEC

// openNumber opens a directory and those on the way to it that are not open.
func (d *dirs) openNumber(number uint32) (int, error) {
	if number == 0 {
		return unix.FcntlInt(uintptr(d.root), unix.F_DUPFD_CLOEXEC, 0)
	}
	var way []uint32
	at := number
	for at != 0 && d.open[at] == nil {
		way = append(way, at)
		at = d.plan.dirs[at].parent
	}
	from := d.root
	if e := d.open[at]; e != nil {
		from = e.Value.(*dirHandle).fd
	}
	fd := from
	for i := len(way) - 1; i >= 0; i-- {
		node := d.plan.dirs[way[i]]
		next, err := openat(fd, d.plan.name(node.name), dirFlags, 0)
		if fd != from {
			unix.Close(fd)
		}
		if err != nil {
			return -1, &PathError{Op: "open", Path: d.plan.path(node.parent, d.plan.name(node.name)), Err: err}
		}
		fd = next
	}
	return fd, nil
}

func (d *dirs) put(h *dirHandle) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.release(h)
}

func (d *dirs) release(h *dirHandle) {
	if h.users--; h.users == 0 {
		unix.Close(h.fd)
	}
}

// close closes all directories that nobody uses.
func (d *dirs) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for e := d.order.Front(); e != nil; e = e.Next() {
		d.release(e.Value.(*dirHandle))
	}
	d.order.Init()
	clear(d.open)
}

func openat(dir int, name string, flags int, mode uint32) (fd int, err error) {
	for {
		fd, err = unix.Openat(dir, name, flags, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
