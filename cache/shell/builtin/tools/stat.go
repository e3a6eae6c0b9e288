//go:build linux

package tools

import (
	"cmp"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

var stat = Tool{
	Name: "stat", Usage: "[-L] [-c FORMAT] FILE...",
	About: `all that is known of files; -L: of what links lead to. FORMAT may have
%n name, %N name and target, %F kind, %s size, %b blocks of %B bytes, %o I/O size, %a %A mode, %f mode in hexadecimal,
%u %U owner, %g %G group, %h links, %i inode, %d %D device, %t %T device of a device file, %w birth, %x access,
%y change of the content, %z change; %W %X %Y %Z in seconds`,
	run: runStat,
}

// The lines of stat without a format; the third is another for device files.
const (
	statFirst  = "  File: %N\n  Size: %-10s\tBlocks: %-10b IO Block: %-6o %F\n"
	statInode  = "Device: %Hd,%Ld\tInode: %-11i Links: %h\n"
	statDevice = "Device: %Hd,%Ld\tInode: %-11i Links: %-5h Device type: %Hr,%Lr\n"
	statRest   = "Access: (%04a/%10.10A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)\n" +
		"Access: %x\nModify: %y\nChange: %z\n Birth: %w\n"
)

// statFile is a file that stat is asked of.
type statFile struct {
	*call
	name, path string
	unix.Stat_t
	born     unix.Timespec
	hasBirth bool
}

func runStat(c *call) error {
	given, files, err := c.options("Lc:")
	if err != nil {
		return err
	}
	follow, format := false, ""
	for _, o := range given {
		switch o.letter {
		case 'L':
			follow = true
		case 'c':
			format = o.value + "\n"
		}
	}
	if len(files) == 0 {
		return misused("which file?")
	}
	for _, name := range files {
		if err := c.going(); err != nil {
			return err
		}
		f := &statFile{call: c, name: name, path: c.at(name)}
		if f.Stat_t, err = status(unix.AT_FDCWD, f.path, follow); err != nil {
			c.fail(name, err)
			continue
		}
		f.birth(follow)
		if err := f.print(format); err != nil {
			return err
		}
	}
	return nil
}

// birth is what not every file system knows.
func (f *statFile) birth(follow bool) {
	flags := unix.AT_SYMLINK_NOFOLLOW
	if follow {
		flags = 0
	}
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, f.path, flags, unix.STATX_BTIME, &st); err == nil && st.Mask&unix.STATX_BTIME != 0 {
		f.born, f.hasBirth = unix.Timespec{Sec: st.Btime.Sec, Nsec: int64(st.Btime.Nsec)}, true
	}
}

func (f *statFile) print(format string) error {
	switch {
	case format != "":
	case isDevice(&f.Stat_t):
		format = statFirst + statDevice + statRest
	default:
		format = statFirst + statInode + statRest
	}
	for {
		before, after, found := strings.Cut(format, "%")
		if _, err := f.out.WriteString(before); err != nil || !found {
			return err
		}
		var err error
		if format, err = f.directive(after); err != nil {
			return err
		}
	}
}

// directive prints what one % of the format stands for, and returns the rest.
func (f *statFile) directive(text string) (rest string, err error) {
	flags := text[:len(text)-len(strings.TrimLeft(text, "-0#+ '123456789."))]
	rest = text[len(flags):]
	if rest == "" {
		return "", misused("the format ends in %%")
	}
	name := rest[:1]
	if (name == "H" || name == "L") && len(rest) > 1 {
		name = rest[:2]
	}
	rest = rest[len(name):]
	switch value := f.value(name).(type) {
	case nil:
		return "", misused("no directive %%%s", quoted(name))
	case string:
		_, err = fmt.Fprintf(f.out, "%"+strings.TrimLeft(flags, "0#+'")+"s", value)
	default:
		verb := map[string]string{"a": "o", "f": "x", "D": "x", "t": "x", "T": "x"}[name]
		if verb == "" {
			verb = "d"
		}
		_, err = fmt.Fprintf(f.out, "%"+strings.ReplaceAll(flags, "'", "")+verb, value)
	}
	return rest, err
}

// value is a number or a text; nil if there is no such directive.
func (f *statFile) value(name string) any {
	switch name {
	case "%":
		return "%"
	case "n":
		return f.shown(f.name)
	case "N":
		return f.named()
	case "F":
		return typeName(&f.Stat_t)
	case "A":
		return modeText(f.Mode)
	case "U":
		return cmp.Or(f.user(f.Uid), "UNKNOWN")
	case "G":
		return cmp.Or(f.group(f.Gid), "UNKNOWN")
	case "w", "x", "y", "z":
		return f.moment(name)
	}
	n, ok := f.number(name)
	if !ok {
		return nil
	}
	return n
}

func (f *statFile) number(name string) (n int64, ok bool) {
	switch name {
	case "s":
		return f.Size, true
	case "b":
		return f.Blocks, true
	case "B":
		return 512, true
	case "o":
		return int64(f.Blksize), true
	case "a":
		return int64(f.Mode & 0o7777), true
	case "f":
		return int64(f.Mode), true
	case "u":
		return int64(f.Uid), true
	case "g":
		return int64(f.Gid), true
	case "h":
		return int64(f.Nlink), true
	case "i":
		return int64(f.Ino), true
	case "d", "D":
		return int64(f.Dev), true
	case "Hd":
		return int64(unix.Major(f.Dev)), true
	case "Ld":
		return int64(unix.Minor(f.Dev)), true
	case "t", "Hr":
		return int64(unix.Major(f.Rdev)), true
	case "T", "Lr":
		return int64(unix.Minor(f.Rdev)), true
	case "W", "X", "Y", "Z":
		t, known := f.timeOf(strings.ToLower(name))
		if !known {
			return 0, true
		}
		return t.Sec, true
	}
	return 0, false
}

func (f *statFile) timeOf(name string) (unix.Timespec, bool) {
	switch name {
	case "x":
		return f.Atim, true
	case "y":
		return f.Mtim, true
	case "z":
		return f.Ctim, true
	}
	return f.born, f.hasBirth
}

func (f *statFile) moment(name string) string {
	t, known := f.timeOf(name)
	if !known {
		return "-"
	}
	return f.clock(t, "2006-01-02 15:04:05.000000000 -0700")
}

// named is the name, and where it leads if it is a link.
func (f *statFile) named() string {
	name := f.shown(f.name)
	if !isLink(&f.Stat_t) {
		return name
	}
	to, err := linkTarget(unix.AT_FDCWD, f.path)
	if err != nil {
		f.fail(f.name, err)
		return name
	}
	return name + " -> " + f.shown(to)
}
