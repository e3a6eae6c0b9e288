package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/inspect"
)

func listTable(l *inspect.Listing, o Options) *grid {
	t := &grid{Columns: []column{
		{Title: "MODE", Machine: !o.Long}, {Title: "OWNER", Machine: !o.Long}, {Title: "SIZE", Right: true, Machine: !o.Long},
		{Title: "MODIFIED", Machine: !o.Long}, {Title: "LAYER", Right: true, Machine: !o.Long}, {Title: "PATH"},
		{Key: "kind", Machine: true}, {Key: "link", Machine: true},
	}}
	if !o.Long {
		t.Columns[5].Title, t.Columns[5].Key = "", "path" // names alone need no heading
	}
	t.Rows = func(yield func(gridRow, error) bool) {
		for row, err := range l.Rows() {
			if err != nil {
				yield(gridRow{}, err)
				return
			}
			if !yield(gridRow{Cells: o.listCells(l, &row), Value: &row}, nil) {
				return
			}
		}
	}
	t.Foot = func() ([]string, error) {
		if !l.Truncated() {
			return nil, nil
		}
		left, err := l.Left()
		return []string{fmt.Sprintf("%s and %s more: --limit 0 shows all", o.ellipsis(), Count(left))}, err
	}
	return t
}

func (o Options) listCells(l *inspect.Listing, r *inspect.Row) []cell {
	size := o.maybeBytes(r.Size)
	if r.Major != nil && r.Minor != nil {
		size.Text = fmt.Sprintf("%d, %d", *r.Major, *r.Minor)
	}
	modified := r.Modified
	if len(modified) >= len("2006-01-02T15:04") && modified[0] != '@' {
		modified = strings.Replace(modified[:16], "T", " ", 1)
	}
	return []cell{
		{modeText(r), r.Mode}, o.textCell(fmt.Sprintf("%d:%d", r.UID, r.GID)), size,
		{o.Escape(modified), r.Modified}, countCell(int64(r.Layer)), {o.listName(l, r), term.Escape(r.Path)},
		o.textCell(r.Kind), o.textCell(r.Link),
	}
}

// listName is the name relative to the directory that is listed, with what it
// stands for beside it.
func (o Options) listName(l *inspect.Listing, r *inspect.Row) string {
	name := r.Path
	if l.Dir && l.Path != "" {
		name = strings.TrimPrefix(name, l.Path+"/")
	} else if !l.Dir {
		name = "/" + name
	}
	name = o.Escape(name)
	switch r.Kind {
	case "dir":
		name += "/"
	case "symlink":
		name += o.symbol(" → ", " -> ") + o.Escape(r.Link)
	case "hardlink":
		name += " = " + o.Path(r.Link)
	}
	switch {
	case r.Kind == "absent":
		name += "  (whiteout)"
	case r.Kind == "dir" && r.Hides != "":
		name += "  (opaque)"
	case r.Hides == "all":
		name += "  (and a whiteout)"
	}
	if r.Implied {
		name += "  (implied)"
	}
	return name
}

// modeText is kind and permissions as ls -l writes them.
func modeText(r *inspect.Row) string {
	letters := map[string]byte{"dir": 'd', "symlink": 'l', "char": 'c', "block": 'b', "fifo": 'p', "hardlink": 'h', "absent": 'w'}
	text := []byte("-rwxrwxrwx")
	if c, ok := letters[r.Kind]; ok {
		text[0] = c
	}
	mode, err := strconv.ParseUint(r.Mode, 8, 32)
	if err != nil || r.Kind == "absent" {
		return string(text[0]) + "---------"
	}
	for i := range 9 {
		if mode&(1<<(8-i)) == 0 {
			text[1+i] = '-'
		}
	}
	special(text, 3, mode&0o4000 != 0, 's', 'S')
	special(text, 6, mode&0o2000 != 0, 's', 'S')
	special(text, 9, mode&0o1000 != 0, 't', 'T')
	if len(r.Xattrs) > 0 {
		return string(text) + "+"
	}
	return string(text)
}

func special(text []byte, at int, set bool, executable, not byte) {
	switch {
	case !set:
	case text[at] == 'x':
		text[at] = executable
	default:
		text[at] = not
	}
}
