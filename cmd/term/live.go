package term

import (
	"fmt"
	"strings"
	"time"

	"github.com/clipperhouse/displaywidth"
)

// liveLines is how many items are shown at once; the others are in the sum.
const liveLines = 6

// wipe takes the live lines off the screen, and leaves the cursor where they began.
func (p *Progress) wipe() {
	if p.lines > 0 {
		fmt.Fprintf(p.w, "\r\x1b[%dA\x1b[J", p.lines)
		p.lines = 0
	}
}

// draw shows the items under way and their sum, at most ten times a second.
func (p *Progress) draw(now time.Time) {
	if !p.dirty || now.Sub(p.drawn) < redrawEvery {
		return
	}
	p.drawn = now
	lines := p.live(now)
	var b strings.Builder
	if p.lines > 0 {
		fmt.Fprintf(&b, "\r\x1b[%dA\x1b[J", p.lines)
	}
	for _, l := range lines {
		// One column is left free: a full line would wrap on some terminals.
		b.WriteString(displaywidth.TruncateString(l, p.o.Width-1, "…"))
		b.WriteByte('\n')
	}
	p.lines = len(lines)
	if _, err := p.w.Write([]byte(b.String())); err != nil {
		p.o.Mode = ModeNone
	}
	// What moves is redrawn by ticks too: a stalled rate must fall.
	p.dirty = len(lines) > 0
}

// live returns one line for each item under way, and the sum of all.
func (p *Progress) live(now time.Time) []string {
	var lines []string
	for _, it := range p.items {
		if !it.over() && len(lines) < liveLines {
			lines = append(lines, p.line(it))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return append(lines, p.sum(now))
}

// sum says how far all items together are, and how fast.
func (p *Progress) sum(now time.Time) string {
	var over int
	var bytes, size, moved int64
	since := now
	for _, it := range p.items {
		if it.over() {
			over++
		}
		bytes += it.doneBytes()
		size += it.Size
		if it.State != Exists {
			moved += max(it.doneBytes()-it.from, 0)
		}
		if it.since.Before(since) {
			since = it.since
		}
	}
	rate := ""
	if d := now.Sub(since); d >= time.Second {
		rate = fmt.Sprintf("   %s/s", p.o.Bytes(int64(float64(moved)/d.Seconds())))
	}
	image := p.plan.image
	if image == "" {
		image = p.items[len(p.items)-1].Image
	}
	return fmt.Sprintf("%s   %d of %d layers   %s of %s%s", Escape(image), over,
		max(p.plan.layers, len(p.items)), p.o.Bytes(bytes), p.o.Bytes(max(p.plan.bytes, size)), rate)
}

func (it *item) doneBytes() int64 {
	if it.over() {
		return it.Size
	}
	return it.Bytes
}

func (p *Progress) line(it *item) string {
	if it.State == Retrying {
		return fmt.Sprintf("  layer %-3d %-12s  %s", it.Layer, it.short(), p.status(it))
	}
	return fmt.Sprintf("  layer %-3d %-12s  %s  %s", it.Layer, it.short(), p.bar(it.Bytes, it.Size), p.status(it))
}

// bar draws a part of a whole in 20 columns.
func (p *Progress) bar(part, whole int64) string {
	const columns = 20
	n := 0
	if whole > 0 {
		n = int(float64(min(max(part, 0), whole)) / float64(whole) * columns)
	}
	full, empty := "█", "░"
	if !p.o.UTF8 {
		full, empty = "#", "."
	}
	return strings.Repeat(full, n) + strings.Repeat(empty, columns-n)
}
