package term

import (
	"encoding/json"
	"fmt"

	"github.com/clipperhouse/displaywidth"
)

// countEvent is the line of --progress json for work that is counted.
type countEvent struct {
	What string `json:"what"`
	Done int    `json:"done"`
	Of   int    `json:"of"`
}

// Count shows how far work has come that consists of things and not of bytes:
// "debian: tags 12 of 30". It shares its lines with Update, and is not for use beside it.
func (p *Progress) Count(what string, done, of int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.o.Now()
	over := done >= of
	line := fmt.Sprintf("%s %d of %d", Escape(what), done, of)
	switch p.o.Mode {
	case ModeTTY:
		if !over && now.Sub(p.drawn) < redrawEvery {
			return
		}
		p.wipe()
		p.drawn = now
		if !over {
			fmt.Fprintln(p.w, displaywidth.TruncateString(line, p.o.Width-1, "…"))
			p.lines = 1
		}
	case ModePlain:
		if over || now.Sub(p.drawn) >= plainEvery {
			p.drawn = now
			fmt.Fprintln(p.w, line)
		}
	case ModeJSON:
		if text, err := json.Marshal(countEvent{what, done, of}); err == nil {
			fmt.Fprintf(p.w, "%s\n", text)
		}
	}
}
