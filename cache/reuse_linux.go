package cache

import (
	"context"
	"io"
	"os"
	"strings"

	"github.com/zeebo/blake3"
	"golang.org/x/sys/unix"

	"github.com/layers/layers/cache/layer"
	"github.com/layers/layers/cache/unpack"
)

// reuse knows where in the store's snapshots the contents of files are. Nobody is kept
// from removing a snapshot meanwhile, or from changing it: what is used is checked.
type reuse struct {
	store *Store
	share bool // the files share their blocks with what is made of them
	known map[layer.Digest]reusable
}

// reusable is a file of a snapshot.
type reusable struct {
	snapshot, path string
	size           int64
}

// leastReused is from which size on a file is looked for in the snapshots of other
// layers. Most bytes are in such files, and most files are none.
const leastReused = 64 << 10

// newReuse looks into the snapshots that there are. Where the file system of dir can
// have files share their blocks, all large files are of use, else none but what want
// asks for, which may be nil.
func (s *Store) newReuse(ctx context.Context, dir string, link LinkMode, want func(e *layer.Entry) bool) (*reuse, error) {
	r := &reuse{store: s, share: link != LinkNever && unpack.CanShare(dir), known: map[layer.Digest]reusable{}}
	if !r.share && want == nil {
		return r, nil
	}
	found, err := os.ReadDir(s.path(snapshotDir))
	if ignoreGone(err) != nil {
		return nil, s.writing(err)
	}
	seen := map[string]bool{}
	for _, e := range found {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		hex, _, _ := strings.Cut(e.Name(), "-")
		if !isHex64(hex) || seen[hex] {
			continue
		}
		seen[hex] = true
		r.look(e.Name(), hex, want)
	}
	return r, nil
}

// look notes the files of one snapshot. One whose table cannot be read is of no use.
func (r *reuse) look(snapshot, diffID string, want func(e *layer.Entry) bool) {
	toc, err := layer.OpenTOC(r.store.path(tocDir, diffID))
	if err != nil {
		return
	}
	defer toc.Close()
	for e, err := range toc.Entries("") {
		if err != nil {
			return
		}
		if e.Kind != layer.File || !(r.share && e.Size >= leastReused) && (want == nil || !want(&e)) {
			continue
		}
		if _, ok := r.known[e.Digest]; !ok {
			r.known[e.Digest] = reusable{snapshot: snapshot, path: e.Path, size: e.Size}
		}
	}
}

// find opens a file with the content of an item; nil if there is none.
func (r *reuse) find(item *unpack.Item) *os.File {
	known, ok := r.known[item.Digest]
	if !ok {
		return nil
	}
	f, err := r.open(known)
	if err != nil {
		return nil // removed, or not readable by this user
	}
	if !holds(f, known.size, item.Digest) {
		f.Close()
		return nil
	}
	return f
}

func (r *reuse) open(known reusable) (*os.File, error) {
	root, err := os.Open(filesOfSnapshot(r.store.snapshotPath(known.snapshot)))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	fd, err := unix.Openat2(int(root.Fd()), known.path, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return nil, &os.PathError{Op: "openat2", Path: known.path, Err: err}
	}
	return os.NewFile(uintptr(fd), known.path), nil
}

// holds reports whether a file is a regular one with the content, and leaves it at its
// beginning.
func holds(f *os.File, size int64, want layer.Digest) bool {
	fi, err := f.Stat()
	if err != nil || !fi.Mode().IsRegular() || fi.Size() != size {
		return false
	}
	got, err := contentDigest(f)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	return err == nil && got == want
}

func contentDigest(r io.Reader) (d layer.Digest, err error) {
	h := blake3.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, r, make([]byte, 256<<10)); err != nil {
		return d, err
	}
	h.Sum(d[:0])
	return d, nil
}

// reusing has a directory filled with what is there already, if any of it is.
func (r *reuse) reusing(o unpack.Options) unpack.Options {
	o.Share = r.share
	if len(r.known) > 0 {
		o.Reuse = r.find
	}
	return o
}
