//go:build linux

package unpack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// Staging writes the contents of layers' files before it is known which of them are
// to be seen, and where: that is known when all of a layer has been read. Any number
// of layers may be staged at the same time.
type Staging struct{ writers *writers }

// NewStaging begins to stage. Close ends it.
func NewStaging() *Staging { return &Staging{writers: newWriters()} }

// Close frees what the Staging holds, when none of its layers is being read any more.
// What was staged stays.
func (s *Staging) Close() { s.writers.stop() }

// stagedFiles is how many files are put into one directory of a Staged.
const stagedFiles = 4096

// Staged is a directory with the contents of one layer's regular files, those too that
// turn out to be replaced in the same layer. They are named by their places in the
// layer's tar, and taken from there by a Target. It is a layer.Contents, for one pass.
type Staged struct {
	root  *os.File
	path  string
	batch batch
	plan  *plan // of its directories
	dirs  *dirs
	first []int64 // the offset of each directory's first file
	count int     // files

	now *stagedFile
}

// stagedFile is the file that is being given. It is kept in memory as long as it is
// small.
type stagedFile struct {
	s      *Staged
	dir    *dirHandle
	offset int64
	small  *job
	large  *output
}

// Begin begins with an empty directory that belongs to the caller alone.
func (s *Staging) Begin(dir string) (*Staged, error) {
	fd, err := openat(unix.AT_FDCWD, dir, dirFlags, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	p := newPlan()
	p.addDir(0, "")
	return &Staged{
		root: os.NewFile(uintptr(fd), dir), path: dir,
		batch: batch{writers: s.writers}, plan: p, dirs: newDirs(fd, p),
	}, nil
}

// Begin takes the content of the file at the offset, which is higher than any before.
func (s *Staged) Begin(offset int64) (io.Writer, error) {
	if err := s.batch.failed(); err != nil {
		return nil, err
	}
	f, err := s.add(offset)
	if err != nil {
		return nil, err
	}
	f.small = newJob()
	s.now = f
	return f, nil
}

// add makes room for a file at an offset that is higher than any before.
func (s *Staged) add(offset int64) (*stagedFile, error) {
	if s.count%stagedFiles == 0 {
		if err := s.addDir(offset); err != nil {
			return nil, err
		}
	}
	s.count++
	dir, err := s.dirs.get(s.dirOf(offset))
	if err != nil {
		return nil, err
	}
	return &stagedFile{s: s, dir: dir, offset: offset}, nil
}

func (s *Staged) addDir(offset int64) error {
	base := strconv.Itoa(len(s.first))
	if err := unix.Mkdirat(int(s.root.Fd()), base, 0o700); err != nil {
		return &os.PathError{Op: "mkdir", Path: s.path + "/" + base, Err: err}
	}
	s.plan.addDir(0, base)
	s.first = append(s.first, offset)
	return nil
}

// dirOf is the number of the directory that has the file at the offset.
func (s *Staged) dirOf(offset int64) uint32 {
	i, found := slices.BinarySearch(s.first, offset)
	if found {
		i++
	}
	return uint32(i)
}

func stagedName(offset int64) string { return strconv.FormatInt(offset, 10) }

// Write adds to the content. A file that grows large is written as it comes.
func (f *stagedFile) Write(p []byte) (n int, err error) {
	if f.large == nil && len(f.small.data)+len(p) <= smallFile {
		return f.small.Write(p)
	}
	if f.large == nil {
		if f.large, err = f.create(); err != nil {
			return 0, err
		}
		if _, err = f.large.Write(f.small.data); err != nil {
			return 0, err
		}
		f.small.free()
		f.small = nil
	}
	return f.large.Write(p)
}

func (f *stagedFile) create() (*output, error) {
	dir := f.dir
	f.dir = nil
	return create(f.s.dirs, dir, stagedName(f.offset), func(op string, err error) error {
		return stagedError(op, f.offset, err)
	})
}

func stagedError(op string, offset int64, err error) error {
	return fmt.Errorf("%s of the file at byte %d of the layer's tar: %w", op, offset, err)
}

// End closes the file that Begin began.
func (s *Staged) End() error {
	f := s.now
	s.now = nil
	if f.large != nil {
		return f.large.end(asItIs)
	}
	s.batch.write(f.small, f.write)
	return nil
}

func (f *stagedFile) write(data []byte) error {
	o, err := f.create()
	if err != nil {
		return err
	}
	if _, err := o.Write(data); err != nil {
		o.abandon()
		return err
	}
	return o.end(asItIs)
}

func asItIs(place) error { return nil }

// Copy stages what another has staged at the offsets, which ascend and are higher than
// any before: for another Target that wants the same files.
func (s *Staged) Copy(ctx context.Context, from *Staged, offsets []int64) error {
	for _, offset := range offsets {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.copyOne(from, offset); err != nil {
			return err
		}
	}
	return nil
}

func (s *Staged) copyOne(from *Staged, offset int64) error {
	dir, err := from.dirs.get(from.dirOf(offset))
	if err != nil {
		return err
	}
	defer from.dirs.put(dir)
	fd, err := openat(dir.fd, stagedName(offset), readFlags, 0)
	if err != nil {
		return stagedError("open", offset, err)
	}
	source := os.NewFile(uintptr(fd), stagedName(offset))
	defer source.Close()
	f, err := s.add(offset)
	if err != nil {
		return err
	}
	o, err := f.create()
	if err != nil {
		return err
	}
	if err := o.copyFrom(source); err != nil {
		o.abandon()
		return err
	}
	return o.end(asItIs)
}

// Wait returns when all that was given is written, with the first error.
func (s *Staged) Wait() error { return s.batch.wait() }

// Discard removes what no Target has taken, and the directory. No pass gives it
// anything any more.
func (s *Staged) Discard() error {
	s.batch.todo.Wait()
	if f := s.now; f != nil { // a pass has ended in the middle of it
		f.abandon()
	}
	s.dirs.close()
	return errors.Join(s.root.Close(), Remove(s.path))
}

func (f *stagedFile) abandon() {
	if f.large != nil {
		f.large.abandon()
	} else if f.dir != nil {
		f.s.dirs.put(f.dir)
	}
}
