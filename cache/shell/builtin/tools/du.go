//go:build linux

package tools

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"golang.org/x/sys/unix"
)

var du = Tool{
	Name: "du", Usage: "[-ashbkx] [-d DEPTH] [PATH...]",
	About: "how much space directories take, in KiB; -s one number each, -a also files, -h for people, -b bytes of content, -d so deep",
	run:   runDu,
}

// usage is one run of du.
type usage struct {
	*call
	files, human, apparent, oneDevice bool
	depth                             int
	seen                              map[[2]uint64]bool // files with several names
}

func runDu(c *call) error {
	u := &usage{call: c, depth: 1 << 30, seen: map[[2]uint64]bool{}}
	given, paths, err := c.options("ashbkxcd:")
	if err != nil {
		return err
	}
	for _, o := range given {
		switch o.letter {
		case 'a':
			u.files = true
		case 's':
			u.depth = 0
		case 'h':
			u.human = true
		case 'b':
			u.apparent = true
		case 'x':
			u.oneDevice = true
		case 'd':
			if u.depth, err = strconv.Atoi(o.value); err != nil || u.depth < 0 {
				return misused("%s is no depth", quoted(o.value))
			}
		}
	}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	for _, path := range paths {
		st, err := status(unix.AT_FDCWD, c.at(path), false)
		if err != nil {
			c.fail(path, err)
			continue
		}
		if _, err := u.count(unix.AT_FDCWD, c.at(path), path, &st, 0, st.Dev); err != nil {
			return err
		}
	}
	return nil
}

// count counts a file and all below it, and prints what is asked for.
func (u *usage) count(dir int, name, path string, st *unix.Stat_t, depth int, device uint64) (int64, error) {
	if !isDir(st) && st.Nlink > 1 {
		if u.seen[[2]uint64{st.Dev, st.Ino}] {
			return 0, nil
		}
		u.seen[[2]uint64{st.Dev, st.Ino}] = true
	}
	size := st.Blocks * 512
	if u.apparent {
		size = st.Size
	}
	if isDir(st) {
		below, err := u.below(dir, name, path, depth, device)
		if size += below; err != nil {
			return 0, err
		}
	}
	if depth > u.depth || !isDir(st) && !u.files && depth > 0 {
		return size, nil
	}
	text := strconv.FormatInt((size+1023)/1024, 10)
	switch {
	case u.human:
		text = human(size)
	case u.apparent:
		text = strconv.FormatInt(size, 10)
	}
	_, err := fmt.Fprintf(u.out, "%s\t%s\n", text, u.shown(path))
	return size, err
}

func (u *usage) below(dir int, name, path string, depth int, device uint64) (size int64, err error) {
	f, err := openDir(dir, name, false)
	if err != nil {
		u.fail(path, err)
		return 0, nil
	}
	defer f.Close()
	err = u.eachName(f, func(child string) error {
		at := path + "/" + child
		st, err := status(int(f.Fd()), child, false)
		if errors.Is(err, fs.ErrNotExist) || err == nil && u.oneDevice && st.Dev != device {
			return nil
		}
		if err != nil {
			u.fail(at, err)
			return nil
		}
		n, err := u.count(int(f.Fd()), child, at, &st, depth+1, device)
		size += n
		return err
	})
	return size, u.tellRead(path, err)
}
