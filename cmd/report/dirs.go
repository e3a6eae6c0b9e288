package report

import (
	"fmt"
	"strings"

	"github.com/layers/layers/cmd/term"
	"github.com/layers/layers/inspect"
)

func dirsTable(r *inspect.DirsReport, o Options) *grid {
	about := o.about(r.Image)
	if r.Layer > 0 {
		about[0] = fmt.Sprintf("layer %d of %s", r.Layer, about[0])
	}
	t := &grid{Head: append(about, ""), Columns: []column{
		{Title: "UNPACKED", Right: true}, {Title: "CONTENT", Right: true}, {Title: "FILES", Right: true},
		{Title: "SHARE"}, {Title: "DIRECTORY", Key: "path"},
	}}
	d := dirRows{o: o, by: r.By, total: dirBytes(r.By, r.Root.Sums)}
	d.add(&r.Root, 0)
	t.Rows = listRows(d.rows)
	t.Foot = func() ([]string, error) {
		if r.Other == nil {
			return nil, nil
		}
		return []string{"", o.Units.Bytes(*r.Other) + " more content: hidden copies, headers, the ends of the archives"}, nil
	}
	return t
}

type dirRows struct {
	o     Options
	by    inspect.By
	total int64
	rows  []gridRow
}

func dirBytes(by inspect.By, s inspect.Sums) int64 {
	if by == inspect.ByContent && s.Content != nil {
		return *s.Content
	}
	return s.Unpacked
}

// add puts the directory before what is below it, which is indented. Those that
// hold nothing are summed up.
func (d *dirRows) add(dir *inspect.Dir, depth int) {
	name := dir.Path[strings.LastIndexByte(dir.Path, '/')+1:] + "/"
	path := cell{strings.Repeat("  ", depth) + d.o.Escape(name), term.Escape(dir.Path)}
	d.rows = append(d.rows, gridRow{Cells: d.cells(dir.Sums, path), Value: rowOf(dir)})
	var left inspect.Omitted
	if dir.Omitted != nil {
		left = *dir.Omitted
	}
	for i := range dir.Dirs {
		below := &dir.Dirs[i]
		if dirBytes(d.by, below.Sums) > 0 || below.Files > 0 {
			d.add(below, depth+1)
			continue
		}
		left.Count++
	}
	if left.Count > 0 {
		text := fmt.Sprintf("%s %s more", d.o.ellipsis(), Count(left.Count))
		d.rows = append(d.rows, gridRow{
			Cells: d.cells(left.Sums, cell{strings.Repeat("  ", depth+1) + text, strings.TrimSpace(term.Escape(dir.Path) + " (others)")}),
			Value: omittedRow{dir.Named, left},
		})
	}
}

// omittedRow is what is not listed below a directory.
type omittedRow struct {
	inspect.Named
	Omitted inspect.Omitted `json:"omitted"`
}

// rowOf is the directory without those below it, which have rows of their own.
func rowOf(dir *inspect.Dir) *inspect.Dir {
	row := *dir
	row.Dirs, row.Omitted = nil, nil
	return &row
}

func (d *dirRows) cells(s inspect.Sums, path cell) []cell {
	share := 0.0
	if d.total > 0 {
		share = float64(dirBytes(d.by, s)) / float64(d.total)
	}
	bar := cell{d.o.bar(share, 1, 10) + fmt.Sprintf(" %5s", percent(share)), fmt.Sprintf("%.4f", share)}
	return []cell{d.o.bytesCell(s.Unpacked), d.o.maybeBytes(s.Content), countCell(s.Files), bar, path}
}
