package report

import (
	"strings"

	"github.com/clipperhouse/displaywidth"

	"github.com/layers/layers/cmd/term"
)

// Escape makes a string safe for a terminal and for a line of its own: see
// term.Escape.
func (o Options) Escape(s string) string {
	if o.ASCII {
		return term.EscapeASCII(s)
	}
	return term.Escape(s)
}

// Width is the number of columns that an escaped string takes on a terminal.
func Width(s string) int { return displaywidth.String(s) }

// Truncate cuts an escaped string to a number of columns; where something goes, an
// ellipsis takes its place.
func (o Options) Truncate(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	mark := o.ellipsis()
	if width <= Width(mark) {
		return strings.Repeat(".", max(width, 0))
	}
	return strings.TrimRight(cutTo(s, width-Width(mark)), " "+mark) + mark
}

// truncateMiddle cuts as Truncate does, and leaves both ends: for paths.
func (o Options) truncateMiddle(s string, width int) string {
	mark := o.ellipsis()
	room := width - Width(mark)
	if Width(s) <= width || room < 4 {
		return o.Truncate(s, width)
	}
	first := cutTo(s, room/2)
	rest := s[len(first):]
	over, drop := Width(rest)-(room-Width(first)), 0
	for graphemes := displaywidth.StringGraphemes(rest); over > 0 && graphemes.Next(); {
		over -= graphemes.Width()
		drop += len(graphemes.Value())
	}
	return first + mark + rest[drop:]
}

// truncateFront cuts as Truncate does, at the beginning: for names of images.
func (o Options) truncateFront(s string, width int) string {
	over := Width(s) - width
	if over <= 0 {
		return s
	}
	over += Width(o.ellipsis())
	drop := 0
	for graphemes := displaywidth.StringGraphemes(s); over > 0 && graphemes.Next(); {
		over -= graphemes.Width()
		drop += len(graphemes.Value())
	}
	return o.ellipsis() + s[drop:]
}

// cutTo is the longest beginning of s that takes no more than width columns, in
// whole characters as people see them.
func cutTo(s string, width int) string {
	end := 0
	graphemes := displaywidth.StringGraphemes(s)
	for graphemes.Next() {
		if width -= graphemes.Width(); width < 0 {
			break
		}
		end += len(graphemes.Value())
	}
	return s[:end]
}

func (o Options) ellipsis() string { return o.symbol("…", "...") }

// symbol is the first string, or the second where only ASCII is wanted.
func (o Options) symbol(unicode, ascii string) string {
	if o.ASCII {
		return ascii
	}
	return unicode
}

// oneLine folds white space before it escapes: for steps of a build.
func (o Options) oneLine(s string) string { return o.Escape(strings.Join(strings.Fields(s), " ")) }

// Path writes a path in an image as people do, with its leading slash.
func (o Options) Path(path string) string { return o.Escape("/" + path) }

// Digest shortens "sha256:…" to twelve digits, unless nothing may be cut.
func (o Options) Digest(digest string) string {
	_, hex, ok := strings.Cut(digest, ":")
	if o.NoTrunc || !ok {
		return o.Escape(digest)
	}
	return o.Escape(hex[:min(12, len(hex))])
}

// ends shortens a digest to its first and last four digits.
func (o Options) ends(digest string) string {
	algorithm, hex, ok := strings.Cut(digest, ":")
	if o.NoTrunc || !ok || len(hex) < 12 {
		return o.Escape(digest)
	}
	return o.Escape(algorithm+":"+hex[:4]) + o.ellipsis() + o.Escape(hex[len(hex)-4:])
}

// items joins what stands side by side on a line, and begins a new line where the
// width ends.
func (o Options) items(list ...string) []string { return o.wrapped("   ", list) }

// wrapped is items with another gap between them.
func (o Options) wrapped(gap string, list []string) []string {
	var lines []string
	line := ""
	for _, item := range list {
		switch {
		case item == "":
		case line == "":
			line = item
		case Width(line)+len(gap)+Width(item) > o.width():
			lines = append(lines, line)
			line = item
		default:
			line += gap + item
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// bar draws a share of the largest in a number of columns, in eighths of one.
func (o Options) bar(share, largest float64, columns int) string {
	if largest <= 0 || share <= 0 {
		return strings.Repeat(" ", columns)
	}
	eighths := min(int(share/largest*float64(columns)*8+0.5), columns*8)
	if o.ASCII {
		full := (eighths + 4) / 8
		return strings.Repeat("#", full) + strings.Repeat(" ", columns-full)
	}
	s := strings.Repeat("█", eighths/8)
	if part := eighths % 8; part > 0 {
		s += string([]rune("▏▎▍▌▋▊▉")[part-1])
	}
	return s + strings.Repeat(" ", columns-(eighths+7)/8)
}
