//go:build linux

package tools

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var ls = Tool{
	Name: "ls", Usage: "[-alAdhR1CntSriFL] [FILE...]",
	About: `what is in directories: -a with hidden names, -A but . and ..; -l with all that is known, -n owners as numbers,
-h sizes for people, -i inode numbers, -F marks kinds; -d directories themselves, -R all below, -L what links lead to;
-t by time, -S by size, -r the other way round, -1 a name a line, -C in columns`,
	run: runLs, misused: 2,
}

// lister is one run of ls.
type lister struct {
	*call
	all, almost, itself, below, follow bool
	long, numeric, human, inode, marks bool
	byTime, bySize, reverse            bool
	columns                            bool
	now                                time.Time
	printed, titled                    bool
}

// entry is a name, and what is known of it.
type entry struct {
	name   string
	st     unix.Stat_t
	target string // of a link, in long lists
}

func runLs(c *call) error {
	l := &lister{call: c, now: time.Now(), columns: c.terminal}
	operands, err := l.configure()
	if err != nil {
		return err
	}
	if len(operands) == 0 {
		operands = []string{"."}
	}
	var files []entry
	var dirs []entry
	for _, name := range operands {
		e, err := l.operand(name)
		if err != nil {
			l.serious(name, err)
			continue
		}
		if isDir(&e.st) && !l.itself {
			dirs = append(dirs, e)
		} else {
			files = append(files, e)
		}
	}
	l.titled = len(operands) > 1 || l.below
	l.sort(files)
	l.sort(dirs)
	if err := l.print(files); err != nil {
		return err
	}
	l.printed = len(files) > 0
	for _, d := range dirs {
		if err := l.dir(unix.AT_FDCWD, l.at(d.name), d.name, true, nil); err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) configure() (operands []string, err error) {
	given, operands, err := l.options("alAdhR1CntSriFLpU")
	flags := map[byte]*bool{
		'a': &l.all, 'A': &l.almost, 'd': &l.itself, 'h': &l.human, 'R': &l.below, 'C': &l.columns, 'r': &l.reverse,
		't': &l.byTime, 'S': &l.bySize, 'i': &l.inode, 'F': &l.marks, 'L': &l.follow, 'l': &l.long, 'n': &l.numeric,
	}
	for _, o := range given {
		switch o.letter {
		case '1':
			l.columns = false
		case 'n':
			l.numeric, l.long = true, true
		case 't':
			l.byTime, l.bySize = true, false
		case 'S':
			l.byTime, l.bySize = false, true
		default:
			if f := flags[o.letter]; f != nil {
				*f = true
			}
		}
	}
	return operands, err
}

// operand looks at what was named: through links, but where they are what is asked for.
func (l *lister) operand(name string) (e entry, err error) {
	e.name = name
	if l.follow || !l.itself && !l.long && !l.marks {
		e.st, err = status(unix.AT_FDCWD, l.at(name), true)
		if !errors.Is(err, fs.ErrNotExist) && (err != nil || l.follow || isDir(&e.st)) {
			return e, err
		}
	}
	if e.st, err = status(unix.AT_FDCWD, l.at(name), false); err == nil {
		e.target = l.target(unix.AT_FDCWD, l.at(name), name, &e.st)
	}
	return e, err
}

func (l *lister) target(dir int, name, shown string, st *unix.Stat_t) string {
	if !l.long || !isLink(st) {
		return ""
	}
	to, err := linkTarget(dir, name)
	if err != nil {
		l.fail(shown, err)
	}
	return to
}

// serious is a failure with what the user named.
func (l *lister) serious(name string, err error) {
	l.fail(name, err)
	l.code = 2
}

// dir lists a directory; above are the directories that it is in, by which a loop is
// known.
func (l *lister) dir(at int, name, shown string, named bool, above []unix.Stat_t) error {
	if err := l.going(); err != nil {
		return err
	}
	f, err := openDir(at, name, named)
	if err != nil {
		if l.fail(shown, err); named {
			l.code = 2
		}
		return nil
	}
	defer f.Close()
	entries, blocks, err := l.read(f, shown)
	if err := l.tellRead(shown, err); err != nil {
		return err
	}
	l.sort(entries)
	if l.printed {
		fmt.Fprintln(l.out)
	}
	if l.printed = true; l.titled {
		fmt.Fprintf(l.out, "%s:\n", l.shown(shown))
	}
	if l.long {
		fmt.Fprintf(l.out, "total %s\n", l.blocks(blocks))
	}
	if err := l.print(entries); err != nil || !l.below {
		return err
	}
	return l.descend(f, shown, entries, above)
}

func (l *lister) blocks(n int64) string {
	if l.human {
		return human(n * 512)
	}
	return fmt.Sprint((n + 1) / 2)
}

func (l *lister) descend(f *os.File, shown string, entries []entry, above []unix.Stat_t) error {
	for _, e := range entries {
		if !isDir(&e.st) || e.name == "." || e.name == ".." {
			continue
		}
		below := strings.TrimSuffix(shown, "/") + "/" + e.name
		if slices.ContainsFunc(above, func(a unix.Stat_t) bool { return a.Dev == e.st.Dev && a.Ino == e.st.Ino }) {
			l.fail(below, errors.New("not listed again: it is in itself"))
			continue
		}
		if err := l.dir(int(f.Fd()), e.name, below, l.follow, append(above, e.st)); err != nil {
			return err
		}
	}
	return nil
}

// read reads a directory, and counts the blocks of what it has.
func (l *lister) read(f *os.File, shown string) (entries []entry, blocks int64, err error) {
	add := func(name string) error {
		if strings.HasPrefix(name, ".") && !l.all && !l.almost {
			return nil
		}
		e := entry{name: name}
		var err error
		if e.st, err = status(int(f.Fd()), name, l.follow); err != nil && l.follow {
			e.st, err = status(int(f.Fd()), name, false)
		}
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) { // it has gone meanwhile
				l.fail(shown+"/"+name, err)
			}
			return nil
		}
		e.target = l.target(int(f.Fd()), name, shown+"/"+name, &e.st)
		blocks += e.st.Blocks
		entries = append(entries, e)
		return nil
	}
	if l.all {
		if err := errors.Join(add("."), add("..")); err != nil {
			return nil, 0, err
		}
	}
	err = l.eachName(f, add)
	return entries, blocks, err
}

func (l *lister) sort(entries []entry) {
	slices.SortFunc(entries, func(a, b entry) int {
		order := 0
		switch {
		case l.byTime:
			order = newer(b.st.Mtim, a.st.Mtim)
		case l.bySize:
			order = cmp.Compare(b.st.Size, a.st.Size)
		}
		order = cmp.Or(order, strings.Compare(a.name, b.name))
		if l.reverse {
			return -order
		}
		return order
	})
}
