//go:build linux

package tools

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// names are those of users or groups, by their numbers.
type names map[uint32]string

// The most that is read of an image's files of accounts, and of one line.
const (
	maxAccounts = 16 << 20
	maxAccount  = 1 << 20
)

// user is the name of a user, or "".
func (c *call) user(id uint32) string {
	if c.users == nil {
		c.users = accounts("/etc/passwd")
	}
	return c.users[id]
}

// group is the name of a group, or "".
func (c *call) group(id uint32) string {
	if c.groups == nil {
		c.groups = accounts("/etc/group")
	}
	return c.groups[id]
}

// owner is a name if there is one, and else the number.
func owner(name string, id uint32) string {
	if name != "" {
		return name
	}
	return strconv.FormatUint(uint64(id), 10)
}

// accounts reads names and numbers; the first name of a number counts, and a name that
// is not plain none: it would be taken for other columns. What cannot be read gives no
// names, as in an image without the file.
func accounts(file string) names {
	all := names{}
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return all
	}
	f := os.NewFile(uintptr(fd), file)
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return all
	}
	lines := bufio.NewScanner(io.LimitReader(f, maxAccounts))
	lines.Buffer(make([]byte, 0, 4096), maxAccount)
	for lines.Scan() {
		fields := strings.SplitN(lines.Text(), ":", 4)
		if len(fields) < 4 || fields[0] == "" || !isPlain(fields[0]) {
			continue
		}
		id, err := strconv.ParseUint(fields[2], 10, 32)
		if _, known := all[uint32(id)]; err == nil && !known {
			all[uint32(id)] = fields[0]
		}
	}
	return all
}

// number finds an id by its name or number.
func number(text string, of func(uint32) string, all *names) (uint32, bool) {
	of(0) // reads them
	for id, name := range *all {
		if name == text {
			return id, true
		}
	}
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), err == nil
}
