//go:build linux

package tools

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// modeText is the type and the permissions as ls -l has them.
func modeText(mode uint32) string {
	text := []byte("?rwxrwxrwx")
	text[0] = typeLetter(mode)
	for i := range 9 {
		if mode&(1<<(8-i)) == 0 {
			text[1+i] = '-'
		}
	}
	for _, s := range []struct {
		bit  uint32
		at   int
		with byte
	}{{unix.S_ISUID, 3, 's'}, {unix.S_ISGID, 6, 's'}, {unix.S_ISVTX, 9, 't'}} {
		if mode&s.bit == 0 {
			continue
		}
		if text[s.at] == 'x' {
			text[s.at] = s.with
		} else {
			text[s.at] = s.with - 'a' + 'A'
		}
	}
	return string(text)
}

func typeLetter(mode uint32) byte {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return '-'
	case unix.S_IFDIR:
		return 'd'
	case unix.S_IFLNK:
		return 'l'
	case unix.S_IFCHR:
		return 'c'
	case unix.S_IFBLK:
		return 'b'
	case unix.S_IFIFO:
		return 'p'
	case unix.S_IFSOCK:
		return 's'
	}
	return '?'
}

// typeName is the type in words, as of stat.
func typeName(st *unix.Stat_t) string {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		if st.Size == 0 {
			return "regular empty file"
		}
		return "regular file"
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFLNK:
		return "symbolic link"
	case unix.S_IFCHR:
		return "character special file"
	case unix.S_IFBLK:
		return "block special file"
	case unix.S_IFIFO:
		return "fifo"
	case unix.S_IFSOCK:
		return "socket"
	}
	return "weird file"
}

func isDir(st *unix.Stat_t) bool  { return st.Mode&unix.S_IFMT == unix.S_IFDIR }
func isLink(st *unix.Stat_t) bool { return st.Mode&unix.S_IFMT == unix.S_IFLNK }
func isReg(st *unix.Stat_t) bool  { return st.Mode&unix.S_IFMT == unix.S_IFREG }

func isDevice(st *unix.Stat_t) bool {
	kind := st.Mode & unix.S_IFMT
	return kind == unix.S_IFCHR || kind == unix.S_IFBLK
}

// status is of a name in a directory; follow says that it is of what a link leads to.
func status(dir int, name string, follow bool) (st unix.Stat_t, err error) {
	flags := unix.AT_SYMLINK_NOFOLLOW
	if follow {
		flags = 0
	}
	for {
		err = unix.Fstatat(dir, name, &st, flags)
		if err != unix.EINTR {
			return st, err
		}
	}
}

// linkTarget is where a link says that it leads.
func linkTarget(dir int, name string) (string, error) {
	for size := 256; ; size *= 2 {
		buf := make([]byte, size)
		n, err := unix.Readlinkat(dir, name, buf)
		if err != nil {
			return "", err
		}
		if n < size {
			return string(buf[:n]), nil
		}
	}
}

// openDir opens a directory to be read.
func openDir(dir int, name string, follow bool) (*os.File, error) {
	flags := unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC | unix.O_NONBLOCK
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	for {
		fd, err := unix.Openat(dir, name, flags, 0)
		if err == nil {
			return os.NewFile(uintptr(fd), name), nil
		}
		if err != unix.EINTR {
			return nil, err
		}
	}
}

// eachName calls do with the names in a directory, as they come.
func (c *call) eachName(dir *os.File, do func(name string) error) error {
	for {
		names, err := dir.Readdirnames(256)
		for _, name := range names {
			if err := c.going(); err != nil {
				return err
			}
			if err := do(name); err != nil {
				return err
			}
		}
		if len(names) == 0 {
			if err != nil && err != io.EOF {
				return &readError{err}
			}
			return nil
		}
	}
}

// human is a size in units of 1024, rounded up, in at most four characters.
func human(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10)
	}
	unit, whole, rest := 0, n, false
	for whole >= 1024*1024 {
		rest = rest || whole%1024 != 0
		whole /= 1024
		unit++
	}
	up := func(by int64) int64 {
		v := (whole*by + 1023) / 1024
		if rest && whole*by%1024 == 0 {
			v++
		}
		return v
	}
	if tenths := up(10); tenths < 100 {
		return fmt.Sprintf("%d.%d%c", tenths/10, tenths%10, "KMGTPE"[unit])
	}
	if v := up(1); v < 1024 {
		return fmt.Sprintf("%d%c", v, "KMGTPE"[unit])
	}
	return fmt.Sprintf("1.0%c", "KMGTPE"[unit+1])
}
