//go:build linux

package tools

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// print shows entries: a line each with all that is known, or the names.
func (l *lister) print(entries []entry) error {
	if l.long {
		return l.printLong(entries)
	}
	cells := make([]string, len(entries))
	width := 0
	for i, e := range entries {
		if l.inode {
			width = max(width, len(strconv.FormatUint(e.st.Ino, 10)))
		}
		cells[i] = l.named(&e)
	}
	if l.inode {
		for i, e := range entries {
			cells[i] = fmt.Sprintf("%*d %s", width, e.st.Ino, cells[i])
		}
	}
	if l.columns {
		return l.printColumns(cells)
	}
	for _, cell := range cells {
		if _, err := fmt.Fprintln(l.out, cell); err != nil {
			return err
		}
	}
	return nil
}

func (l *lister) named(e *entry) string {
	name := l.shown(e.name)
	if !l.marks {
		return name
	}
	switch kind := typeLetter(e.st.Mode); {
	case kind == 'd':
		return name + "/"
	case kind == 'l':
		return name + "@"
	case kind == 'p':
		return name + "|"
	case kind == 's':
		return name + "="
	case kind == '-' && e.st.Mode&0o111 != 0:
		return name + "*"
	}
	return name
}

// printColumns fills as many columns as the terminal has room for, down and then right.
func (l *lister) printColumns(cells []string) error {
	room, _ := terminalWidth(l.Stdout)
	if room == 0 {
		room = 80
	}
	rows := 1
	for rows < len(cells) && columnsWidth(cells, rows) > room {
		rows++
	}
	for row := range min(rows, len(cells)) {
		var line strings.Builder
		for first := 0; first+row < len(cells); first += rows {
			cell := cells[first+row]
			line.WriteString(cell)
			if first+row+rows < len(cells) {
				pad := columnWidth(cells, first, rows) + 2 - utf8.RuneCountInString(cell)
				line.WriteString(strings.Repeat(" ", pad))
			}
		}
		if _, err := fmt.Fprintln(l.out, line.String()); err != nil {
			return err
		}
	}
	return nil
}

func columnsWidth(cells []string, rows int) int {
	width := -2
	for first := 0; first < len(cells); first += rows {
		width += columnWidth(cells, first, rows) + 2
	}
	return width
}

func columnWidth(cells []string, first, rows int) (width int) {
	for _, cell := range cells[first:min(first+rows, len(cells))] {
		width = max(width, utf8.RuneCountInString(cell))
	}
	return width
}

// row is a line of a long list, in the order of its columns.
type row struct {
	inode, mode, links, owner, group, size, time, name string
}

func (l *lister) printLong(entries []entry) error {
	rows := make([]row, len(entries))
	var w struct{ inode, links, owner, group, size, major, minor, time int }
	for i := range entries {
		r := l.row(&entries[i])
		w.inode, w.links = max(w.inode, len(r.inode)), max(w.links, len(r.links))
		w.owner, w.group = max(w.owner, len(r.owner)), max(w.group, len(r.group))
		w.time = max(w.time, len(r.time))
		if major, minor, ok := strings.Cut(r.size, ", "); ok {
			w.major, w.minor = max(w.major, len(major)), max(w.minor, len(minor))
		} else {
			w.size = max(w.size, len(r.size))
		}
		rows[i] = r
	}
	if w.major > 0 {
		w.size = max(w.size, w.major+2+w.minor)
	}
	for _, r := range rows {
		if major, minor, ok := strings.Cut(r.size, ", "); ok {
			r.size = fmt.Sprintf("%*s, %*s", w.size-2-w.minor, major, w.minor, minor)
		}
		if l.inode {
			fmt.Fprintf(l.out, "%*s ", w.inode, r.inode)
		}
		_, err := fmt.Fprintf(l.out, "%s %*s %s %s %*s %*s %s\n", r.mode, w.links, r.links,
			aligned(r.owner, w.owner), aligned(r.group, w.group), w.size, r.size, w.time, r.time, r.name)
		if err != nil {
			return err
		}
	}
	return nil
}

// aligned is an owner in its column: a name to the left, a number to the right.
func aligned(owner string, width int) string {
	if isDigit(owner[0]) {
		return fmt.Sprintf("%*s", width, owner)
	}
	return fmt.Sprintf("%-*s", width, owner)
}

func (l *lister) row(e *entry) row {
	st := &e.st
	r := row{
		inode: strconv.FormatUint(st.Ino, 10), mode: modeText(st.Mode), links: strconv.FormatUint(uint64(st.Nlink), 10),
		owner: strconv.FormatUint(uint64(st.Uid), 10), group: strconv.FormatUint(uint64(st.Gid), 10),
		time: l.listed(st.Mtim, l.now), name: l.named(e),
	}
	if !l.numeric {
		r.owner, r.group = owner(l.user(st.Uid), st.Uid), owner(l.group(st.Gid), st.Gid)
	}
	switch {
	case isDevice(st):
		r.size = fmt.Sprintf("%d, %d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	case l.human:
		r.size = human(st.Size)
	default:
		r.size = strconv.FormatInt(st.Size, 10)
	}
	if isLink(st) && e.target != "" {
		r.name = l.shown(e.name) + " -> " + l.shown(e.target)
	}
	return r
}
