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

// Staged is a directory with the contents of one layer's regular files, written before
// it is known which of them are to be seen, and where: that is known when all of the
// layer has been read. Those too are there that turn out to be replaced in the same
// layer. A Target takes them. It is a layer.Contents, for one pass, which Flush ends.
//
// Small files are packed one behind the other, since to make a file and rename it
// costs more than to write it twice; others are files named by their offsets.
type Staged struct {
	root  *os.File
	path  string
	pack  *pack
	plan  *plan // of its directories
	dirs  *dirs
	first []int64 // the offset of each directory's first file
	count int     // files in directories

	now stagedFile
}

const (
	packedFile  = 32 << 10 // up to which size a file is packed
	stagedFiles = 1024     // how many files are put into one directory
)

// stagedFile is the file that is being given. It is kept in memory as long as it is
// small.
type stagedFile struct {
	s      *Staged
	offset int64
	small  []byte
	large  *output
}

// NewStaged begins with an empty directory that belongs to the caller alone.
func NewStaged(dir string) (*Staged, error) {
	fd, err := openat(unix.AT_FDCWD, dir, dirFlags, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	root := os.NewFile(uintptr(fd), dir)
	pack, err := newPack(fd)
	if err != nil {
		return nil, closing(root, err)
	}
	p := newPlan()
	p.addDir(0, "")
	return &Staged{root: root, path: dir, pack: pack, plan: p, dirs: newDirs(fd, p)}, nil
}

// Begin takes the content of the file at the offset, which is higher than any before.
func (s *Staged) Begin(offset int64) (io.Writer, error) {
	s.now = stagedFile{s: s, offset: offset, small: s.now.small[:0]}
	return &s.now, nil
}

// Write adds to the content. A file that grows large is written as it comes.
func (f *stagedFile) Write(p []byte) (n int, err error) {
	if f.large == nil && len(f.small)+len(p) <= packedFile {
		f.small = append(f.small, p...)
		return len(p), nil
	}
	if f.large == nil {
		if f.large, err = f.s.create(f.offset); err != nil {
			return 0, err
		}
		if _, err := f.large.Write(f.small); err != nil {
			return 0, err
		}
	}
	return f.large.Write(p)
}

// End ends the file that Begin began.
func (s *Staged) End() error {
	large := s.now.large
	if large == nil {
		return s.pack.add(s.now.offset, s.now.small)
	}
	s.now.large = nil
	return large.end(asItIs)
}

func asItIs(place) error { return nil }

// create makes the file for an offset that is higher than any before.
func (s *Staged) create(offset int64) (*output, error) {
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
	return create(s.dirs, dir, stagedName(offset), func(op string, err error) error {
		return stagedError(op, offset, err)
	})
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

func stagedError(op string, offset int64, err error) error {
	return fmt.Errorf("%s of the file at byte %d of the layer's tar: %w", op, offset, err)
}

// Flush follows when all was given: what was staged can be taken.
func (s *Staged) Flush() error {
	s.now.small = nil
	return s.pack.flush()
}

// Copy stages what another has staged at the offsets, which ascend and are higher than
// any before: for another Target that wants the same files. Flush follows.
func (s *Staged) Copy(ctx context.Context, from *Staged, offsets []int64) error {
	var large []int64
	err := from.pack.each(ctx, func(offset int64, data []byte) error {
		i, found := slices.BinarySearch(offsets, offset)
		large = append(large, offsets[:i]...)
		offsets = offsets[i:]
		if !found {
			return nil
		}
		offsets = offsets[1:]
		return s.pack.add(offset, data)
	})
	if err != nil {
		return err
	}
	for _, offset := range append(large, offsets...) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.copyLarge(from, offset); err != nil {
			return err
		}
	}
	return nil
}

func (s *Staged) copyLarge(from *Staged, offset int64) error {
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
	o, err := s.create(offset)
	if err != nil {
		return err
	}
	if err := o.copyFrom(source); err != nil {
		o.abandon()
		return err
	}
	return o.end(asItIs)
}

// Discard removes what no Target has taken, and the directory. No pass gives it
// anything any more.
func (s *Staged) Discard() error {
	if s.now.large != nil { // a pass has ended in the middle of it
		s.now.large.abandon()
	}
	s.dirs.close()
	return errors.Join(s.pack.close(), s.root.Close(), Remove(s.path))
}
